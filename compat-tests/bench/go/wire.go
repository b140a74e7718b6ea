package main

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand"
	"time"
)

// The newest versions whose frames have no tagged fields: their layout is fixed, so answers are read at known places.
const (
	produceKey, produceVersion         = 0, 8
	fetchKey, fetchVersion             = 1, 11
	apiVersionsKey, apiVersionsVersion = 18, 2
)

const (
	batchHeadBytes    = 61
	batchLengthAt     = 8
	batchLengthBase   = 12 // what comes before the bytes that a batch's length counts
	lastOffsetDeltaAt = 23
	correlationID     = 7 // the same for all: answers come in order
	requestTimeoutMs  = 30_000
	maxFetchWaitMs    = 500
	clientID          = "load"
	responseHeadBytes = 4 + 4
)

var be = binary.BigEndian
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendString(to []byte, text string) []byte {
	return append(be.AppendUint16(to, uint16(len(text))), text...)
}

// frame is a whole request: size, header, body.
func frame(key, version uint16, body []byte) []byte {
	request := be.AppendUint32(nil, 0)
	request = be.AppendUint16(request, key)
	request = be.AppendUint16(request, version)
	request = be.AppendUint32(request, correlationID)
	request = append(appendString(request, clientID), body...)
	be.PutUint32(request, uint32(len(request)-4))
	return request
}

// batch is a v2 record batch of `records` records with random values of `valueBytes`, uncompressed, no producer id.
func batch(records, valueBytes int) []byte {
	var body []byte
	value := make([]byte, valueBytes)
	random := rand.New(rand.NewSource(int64(records)))
	for i := range records {
		for at := range value {
			value[at] = byte('!' + random.Intn(90))
		}
		body = append(body, record(i, value)...)
	}
	whole := make([]byte, batchHeadBytes, batchHeadBytes+len(body))
	whole = append(whole, body...)
	nowMs := uint64(time.Now().UnixMilli())
	be.PutUint32(whole[batchLengthAt:], uint32(len(whole)-batchLengthBase))
	whole[16] = 2 // magic
	be.PutUint32(whole[lastOffsetDeltaAt:], uint32(records-1))
	be.PutUint64(whole[27:], nowMs)
	be.PutUint64(whole[35:], nowMs)
	for at := 43; at < 57; at++ {
		whole[at] = 0xff // producer id, epoch and sequence: none
	}
	be.PutUint32(whole[57:], uint32(records))
	be.PutUint32(whole[17:], crc32.Checksum(whole[21:], castagnoli))
	return whole
}

func record(offsetDelta int, value []byte) []byte {
	body := []byte{0, 0} // attributes, timestamp delta
	body = binary.AppendVarint(body, int64(offsetDelta))
	body = binary.AppendVarint(body, -1) // no key
	body = binary.AppendVarint(body, int64(len(value)))
	body = append(body, value...)
	body = append(body, 0) // no headers
	return append(binary.AppendVarint(nil, int64(len(body))), body...)
}

func produceFrame(topic string, partition, acks int, batch []byte) []byte {
	body := be.AppendUint16(nil, 0xffff) // no transactional id
	body = be.AppendUint16(body, uint16(acks))
	body = be.AppendUint32(body, requestTimeoutMs)
	body = appendString(be.AppendUint32(body, 1), topic)
	body = be.AppendUint32(be.AppendUint32(body, 1), uint32(partition))
	body = be.AppendUint32(body, uint32(len(batch)))
	return frame(produceKey, produceVersion, append(body, batch...))
}

// baseOffset reads the answer to a produceFrame.
func baseOffset(answer []byte, topic string) (int64, error) {
	at := responseHeadBytes + 4 + 2 + len(topic) + 4 + 4
	if len(answer) < at+10 {
		return 0, fmt.Errorf("an answer to Produce of %d bytes", len(answer))
	}
	if code := be.Uint16(answer[at:]); code != 0 {
		return 0, fmt.Errorf("Produce was answered with error %d", int16(code))
	}
	return int64(be.Uint64(answer[at+2:])), nil
}

// fetchRequest is a frame whose offset can be set.
type fetchRequest struct {
	bytes    []byte
	offsetAt int
}

func newFetchRequest(topic string, partition, maxBytes int) fetchRequest {
	body := be.AppendUint32(nil, 0xffffffff) // a consumer, no replica
	body = be.AppendUint32(body, maxFetchWaitMs)
	body = be.AppendUint32(body, 1) // min bytes
	body = be.AppendUint32(body, uint32(maxBytes))
	body = append(body, 0)                   // read uncommitted
	body = be.AppendUint32(body, 0)          // no session
	body = be.AppendUint32(body, 0xffffffff) // and none wanted
	body = appendString(be.AppendUint32(body, 1), topic)
	body = be.AppendUint32(be.AppendUint32(body, 1), uint32(partition))
	body = be.AppendUint32(body, 0xffffffff) // leader epoch: any
	offsetFromEnd := 8 + 8 + 4 + 4 + 2
	body = be.AppendUint64(body, 0)
	body = be.AppendUint64(body, 0xffffffffffffffff) // log start offset: none
	body = be.AppendUint32(body, uint32(maxBytes))
	body = be.AppendUint32(body, 0) // nothing forgotten
	body = be.AppendUint16(body, 0) // no rack
	whole := frame(fetchKey, fetchVersion, body)
	return fetchRequest{whole, len(whole) - offsetFromEnd}
}

func (r fetchRequest) at(offset int64) []byte {
	be.PutUint64(r.bytes[r.offsetAt:], uint64(offset))
	return r.bytes
}

// fetched is what one answer brought: whole batches from the asked offset on, without a gap.
type fetched struct {
	nextOffset int64
	bytes      int
}

// readFetch checks errors, and that the batches follow each other from `offset` on. The last may be cut, as Kafka does.
func readFetch(answer []byte, topic string, offset int64) (fetched, error) {
	at := responseHeadBytes + 4
	if code := be.Uint16(answer[at:]); code != 0 {
		return fetched{}, fmt.Errorf("Fetch was answered with error %d", int16(code))
	}
	at += 2 + 4 + 4 + 2 + len(topic) + 4 + 4
	if code := be.Uint16(answer[at:]); code != 0 {
		return fetched{}, fmt.Errorf("the partition was answered with error %d", int16(code))
	}
	at += 2 + 8 + 8 + 8
	if aborted := int32(be.Uint32(answer[at:])); aborted > 0 {
		return fetched{}, fmt.Errorf("%d aborted transactions", aborted)
	}
	at += 4 + 4
	size := int(int32(be.Uint32(answer[at:])))
	records := answer[at+4:]
	if size > len(records) {
		return fetched{}, fmt.Errorf("records of %d bytes in a frame with %d left", size, len(records))
	}
	return followBatches(records[:max(size, 0)], offset)
}

func followBatches(records []byte, offset int64) (fetched, error) {
	next, whole := offset, 0
	for len(records)-whole >= batchHeadBytes {
		head := records[whole:]
		length := batchLengthBase + int(be.Uint32(head[batchLengthAt:]))
		if length > len(head) {
			break
		}
		base, last := int64(be.Uint64(head)), int64(be.Uint32(head[lastOffsetDeltaAt:]))
		// The first batch may begin before the offset that was asked for.
		if base > next || (whole > 0 && base != next) || base+last < next {
			return fetched{}, fmt.Errorf("a batch with offsets %d to %d where %d was next", base, base+last, next)
		}
		next, whole = base+last+1, whole+length
	}
	return fetched{next, whole}, nil
}
