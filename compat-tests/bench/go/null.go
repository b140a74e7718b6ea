package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
)

// null serves the raw loads without doing any of a broker's work, to show what this client and the loopback can do:
// records are read and dropped, fetches get the same batches with the offsets they ask for.
func null(flags *flag.FlagSet, arguments []string) (map[string]float64, error) {
	port := flags.Int("port", 0, "listens there on 127.0.0.1")
	records := flags.Int("records", 17, "records in each batch that is fetched")
	valueBytes := flags.Int("value-bytes", 1000, "bytes of a record's value")
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		return nil, err
	}
	fmt.Println("ready")
	fetchable := batch(*records, *valueBytes)
	for {
		connection, err := listener.Accept()
		if err != nil {
			return nil, err
		}
		go func() {
			if err := serveNull(connection, fetchable); err != nil && err != io.EOF {
				fmt.Fprintln(os.Stderr, "null:", err)
			}
			_ = connection.Close()
		}()
	}
}

// nullConnection keeps what one connection's answers need.
type nullConnection struct {
	in        *bufio.Reader
	fetchable []byte
	out       []byte
	// Bytes of batches, grown to what is asked for, and of which batch.
	batches    []byte
	nextOffset map[string]int64
}

func serveNull(connection net.Conn, fetchable []byte) error {
	c := &nullConnection{in: bufio.NewReaderSize(connection, readBufferBytes), fetchable: fetchable, nextOffset: map[string]int64{}}
	for {
		head, err := c.in.Peek(4 + 8)
		if err != nil {
			return err
		}
		size, key := int(be.Uint32(head)), be.Uint16(head[4:])
		var body net.Buffers
		switch key {
		case produceKey:
			body, err = c.produce(size)
		case fetchKey:
			body, err = c.fetch(size)
		default:
			body = net.Buffers{be.AppendUint32(be.AppendUint32(be.AppendUint16(nil, 0), 0), 0)}
			_, err = c.in.Discard(4 + size)
		}
		if err != nil {
			return err
		}
		c.answer(body)
		// One write for all requests that have come, as a broker should.
		if c.in.Buffered() > 0 && key != fetchKey {
			continue
		}
		if err := c.flush(connection, body); err != nil {
			return err
		}
	}
}

func (c *nullConnection) answer(body net.Buffers) {
	size := 4
	for _, part := range body {
		size += len(part)
	}
	c.out = be.AppendUint32(be.AppendUint32(c.out, uint32(size)), correlationID)
	c.out = append(c.out, body[0]...)
}

// flush writes the answers, and a fetch's batches from where they lie.
func (c *nullConnection) flush(connection net.Conn, body net.Buffers) error {
	parts := append(net.Buffers{c.out}, body[1:]...)
	_, err := parts.WriteTo(connection)
	c.out = c.out[:0]
	return err
}

// topicAt reads the topic and the place after it, where `at` is behind its array's count.
func topicAt(request []byte, at int) (string, int) {
	length := int(be.Uint16(request[at:]))
	return string(request[at+2 : at+2+length]), at + 2 + length
}

func (c *nullConnection) produce(size int) (net.Buffers, error) {
	const enough = 256
	head, err := c.in.Peek(min(4+size, enough))
	if err != nil {
		return nil, err
	}
	_, at := topicAt(head, 4+8)
	at += 2
	acksEnd := at + 2 + 4
	topic, at := topicAt(head, acksEnd+4)
	partition := be.Uint32(head[at+4:])
	records := int64(be.Uint32(head[at+12+lastOffsetDeltaAt:])) + 1
	place := fmt.Sprintf("%s-%d", topic, partition)
	base := c.nextOffset[place]
	c.nextOffset[place] = base + records
	if _, err := c.in.Discard(4 + size); err != nil {
		return nil, err
	}
	body := appendString(be.AppendUint32(nil, 1), topic)
	body = be.AppendUint32(be.AppendUint32(body, 1), partition)
	body = be.AppendUint64(be.AppendUint16(body, 0), uint64(base))
	body = be.AppendUint64(be.AppendUint64(body, 0xffffffffffffffff), 0)
	body = be.AppendUint32(be.AppendUint16(be.AppendUint32(body, 0), 0xffff), 0)
	return net.Buffers{body}, nil
}

func (c *nullConnection) fetch(size int) (net.Buffers, error) {
	request := make([]byte, 4+size)
	if _, err := io.ReadFull(c.in, request); err != nil {
		return nil, err
	}
	_, at := topicAt(request, 4+8)
	at += 4 + 4 + 4
	maxBytes := int(be.Uint32(request[at:]))
	topic, at := topicAt(request, at+4+1+4+4+4)
	partition := be.Uint32(request[at+4:])
	offset := int64(be.Uint64(request[at+12:]))
	records := int64(be.Uint32(c.fetchable[lastOffsetDeltaAt:])) + 1
	for len(c.batches)+len(c.fetchable) <= maxBytes {
		c.batches = append(c.batches, c.fetchable...)
	}
	for at := 0; at < len(c.batches); at += len(c.fetchable) {
		be.PutUint64(c.batches[at:], uint64(offset))
		offset += records
	}
	body := be.AppendUint32(be.AppendUint16(be.AppendUint32(nil, 0), 0), 0)
	body = appendString(be.AppendUint32(body, 1), topic)
	body = be.AppendUint32(be.AppendUint32(body, 1), partition)
	body = be.AppendUint64(be.AppendUint16(body, 0), uint64(offset))
	body = be.AppendUint64(be.AppendUint64(body, uint64(offset)), 0)
	body = be.AppendUint32(be.AppendUint32(be.AppendUint32(body, 0xffffffff), 0xffffffff), uint32(len(c.batches)))
	return net.Buffers{body, c.batches}, nil
}
