package main

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"time"
)

// Of KIP-890's second part: a partition joins the transaction by being written to, and each transaction has an epoch of its own.
const (
	findCoordinatorKey, findCoordinatorVersion  = 10, 2
	transactionKeyType                          = 1
	initProducerIDKey, initProducerIDVersion    = 22, 4
	endTxnKey, endTxnVersion                    = 26, 5
	transactionalProduceVersion                 = 12
	transactionTimeoutMs                        = 60_000
	producerIDAt, producerEpochAt, sequenceAt   = 43, 51, 53
	transactionalAttribute                      = 0x10
	flexibleHeadBytes                           = responseHeadBytes + 1
	producerAnswerBytes                         = flexibleHeadBytes + 4 + 2 + 8 + 2
	errLoading, errNotAvailable                 = 14, 15
	errNotCoordinator, errConcurrentTransaction = 16, 51
)

func appendCompact[T string | []byte](to []byte, text T) []byte {
	return append(binary.AppendUvarint(to, uint64(len(text)+1)), text...)
}

// flexibleFrame is a whole request of the versions that have tagged fields, of which it sends none.
func flexibleFrame(key, version uint16, body []byte) []byte {
	return frame(key, version, append(append([]byte{0}, body...), 0))
}

// transactionTimes are those of committed transactions, each in nanoseconds.
type transactionTimes struct {
	begun, sent, ended []int64
}

type stage int

const (
	finding   stage = iota // has the topic of transactions made
	beginning              // asks for a producer id
	writing
	committing
)

// transacting commits transactions of one batch each, one after the other: whatever a client waits for besides answers is left out.
type transacting struct {
	deadline
	id        string
	topic     string
	partition int
	records   []byte // a transactional batch, whose epoch changes
	producer  int64
	epoch     uint16
	stage     stage
	waiting   bool
	limit     int // transactions; 0 is any number
	ended     int
	begun     int64 // ns, of the present transaction; 0 between two
	sent      int64 // ns, of the request that commits it
	times     transactionTimes
	conflicts int // requests that met the transaction before
}

func newTransacting(id, topic string, partition, records, valueBytes int) *transacting {
	whole := batch(records, valueBytes)
	be.PutUint16(whole[21:], transactionalAttribute)
	be.PutUint32(whole[sequenceAt:], 0)
	return &transacting{id: id, topic: topic, partition: partition, records: whole}
}

func (t *transacting) next() ([]byte, int) {
	if t.waiting || t.done() {
		return nil, 0
	}
	t.waiting = true
	switch t.stage {
	case finding:
		return frame(findCoordinatorKey, findCoordinatorVersion, append(appendString(nil, t.id), transactionKeyType)), 1
	case beginning:
		return t.initProducerID(), 1
	case writing:
		if t.begun == 0 {
			t.begun = time.Now().UnixNano()
		}
		return t.produce(), 1
	default:
		if t.sent == 0 {
			t.sent = time.Now().UnixNano()
		}
		return t.endTxn(), 1
	}
}

// done ends between two transactions: none stays open.
func (t *transacting) done() bool {
	return t.stage != committing && t.begun == 0 && (t.limit > 0 && t.ended >= t.limit || t.isOver())
}

func (t *transacting) initProducerID() []byte {
	body := be.AppendUint32(appendCompact(nil, t.id), transactionTimeoutMs)
	body = be.AppendUint64(body, ^uint64(0))
	return flexibleFrame(initProducerIDKey, initProducerIDVersion, be.AppendUint16(body, ^uint16(0)))
}

func (t *transacting) produce() []byte {
	be.PutUint64(t.records[producerIDAt:], uint64(t.producer))
	be.PutUint16(t.records[producerEpochAt:], t.epoch)
	be.PutUint32(t.records[17:], crc32.Checksum(t.records[21:], castagnoli))
	body := be.AppendUint16(appendCompact(nil, t.id), ^uint16(0)) // acks=all
	body = be.AppendUint32(body, requestTimeoutMs)
	body = appendCompact(append(body, 2), t.topic)               // one topic,
	body = be.AppendUint32(append(body, 2), uint32(t.partition)) // one partition
	body = append(appendCompact(body, t.records), 0, 0)
	return flexibleFrame(produceKey, transactionalProduceVersion, body)
}

func (t *transacting) endTxn() []byte {
	body := be.AppendUint64(appendCompact(nil, t.id), uint64(t.producer))
	return flexibleFrame(endTxnKey, endTxnVersion, append(be.AppendUint16(body, t.epoch), 1))
}

func (t *transacting) answer(frame []byte) error {
	t.waiting = false
	if t.stage == finding {
		// One broker is all there is: what else there may be to say, it will say when it is asked for an id.
		t.stage = beginning
		return nil
	}
	if t.stage == writing {
		return t.written(frame)
	}
	if len(frame) < producerAnswerBytes {
		return fmt.Errorf("an answer about a producer of %d bytes", len(frame))
	}
	if isDone, err := t.check(be.Uint16(frame[flexibleHeadBytes+4:])); !isDone {
		return err
	}
	t.producer, t.epoch = int64(be.Uint64(frame[flexibleHeadBytes+6:])), be.Uint16(frame[flexibleHeadBytes+14:])
	if t.stage == committing {
		t.committed()
	}
	t.stage = writing
	return nil
}

func (t *transacting) written(frame []byte) error {
	at := flexibleHeadBytes + 1 + 1 + len(t.topic) + 1 + 4
	if len(frame) < at+2 {
		return fmt.Errorf("an answer to Produce of %d bytes", len(frame))
	}
	isDone, err := t.check(be.Uint16(frame[at:]))
	if isDone {
		t.stage = committing
	}
	return err
}

// check tells whether the code of an answer says that it is done. One that passes is counted: the same is asked again.
func (t *transacting) check(code uint16) (bool, error) {
	switch {
	case isPassing(code):
		t.conflicts++
		return false, nil
	case code != 0:
		return false, fmt.Errorf("stage %d was answered with error %d", t.stage, int16(code))
	}
	return true, nil
}

func isPassing(code uint16) bool {
	return code == errLoading || code == errNotAvailable || code == errNotCoordinator || code == errConcurrentTransaction
}

func (t *transacting) committed() {
	t.ended++
	at := &t.times
	at.begun, at.sent, at.ended = append(at.begun, t.begun), append(at.sent, t.sent), append(at.ended, time.Now().UnixNano())
	t.begun, t.sent = 0, 0
}

// transactions keeps producers busy that commit one transaction after the other; a first one of each is not counted.
func transactions(flags *flag.FlagSet, arguments []string) (map[string]float64, error) {
	address := flags.String("address", "", "host:port of the broker")
	topic := flags.String("topic", "", "topic")
	partitions := flags.Int("partitions", 1, "of the topic, given to the producers in turn")
	producers := flags.Int("producers", 1, "each with a connection of its own")
	prefix := flags.String("transactional-id", "load", "what the producers' ids begin with")
	records := flags.Int("records", 10, "records of a transaction")
	valueBytes := flags.Int("value-bytes", 100, "bytes of a record's value")
	seconds := flags.Float64("seconds", 3, "begin no transaction after this time")
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	streams := make([]*transacting, *producers)
	for i := range streams {
		streams[i] = newTransacting(fmt.Sprintf("%s-%d", *prefix, i), *topic, i%*partitions, *records, *valueBytes)
		streams[i].limit = 1
	}
	if _, err := pumpFor(*address, streams, answerTimeout.Seconds()); err != nil {
		return nil, err
	}
	for _, s := range streams {
		s.limit, s.ended, s.conflicts, s.times = 0, 0, 0, transactionTimes{}
	}
	watch, err := pumpFor(*address, streams, *seconds)
	if err != nil {
		return nil, err
	}
	found, err := figuresOf(streams)
	if err != nil {
		return nil, err
	}
	return watch.report(found), nil
}

func figuresOf(streams []*transacting) (map[string]float64, error) {
	var all transactionTimes
	conflicts := 0
	for _, s := range streams {
		all.begun, all.sent, all.ended = append(all.begun, s.times.begun...), append(all.sent, s.times.sent...), append(all.ended, s.times.ended...)
		conflicts += s.conflicts
	}
	if len(all.ended) == 0 {
		return nil, errors.New("no transaction was committed in time")
	}
	found := map[string]float64{
		"transactions": float64(len(all.ended)), "committed": float64(len(all.ended) + len(streams)), "conflicts": float64(conflicts),
	}
	percentiles(found, "commit", all.ended, all.sent)
	percentiles(found, "whole", all.ended, all.begun)
	return found, nil
}
