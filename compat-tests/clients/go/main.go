// The franz-go client program; ../driver.ts describes the conversation in lines of JSON.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"ottla.test/client/conversation"
)

type request struct {
	Topic      string `json:"topic"`
	Partitions int32  `json:"partitions"`
	Codec      string `json:"codec"`
	File       string `json:"file"`
	Member     string `json:"member"`
	Group      string `json:"group"`
	Commits    bool   `json:"commits"`
	Mode       string `json:"mode"`
}

type delivery struct {
	Member  string `json:"member"`
	Records string `json:"records"`
}

type failure struct {
	Member string `json:"member"`
	Failed string `json:"failed"`
}

type member struct {
	leave context.CancelFunc
	gone  chan error
}

type program struct {
	bootstrap string
	mutex     sync.Mutex // guards producers and members
	producers map[string]*kgo.Client
	members   map[string]*member
}

func mode(name string) []kgo.Opt {
	switch name {
	case "eager":
		return []kgo.Opt{kgo.Balancers(kgo.RangeBalancer())}
	case "consumer":
		return []kgo.Opt{kgo.ServerSideBalancer()}
	default:
		return nil
	}
}

func (p *program) client(options ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(p.bootstrap),
		kgo.RetryBackoffFn(func(int) time.Duration { return 100 * time.Millisecond }),
		kgo.MetadataMinAge(50 * time.Millisecond),
	}, options...)...)
}

func (p *program) createTopic(r request) error {
	client, err := p.client()
	if err != nil {
		return err
	}
	defer client.Close()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = r.Topic, r.Partitions, 1
	create := kmsg.NewPtrCreateTopicsRequest()
	create.Topics = append(create.Topics, topic)
	response, err := create.RequestWith(context.Background(), client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(response.Topics[0].ErrorCode)
}

var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

func (p *program) producer(r request) (*kgo.Client, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if producer, ok := p.producers[r.Topic]; ok {
		return producer, nil
	}
	producer, err := p.client(kgo.DefaultProduceTopic(r.Topic), kgo.ProducerBatchCompression(codecs[r.Codec]), kgo.ProducerLinger(5*time.Millisecond))
	if err == nil {
		p.producers[r.Topic] = producer
	}
	return producer, err
}

func (p *program) produce(r request) error {
	producer, err := p.producer(r)
	if err != nil {
		return err
	}
	file, err := os.Open(r.File)
	if err != nil {
		return err
	}
	defer file.Close()
	var first kgo.FirstErrPromise
	for lines := bufio.NewScanner(file); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), "\t")
		producer.Produce(context.Background(), kgo.KeyStringRecord(key, value), first.Promise())
	}
	return first.Err()
}

func (p *program) join(r request) error {
	consumer, err := p.client(append(mode(r.Mode),
		kgo.ConsumerGroup(r.Group), kgo.ConsumeTopics(r.Topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(), kgo.HeartbeatInterval(300*time.Millisecond), kgo.SessionTimeout(10*time.Second), kgo.FetchMaxWait(100*time.Millisecond),
	)...)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	m := &member{leave: cancel, gone: make(chan error, 1)}
	p.mutex.Lock()
	p.members[r.Member] = m
	p.mutex.Unlock()
	go func() {
		err := p.consume(ctx, consumer, r)
		if err != nil {
			conversation.Say(failure{r.Member, err.Error()})
		}
		m.gone <- err
	}()
	return nil
}

func (p *program) consume(ctx context.Context, consumer *kgo.Client, r request) error {
	// Close leaves the group too, and must not wait for a poll that holds a rebalance back.
	defer consumer.CloseAllowingRebalance()
	for {
		fetches := consumer.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		var lines strings.Builder
		fetches.EachRecord(func(record *kgo.Record) {
			if lines.Len() > 0 {
				lines.WriteByte('\n')
			}
			fmt.Fprintf(&lines, "%d\t%d\t%s\t%s", record.Partition, record.Offset, record.Key, record.Value)
		})
		if lines.Len() > 0 {
			conversation.Say(delivery{r.Member, lines.String()})
			if r.Commits {
				if err := consumer.CommitRecords(context.Background(), fetches.Records()...); err != nil && r.Mode == "" {
					return err
				}
			}
		}
		consumer.AllowRebalance()
	}
}

func (p *program) leave(r request) error {
	p.mutex.Lock()
	m := p.members[r.Member]
	delete(p.members, r.Member)
	p.mutex.Unlock()
	if m == nil {
		return errors.New("no member " + r.Member)
	}
	m.leave()
	return <-m.gone
}

func main() {
	p := &program{bootstrap: os.Args[1], producers: map[string]*kgo.Client{}, members: map[string]*member{}}
	conversation.Serve(map[string]conversation.Operation[request]{
		"createTopic": done(p.createTopic), "produce": done(p.produce), "join": done(p.join), "leave": done(p.leave),
	})
}

// done is an operation whose answer is that it was done.
func done(operation func(request) error) conversation.Operation[request] {
	return func(r request) (any, error) { return nil, operation(r) }
}
