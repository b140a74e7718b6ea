package main

import (
	"bytes"
	"flag"
	"fmt"
)

// asking sends a small request, waits for its answer, and sends the next.
type asking struct {
	deadline
	request []byte
	check   func(frame []byte) error
	waiting bool
	answers int
}

func (a *asking) next() ([]byte, int) {
	if a.waiting || a.isOver() {
		return nil, 0
	}
	a.waiting = true
	return a.request, 1
}

func (a *asking) answer(frame []byte) error {
	a.waiting = false
	a.answers++
	return a.check(frame)
}

func (a *asking) done() bool {
	return a.isOver()
}

func checkApiVersions(frame []byte) error {
	if code := be.Uint16(frame[responseHeadBytes:]); code != 0 {
		return fmt.Errorf("ApiVersions was answered with error %d", int16(code))
	}
	return nil
}

// small keeps many connections busy with one small request each.
func small(flags *flag.FlagSet, arguments []string) (map[string]float64, error) {
	address := flags.String("address", "", "host:port of the broker")
	connections := flags.Int("connections", 100, "connections")
	topic := flags.String("topic", "", "produce to this topic's partitions in turn; without it ApiVersions is asked")
	partitions := flags.Int("partitions", 1, "of the topic")
	valueBytes := flags.Int("value-bytes", 100, "bytes of a record's value")
	seconds := flags.Float64("seconds", 3, "stop after this time")
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	streams := make([]*asking, *connections)
	for i := range streams {
		streams[i] = &asking{request: frame(apiVersionsKey, apiVersionsVersion, nil), check: checkApiVersions}
		if *topic != "" {
			check := func(frame []byte) error {
				_, err := baseOffset(frame, *topic)
				return err
			}
			streams[i] = &asking{request: bytes.Clone(produceFrame(*topic, i%*partitions, -1, batch(1, *valueBytes))), check: check}
		}
	}
	watch, err := pumpFor(*address, streams, *seconds)
	if err != nil {
		return nil, err
	}
	answers := 0
	for _, s := range streams {
		answers += s.answers
	}
	return watch.report(map[string]float64{"requests": float64(answers)}), nil
}
