// Transactions of a normal client: one after the other, and as a pipeline that consumes, transforms and produces.
package main

import (
	"context"
	"errors"
	"flag"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
)

var (
	id      = flag.String("transactional-id", "", "of the producer, and name of the group")
	output  = flag.String("output", "", "topic that a pipeline writes to")
	seconds = flag.Float64("seconds", 3, "begin no transaction after this time")
	classic = flag.Bool("classic", false, "transactions as they were before KIP-890's second part")
	perTxn  = flag.Int("records-per-transaction", 10, "at most that many in a pipeline")
)

// timings are those of transactions that were committed.
type timings struct {
	commits []time.Duration
	wholes  []time.Duration
}

func (t *timings) add(commit, whole time.Duration) {
	t.commits, t.wholes = append(t.commits, commit), append(t.wholes, whole)
}

// report gives what is common to all loads of transactions.
func (t *timings) report(start time.Time, records int) map[string]float64 {
	found := map[string]float64{
		"seconds": time.Since(start).Seconds(), "transactions": float64(len(t.wholes)), "committed": float64(len(t.wholes) + 1), "records": float64(records),
	}
	for name, each := range map[string][]time.Duration{"commit": t.commits, "whole": t.wholes} {
		slices.Sort(each)
		found[name+"P50Ms"], found[name+"P99Ms"] = percentile(each, 0.5), percentile(each, 0.99)
	}
	return found
}

func percentile(sorted []time.Duration, part float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[int(part*float64(len(sorted)-1))]) / 1e6
}

// transactions commits one after the other to one partition. The first, which also asks for the producer id, is not counted.
func transactions(ctx context.Context) (map[string]float64, error) {
	options := []kgo.Opt{kgo.SeedBrokers(*bootstrap), kgo.DefaultProduceTopic(*topic), kgo.TransactionalID(*id),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression())}
	if *classic {
		options = append(options, kgo.MaxVersions(kversion.V3_7_0()))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	value := make([]byte, *valueBytes)
	var found timings
	if err := transact(ctx, client, value, &found); err != nil {
		return nil, err
	}
	found = timings{}
	start := time.Now()
	for time.Since(start).Seconds() < *seconds {
		if err := transact(ctx, client, value, &found); err != nil {
			return nil, err
		}
	}
	return found.report(start, len(found.wholes)**perTxn), nil
}

func transact(ctx context.Context, client *kgo.Client, value []byte, found *timings) error {
	begun := time.Now()
	if err := client.BeginTransaction(); err != nil {
		return err
	}
	var first kgo.FirstErrPromise
	for range *perTxn {
		client.Produce(ctx, &kgo.Record{Value: value}, first.Promise())
	}
	if err := errors.Join(client.Flush(ctx), first.Err()); err != nil {
		return err
	}
	ready := time.Now()
	if err := client.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return err
	}
	found.add(time.Since(ready), time.Since(begun))
	return nil
}

// pipeline copies `records` of a topic to another, in transactions that commit what was consumed with what was produced. It ends
// when all is copied or the time is over; the first transaction, by which the group is joined, is not counted.
func pipeline(ctx context.Context) (map[string]float64, error) {
	session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(*bootstrap), kgo.TransactionalID(*id), kgo.ConsumerGroup(*id), kgo.ConsumeTopics(*topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RequireStableFetchOffsets(),
		kgo.DefaultProduceTopic(*output), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return nil, err
	}
	defer session.Close()
	var found timings
	first, err := copyOnce(ctx, session, &found)
	if err != nil {
		return nil, err
	}
	found = timings{}
	start, copied := time.Now(), 0
	for first+copied < *records && time.Since(start).Seconds() < *seconds {
		count, err := copyOnce(ctx, session, &found)
		if err != nil {
			return nil, err
		}
		copied += count
	}
	report := found.report(start, copied)
	report["copied"] = float64(first + copied)
	return report, nil
}

// copyOnce polls, produces what it got, and commits; 0 when the transaction was aborted for a rebalance.
func copyOnce(ctx context.Context, session *kgo.GroupTransactSession, found *timings) (int, error) {
	begun := time.Now()
	fetches := session.PollRecords(ctx, *perTxn)
	for _, failed := range fetches.Errors() {
		return 0, failed.Err
	}
	if fetches.NumRecords() == 0 {
		return 0, nil
	}
	if err := session.Begin(); err != nil {
		return 0, err
	}
	var first kgo.FirstErrPromise
	fetches.EachRecord(func(record *kgo.Record) {
		session.Produce(ctx, &kgo.Record{Key: record.Key, Value: record.Value}, first.Promise())
	})
	if err := errors.Join(session.Client().Flush(ctx), first.Err()); err != nil {
		return 0, err
	}
	ready := time.Now()
	committed, err := session.End(ctx, kgo.TryCommit)
	if err != nil || !committed {
		return 0, err
	}
	found.add(time.Since(ready), time.Since(begun))
	return fetches.NumRecords(), nil
}
