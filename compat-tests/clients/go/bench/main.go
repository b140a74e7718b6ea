// A normal client for `make bench`: franz-go with its defaults, of the version that go.mod pins. Prints one line of JSON.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

var (
	bootstrap  = flag.String("bootstrap", "", "host:port of the broker")
	topic      = flag.String("topic", "", "topic")
	records    = flag.Int("records", 100_000, "records to produce or consume")
	valueBytes = flag.Int("value-bytes", 1000, "bytes of a record's value")
	committed  = flag.Bool("read-committed", false, "consume what is committed alone")
	groups     = flag.Int("groups", 20, "fresh groups, one after the other")
)

var modes = map[string]func(context.Context) (map[string]float64, error){
	"produce": produce, "consume": consume, "group": group, "transactions": transactions, "pipeline": pipeline,
}

func main() {
	if len(os.Args) < 2 || modes[os.Args[1]] == nil {
		fail(fmt.Errorf("usage: bench produce|consume|group|transactions|pipeline [flags]"))
	}
	mode := modes[os.Args[1]]
	if err := flag.CommandLine.Parse(os.Args[2:]); err != nil {
		fail(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	start, cpu := time.Now(), cpuSeconds()
	found, err := mode(ctx)
	if err != nil {
		fail(err)
	}
	found["clientCores"] = (cpuSeconds() - cpu) / time.Since(start).Seconds()
	line, err := json.Marshal(found)
	if err != nil {
		fail(err)
	}
	fmt.Println(string(line))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "franz-go:", err)
	os.Exit(1)
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

// produce is acks=all and idempotent, the client's defaults; compression would measure the codec and not the broker.
func produce(ctx context.Context) (map[string]float64, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(*bootstrap), kgo.DefaultProduceTopic(*topic), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	value := make([]byte, *valueBytes)
	_, _ = rand.New(rand.NewSource(1)).Read(value)
	if err := client.Ping(ctx); err != nil {
		return nil, err
	}
	start := time.Now()
	var first kgo.FirstErrPromise
	for range *records {
		client.Produce(ctx, &kgo.Record{Value: value}, first.Promise())
	}
	if err := first.Err(); err != nil {
		return nil, err
	}
	return map[string]float64{"seconds": time.Since(start).Seconds(), "records": float64(*records), "bytes": float64(*records * *valueBytes)}, nil
}

func consume(ctx context.Context) (map[string]float64, error) {
	isolation := kgo.ReadUncommitted()
	if *committed {
		isolation = kgo.ReadCommitted()
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(*bootstrap), kgo.ConsumeTopics(*topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(isolation))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	start, count, bytes := time.Now(), 0, 0
	for count < *records {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return nil, err
		}
		fetches.EachError(func(_ string, _ int32, failed error) { err = failed })
		if err != nil {
			return nil, err
		}
		fetches.EachRecord(func(record *kgo.Record) {
			count++
			bytes += len(record.Value)
		})
	}
	return map[string]float64{"seconds": time.Since(start).Seconds(), "records": float64(count), "bytes": float64(bytes)}, nil
}

// group measures from a client's creation to the first record that it was given as the only member of a fresh group.
func group(ctx context.Context) (map[string]float64, error) {
	var ms []float64
	prefix := strconv.FormatInt(time.Now().UnixNano(), 36)
	for i := range *groups {
		took, err := joinFresh(ctx, fmt.Sprintf("%s-%d", prefix, i))
		if err != nil {
			return nil, err
		}
		ms = append(ms, float64(took)/1e6)
	}
	slices.Sort(ms)
	return map[string]float64{"medianMs": ms[len(ms)/2], "maxMs": ms[len(ms)-1], "groups": float64(*groups)}, nil
}

func joinFresh(ctx context.Context, name string) (time.Duration, error) {
	start := time.Now()
	client, err := kgo.NewClient(kgo.SeedBrokers(*bootstrap), kgo.ConsumerGroup(name), kgo.ConsumeTopics(*topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return 0, err
		}
		if fetches.NumRecords() > 0 {
			return time.Since(start), nil
		}
	}
}
