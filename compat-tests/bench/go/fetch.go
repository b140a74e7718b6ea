package main

import (
	"flag"
	"fmt"
)

// fetching reads one partition, one request in flight, from `from` to `to`: once, or again and again until the time is over.
type fetching struct {
	deadline
	topic    string
	request  fetchRequest
	from, to int64
	again    bool
	waiting  bool
	offset   int64
	bytes    int
	answers  int
	// Reads of the whole range that were finished.
	rounds int
}

func (f *fetching) next() ([]byte, int) {
	if f.waiting || f.done() {
		return nil, 0
	}
	f.waiting = true
	return f.request.at(f.offset), 1
}

func (f *fetching) answer(frame []byte) error {
	f.waiting = false
	got, err := readFetch(frame, f.topic, f.offset)
	if err != nil {
		return err
	}
	if got.bytes == 0 {
		return fmt.Errorf("nothing at offset %d of %d", f.offset, f.to)
	}
	f.bytes += got.bytes
	f.answers++
	f.offset = got.nextOffset
	if f.offset >= f.to {
		f.rounds++
		if f.again {
			f.offset = f.from
		}
	}
	return nil
}

func (f *fetching) done() bool {
	return f.offset >= f.to || f.isOver()
}

func fetch(flags *flag.FlagSet, arguments []string) (map[string]float64, error) {
	address := flags.String("address", "", "host:port of the broker")
	topic := flags.String("topic", "", "a topic with records")
	partitions := flags.Int("partitions", 1, "that many partitions, a connection each")
	from := flags.Int64("from", 0, "first offset")
	to := flags.Int64("to", 0, "offset after the last")
	maxBytes := flags.Int("max-bytes", 1_048_576, "bytes of one answer")
	again := flags.Bool("again", false, "begin anew at the end")
	seconds := flags.Float64("seconds", 30, "stop after this time at the latest")
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	streams := make([]*fetching, *partitions)
	for i := range streams {
		streams[i] = &fetching{topic: *topic, request: newFetchRequest(*topic, i, *maxBytes), from: *from, to: *to, offset: *from, again: *again}
	}
	watch, err := pumpFor(*address, streams, *seconds)
	if err != nil {
		return nil, err
	}
	found := map[string]float64{}
	for _, f := range streams {
		if f.rounds == 0 && !f.again {
			return nil, fmt.Errorf("only offset %d of %d was reached in %g s", f.offset, f.to, *seconds)
		}
		found["bytes"] += float64(f.bytes)
		found["answers"] += float64(f.answers)
	}
	return watch.report(found), nil
}
