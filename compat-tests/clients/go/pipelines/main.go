// Transactional pipelines of franz-go; compat-tests/soak-eos/pipeline.ts says what they do.
package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const retryWait = 100 * time.Millisecond

func (a *account) options(bootstrap string) []kgo.Opt {
	return []kgo.Opt{
		kgo.SeedBrokers(bootstrap),
		kgo.TransactionalID(a.TransactionalID),
		kgo.TransactionTimeout(time.Duration(a.TransactionTimeoutMs) * time.Millisecond),
		kgo.DefaultProduceTopic(a.topicToWrite()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.RetryBackoffFn(func(int) time.Duration { return retryWait }),
		kgo.MetadataMinAge(50 * time.Millisecond),
		kgo.ProducerLinger(5 * time.Millisecond),
	}
}

func (a *account) rest(ctx context.Context, wait time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(wait):
	}
}

func (a *account) pause(ctx context.Context) {
	a.rest(ctx, time.Duration(a.PauseMs)*time.Millisecond)
}

// open takes the transactional id: whoever had it is fenced.
func (a *account) open(client *kgo.Client) error {
	startMs := nowMs()
	_, _, err := client.ProducerID(context.Background())
	if err == nil {
		a.initialized(startMs)
	}
	return err
}

// feed runs until ctx is done; each client serves until its producer has failed.
func (a *account) feed(ctx context.Context, bootstrap string) error {
	for ctx.Err() == nil {
		client, err := kgo.NewClient(a.options(bootstrap)...)
		if err != nil {
			return err
		}
		err = a.open(client)
		for ctx.Err() == nil && err == nil {
			if err = a.feedOnce(client); err == nil {
				a.pause(ctx)
			}
		}
		client.Close()
		if err != nil {
			a.rest(ctx, retryWait)
		}
	}
	return nil
}

// feedOnce does not stop when the program is to end: a transaction is brought to its end.
func (a *account) feedOnce(client *kgo.Client) error {
	ctx := context.Background()
	transaction, records, how := a.begin(), a.nextRecords(), lost
	defer func() { transaction.ended(how, len(records)) }()
	if err := client.BeginTransaction(); err != nil {
		return err
	}
	first := kgo.AbortingFirstErrPromise(client)
	for _, each := range records {
		client.Produce(ctx, each.toSend(), first.Promise())
	}
	commit := kgo.TransactionEndTry(first.Err() == nil && !transaction.isToBeAborted)
	if first.Err() == nil {
		transaction.sent(records, nil)
	}
	if err := client.EndTransaction(ctx, commit); err != nil {
		return err
	}
	how = transaction.endedBy(bool(commit))
	return nil
}

func (t *transaction) endedBy(isCommitted bool) ending {
	switch {
	case isCommitted:
		return committed
	case t.isToBeAborted:
		return aborted
	default:
		return refused
	}
}

func (r record) toSend() *kgo.Record {
	sent := kgo.KeyStringRecord(r.key, r.value)
	sent.Partition = r.partition
	return sent
}

func (a *account) consumerOptions() []kgo.Opt {
	options := []kgo.Opt{
		kgo.ConsumerGroup(a.GroupID), kgo.ConsumeTopics(a.InputTopic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RequireStableFetchOffsets(), kgo.FetchMaxWait(100 * time.Millisecond),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { a.hasMoved.Store(true) }),
	}
	if a.GroupProtocol == "consumer" {
		return append(options, kgo.ServerSideBalancer())
	}
	return append(options, kgo.SessionTimeout(time.Duration(a.SessionTimeoutMs)*time.Millisecond), kgo.HeartbeatInterval(300*time.Millisecond))
}

// copy runs until ctx is done; each session serves until its producer has failed.
func (a *account) copy(ctx context.Context, bootstrap string) error {
	for ctx.Err() == nil {
		session, err := kgo.NewGroupTransactSession(append(a.options(bootstrap), a.consumerOptions()...)...)
		if err != nil {
			return err
		}
		a.subscribed()
		err = a.open(session.Client())
		for ctx.Err() == nil && err == nil {
			if err = a.copyOnce(ctx, session); err == nil {
				a.pause(ctx)
			}
		}
		session.Close()
		if err != nil {
			a.rest(ctx, retryWait)
		}
	}
	return nil
}

func (a *account) copyOnce(stopping context.Context, session *kgo.GroupTransactSession) error {
	// Errors of a fetch heal by themselves: the client tries again.
	fetched := session.PollRecords(stopping, a.MostRecords).Records()
	if a.hasMoved.Swap(false) {
		a.wentBack()
	}
	if len(fetched) == 0 {
		return nil
	}
	how, err := a.transact(session, fetched)
	if err == nil && how != committed {
		a.wentBack()
	}
	return err
}

func (a *account) transact(session *kgo.GroupTransactSession, fetched []*kgo.Record) (how ending, err error) {
	ctx := context.Background()
	transaction := a.begin()
	defer func() { transaction.ended(how, len(fetched)) }()
	if err := session.Begin(); err != nil {
		return lost, err
	}
	records, inputs := make([]record, len(fetched)), make([]input, len(fetched))
	first := kgo.AbortingFirstErrPromise(session.Client())
	for i, each := range fetched {
		value := string(each.Value)
		records[i] = record{string(each.Key), value + "@" + transaction.id, each.Partition}
		inputs[i] = input{each.Partition, each.Offset, value}
		session.Produce(ctx, records[i].toSend(), first.Promise())
	}
	commit := kgo.TransactionEndTry(first.Err() == nil && !transaction.isToBeAborted)
	if first.Err() == nil {
		transaction.sent(records, inputs)
	}
	isCommitted, err := session.End(ctx, commit)
	if err != nil {
		return lost, err
	}
	return transaction.endedBy(isCommitted), nil
}

func main() {
	var p program
	if err := json.Unmarshal([]byte(os.Args[len(os.Args)-1]), &p); err != nil {
		panic(err)
	}
	journal, err := os.OpenFile(p.Journal, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	var running sync.WaitGroup
	for _, each := range p.Members {
		account := each.account(journal)
		run := account.copy
		if each.Role == "feeder" {
			run = account.feed
		}
		running.Go(func() {
			if err := run(ctx, p.Bootstrap); err != nil {
				panic(err)
			}
		})
	}
	running.Wait()
}
