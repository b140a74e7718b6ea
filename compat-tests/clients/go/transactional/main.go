// The franz-go client of the transactional scenario (compat-tests/transactional-clients/driver.ts). A first argument
// `--as V` has it speak no newer versions than those of Kafka V.
package main

import (
	"context"
	"encoding/json"
	"os"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"ottla.test/client/conversation"
)

type request struct {
	Producer        string            `json:"producer"`
	TransactionalID string            `json:"transactionalId"`
	TimeoutMs       int               `json:"timeoutMs"`
	Topic           string            `json:"topic"`
	Records         []json.RawMessage `json:"records"`
	Group           string            `json:"group"`
	Partition       int32             `json:"partition"`
	Offset          int64             `json:"offset"`
	Partitions      int32             `json:"partitions"`
	Isolation       string            `json:"isolation"`
	Until           string            `json:"until"`
}

type program struct {
	options   []kgo.Opt
	mutex     sync.Mutex // guards producers
	producers map[string]*kgo.Client
}

func (p *program) client(options ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append(options, p.options...)...)
}

func (p *program) producer(r request) *kgo.Client {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.producers[r.Producer]
}

func (p *program) open(r request) (any, error) {
	client, err := p.client(
		kgo.TransactionalID(r.TransactionalID), kgo.TransactionTimeout(time.Duration(r.TimeoutMs)*time.Millisecond), kgo.RecordPartitioner(kgo.ManualPartitioner()),
	)
	if err != nil {
		return nil, err
	}
	if _, _, err := client.ProducerID(context.Background()); err != nil {
		return nil, err
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.producers[r.Producer] = client
	return nil, nil
}

func (p *program) begin(r request) (any, error) { return nil, p.producer(r).BeginTransaction() }

func (p *program) send(r request) (any, error) {
	first := kgo.AbortingFirstErrPromise(p.producer(r))
	for _, raw := range r.Records {
		var partition int32
		var value string
		if err := json.Unmarshal(raw, &[]any{&partition, &value}); err != nil {
			return nil, err
		}
		p.producer(r).Produce(context.Background(), &kgo.Record{Topic: r.Topic, Partition: partition, Value: []byte(value)}, first.Promise())
	}
	return nil, first.Err()
}

// sendOffset asks in franz-go's requests: by itself it does so for a member of a group alone (GroupTransactSession).
func (p *program) sendOffset(r request) (any, error) {
	ctx, client := context.Background(), p.producer(r)
	id, epoch, err := client.ProducerID(ctx)
	if err != nil {
		return nil, err
	}
	transactionalID := client.OptValue(kgo.TransactionalID).(string)
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = transactionalID, id, epoch, r.Group
	added, err := add.RequestWith(ctx, client)
	if err == nil {
		err = kerr.ErrorForCode(added.ErrorCode)
	}
	if err != nil {
		return nil, err
	}
	partition, topic, commit := kmsg.NewTxnOffsetCommitRequestTopicPartition(), kmsg.NewTxnOffsetCommitRequestTopic(), kmsg.NewPtrTxnOffsetCommitRequest()
	partition.Partition, partition.Offset = r.Partition, r.Offset
	topic.Topic, topic.Partitions = r.Topic, append(topic.Partitions, partition)
	commit.TransactionalID, commit.ProducerID, commit.ProducerEpoch, commit.Group = transactionalID, id, epoch, r.Group
	commit.Topics = append(commit.Topics, topic)
	committed, err := commit.RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	return nil, kerr.ErrorForCode(committed.Topics[0].Partitions[0].ErrorCode)
}

func (p *program) end(how kgo.TransactionEndTry) conversation.Operation[request] {
	return func(r request) (any, error) { return nil, p.producer(r).EndTransaction(context.Background(), how) }
}

func (p *program) close(r request) (any, error) {
	p.producer(r).Close()
	return nil, nil
}

func (p *program) read(r request) (any, error) {
	isolation := kgo.ReadUncommitted()
	if r.Isolation == "read_committed" {
		isolation = kgo.ReadCommitted()
	}
	assigned, values := map[int32]kgo.Offset{}, make([][]string, r.Partitions)
	for partition := range r.Partitions {
		assigned[partition], values[partition] = kgo.NewOffset().AtStart(), []string{}
	}
	client, err := p.client(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{r.Topic: assigned}), kgo.FetchIsolationLevel(isolation), kgo.FetchMaxWait(100*time.Millisecond),
	)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	for len(assigned) > 0 {
		client.PollFetches(context.Background()).EachRecord(func(record *kgo.Record) {
			value := string(record.Value)
			_, isOpen := assigned[record.Partition]
			switch {
			case value == r.Until:
				delete(assigned, record.Partition)
			case isOpen:
				values[record.Partition] = append(values[record.Partition], value)
			}
		})
	}
	return values, nil
}

func main() {
	p := &program{producers: map[string]*kgo.Client{}}
	p.options = []kgo.Opt{kgo.SeedBrokers(os.Args[len(os.Args)-1]), kgo.MetadataMinAge(50 * time.Millisecond)}
	if os.Args[1] == "--as" {
		versions := kversion.FromString(os.Args[2])
		if versions == nil {
			panic("no versions of Kafka " + os.Args[2])
		}
		p.options = append(p.options, kgo.MaxVersions(versions))
	}
	conversation.Serve(map[string]conversation.Operation[request]{
		"open": p.open, "begin": p.begin, "send": p.send, "sendOffset": p.sendOffset, "commit": p.end(kgo.TryCommit), "abort": p.end(kgo.TryAbort), "close": p.close, "read": p.read,
	})
}
