package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"syscall"
	"time"
)

// latencies of records that are sent on a fixed schedule, whether or not the ones before were answered: a slow answer
// does not keep later ones from being measured. One record a request, so record i has offset i.
type latencies struct {
	sentNs    []int64
	ackedNs   []int64
	arrivedNs []int64
	lateNs    []int64
}

func latency(flags *flag.FlagSet, arguments []string) (map[string]float64, error) {
	address := flags.String("address", "", "host:port of the broker")
	topic := flags.String("topic", "", "an empty topic with one partition")
	acks := flags.Int("acks", -1, "acknowledgement: 1, or -1 for all")
	rate := flags.Int("rate", 1000, "records a second")
	seconds := flags.Float64("seconds", 5, "how long")
	warmSeconds := flags.Float64("warm-seconds", 1, "that much of it is not counted")
	valueBytes := flags.Int("value-bytes", 1000, "bytes of a record's value")
	consume := flags.Bool("consume", false, "measure until a consumer that waits has the record, too")
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	count := int(float64(*rate) * *seconds)
	l := &latencies{make([]int64, count), make([]int64, count), make([]int64, count), make([]int64, count)}
	producer, err := dial(*address)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(producer)
	running := make(chan error, 3)
	waitFor := 2
	watch := startWatch()
	if *consume {
		consumer, err := dial(*address)
		if err != nil {
			return nil, err
		}
		defer syscall.Close(consumer)
		waitFor++
		go func() { running <- l.consume(consumer, *topic, watch) }()
	}
	go func() { running <- l.acknowledge(producer, *topic, watch) }()
	go func() {
		running <- l.send(producer, produceFrame(*topic, 0, *acks, batch(1, *valueBytes)), time.Second/time.Duration(*rate), watch)
	}()
	for range waitFor {
		select {
		case err := <-running:
			if err != nil {
				return nil, err
			}
		case <-time.After(time.Duration(*seconds*float64(time.Second)) + answerTimeout):
			return nil, errors.New("records were not answered in time")
		}
	}
	warm := min(int(float64(*rate)**warmSeconds), count/2)
	found := watch.report(map[string]float64{"records": float64(count)})
	percentiles(found, "ack", l.ackedNs[warm:], l.sentNs[warm:])
	if *consume {
		percentiles(found, "arrival", l.arrivedNs[warm:], l.sentNs[warm:])
	}
	percentiles(found, "late", l.lateNs[warm:], nil)
	return found, nil
}

func (l *latencies) send(fd int, request []byte, interval time.Duration, watch stopwatch) error {
	for i := range l.sentNs {
		dueNs := int64(interval) * int64(i)
		// The runtime's own timers are a millisecond coarse when a process sleeps.
		if wait := dueNs - int64(time.Since(watch.start)); wait > 0 {
			pause := syscall.NsecToTimespec(wait)
			_ = syscall.Nanosleep(&pause, nil)
		}
		l.sentNs[i] = int64(time.Since(watch.start))
		l.lateNs[i] = l.sentNs[i] - dueNs
		for rest := request; len(rest) > 0; {
			n, err := syscall.Write(fd, rest)
			if err != nil {
				return err
			}
			rest = rest[n:]
		}
	}
	return nil
}

func (l *latencies) acknowledge(fd int, topic string, watch stopwatch) error {
	frames := frameReader{fd: fd, buffer: make([]byte, readBufferBytes)}
	for i := range l.ackedNs {
		answer, err := frames.next()
		if err != nil {
			return err
		}
		offset, err := baseOffset(answer, topic)
		if err != nil {
			return err
		}
		if offset != int64(i) {
			return fmt.Errorf("record %d was given offset %d", i, offset)
		}
		l.ackedNs[i] = int64(time.Since(watch.start))
	}
	return nil
}

func (l *latencies) consume(fd int, topic string, watch stopwatch) error {
	frames := frameReader{fd: fd, buffer: make([]byte, 4*readBufferBytes)}
	request := newFetchRequest(topic, 0, readBufferBytes)
	for offset := int64(0); offset < int64(len(l.arrivedNs)); {
		if _, err := syscall.Write(fd, request.at(offset)); err != nil {
			return err
		}
		answer, err := frames.next()
		if err != nil {
			return err
		}
		nowNs := int64(time.Since(watch.start))
		got, err := readFetch(answer, topic, offset)
		if err != nil {
			return err
		}
		for ; offset < got.nextOffset; offset++ {
			l.arrivedNs[offset] = nowNs
		}
	}
	return nil
}

// frameReader reads answers from a blocking socket.
type frameReader struct {
	fd           int
	buffer       []byte
	from, filled int
}

// next returns the next whole frame, valid until the next call.
func (r *frameReader) next() ([]byte, error) {
	for {
		if r.filled-r.from >= 4 {
			end := r.from + 4 + int(be.Uint32(r.buffer[r.from:]))
			if end <= r.filled {
				whole := r.buffer[r.from:end]
				r.from = end
				return whole, nil
			}
		}
		copy(r.buffer, r.buffer[r.from:r.filled])
		r.filled, r.from = r.filled-r.from, 0
		n, err := syscall.Read(r.fd, r.buffer[r.filled:])
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return nil, errors.New("the broker closed the connection, or an answer is larger than was asked for")
		}
		r.filled += n
	}
}

// percentiles adds p50, p99, p99.9 and the largest, in ms.
func percentiles(found map[string]float64, name string, endsNs, startsNs []int64) {
	ms := make([]float64, len(endsNs))
	for i, end := range endsNs {
		if startsNs != nil {
			end -= startsNs[i]
		}
		ms[i] = float64(end) / 1e6
	}
	slices.Sort(ms)
	for label, share := range map[string]float64{"P50": 0.5, "P99": 0.99, "P999": 0.999, "Max": 1} {
		found[name+label+"Ms"] = ms[min(len(ms)-1, int(share*float64(len(ms))))]
	}
}
