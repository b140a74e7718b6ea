package main

import (
	"bytes"
	"flag"
	"fmt"
)

// producing keeps up to `window` batches in flight on one partition, until its time or its share of bytes is over.
type producing struct {
	deadline
	topic   string
	block   []byte // frames one after the other, sent by as many as the window has room for
	size    int    // of one frame
	records int64  // of one batch
	window  int
	chunk   int // frames that should be free before more are sent: fewer, larger writes
	limit   int // batches
	sent    int
	got     int
	// Without other writers and from an empty log on, each base offset is known.
	nextOffset int64
}

func (p *producing) next() ([]byte, int) {
	free := min(p.window-(p.sent-p.got), p.limit-p.sent)
	if free <= 0 || (free < p.chunk && p.limit-p.sent >= p.chunk) || p.isOver() {
		return nil, 0
	}
	n := min(free, p.chunk)
	p.sent += n
	return p.block[:n*p.size], n
}

func (p *producing) answer(frame []byte) error {
	offset, err := baseOffset(frame, p.topic)
	if err != nil {
		return err
	}
	if offset != p.nextOffset {
		return fmt.Errorf("a batch was given offset %d where %d was next", offset, p.nextOffset)
	}
	p.nextOffset += p.records
	p.got++
	return nil
}

func (p *producing) done() bool {
	return p.sent >= p.limit || p.isOver()
}

func produce(flags *flag.FlagSet, arguments []string) (map[string]float64, error) {
	address := flags.String("address", "", "host:port of the broker")
	topic := flags.String("topic", "", "an empty topic")
	partitions := flags.Int("partitions", 1, "that many partitions, a connection each")
	records := flags.Int("records", 1, "records in a batch")
	valueBytes := flags.Int("value-bytes", 1000, "bytes of a record's value")
	window := flags.Int("window", 4, "batches in flight on a connection")
	acks := flags.Int("acks", -1, "acknowledgement: 1, or -1 for all")
	seconds := flags.Float64("seconds", 3, "stop after this time,")
	maxBytes := flags.Int("max-bytes", 1_000_000_000, "or after this amount in all")
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	batch := batch(*records, *valueBytes)
	chunk := max(1, *window/4)
	streams := make([]*producing, *partitions)
	for i := range streams {
		request := produceFrame(*topic, i, *acks, batch)
		streams[i] = &producing{
			topic: *topic, block: bytes.Repeat(request, chunk), size: len(request), records: int64(*records), window: *window, chunk: chunk,
			limit: max(1, *maxBytes / *partitions / len(batch)),
		}
	}
	watch, err := pumpFor(*address, streams, *seconds)
	if err != nil {
		return nil, err
	}
	batches := 0
	for _, s := range streams {
		batches += s.got
	}
	return watch.report(map[string]float64{"batches": float64(batches), "records": float64(batches * *records), "bytes": float64(batches * len(batch)), "batchBytes": float64(len(batch))}), nil
}
