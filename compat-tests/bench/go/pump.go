package main

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

const (
	// Answers above this are read to their own end, so that nothing of the next one has to be moved.
	exactReadBytes  = 64 * 1024
	readBufferBytes = 256 * 1024
	answerTimeout   = 30 * time.Second
)

// stream is the load of one connection.
type stream interface {
	// next returns whole requests to send and their count, or nothing; the bytes stay as they are until they are sent.
	next() (bytes []byte, requests int)
	// answer takes the frame of one answer, valid during the call, its size field in front.
	answer(frame []byte) error
	// done says that no more is wanted once all is answered.
	done() bool
}

// deadline is the moment from which on a stream begins nothing more.
type deadline struct {
	until time.Time
}

func (d *deadline) end(at time.Time) {
	d.until = at
}

func (d *deadline) isOver() bool {
	return !time.Now().Before(d.until)
}

// pumpFor gives each stream a connection and runs them all to their ends, for that long at most; the time of connecting is not measured.
func pumpFor[S interface {
	stream
	end(at time.Time)
}](address string, streams []S, seconds float64) (stopwatch, error) {
	p, err := newPump(address, len(streams), func(i int) stream { return streams[i] })
	if err != nil {
		return stopwatch{}, err
	}
	defer p.close()
	watch := startWatch()
	for _, s := range streams {
		s.end(watch.start.Add(time.Duration(seconds * float64(time.Second))))
	}
	return watch, p.run()
}

// link is one connection under the pump.
type link struct {
	fd       int
	stream   stream
	inFlight int
	out      []byte
	in       []byte
	filled   int
	polled   uint32
}

// pump serves all connections from one thread: no locks, no wake-ups between threads.
type pump struct {
	epoll int
	links []*link
}

func (p *pump) close() {
	for _, l := range p.links {
		_ = syscall.Close(l.fd)
	}
	_ = syscall.Close(p.epoll)
}

func newPump(address string, connections int, streamOf func(i int) stream) (*pump, error) {
	epoll, err := syscall.EpollCreate1(0)
	if err != nil {
		return nil, err
	}
	p := &pump{epoll: epoll}
	for i := range connections {
		fd, err := dial(address)
		if err != nil {
			p.close()
			return nil, err
		}
		if err := syscall.SetNonblock(fd, true); err != nil {
			return nil, err
		}
		l := &link{fd: fd, stream: streamOf(i), in: make([]byte, readBufferBytes)}
		p.links = append(p.links, l)
		event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(len(p.links) - 1)}
		l.polled = event.Events
		if err := syscall.EpollCtl(epoll, syscall.EPOLL_CTL_ADD, fd, &event); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// dial opens a blocking socket.
func dial(address string) (int, error) {
	resolved, err := net.ResolveTCPAddr("tcp4", address)
	if err != nil {
		return -1, err
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	to := &syscall.SockaddrInet4{Port: resolved.Port}
	copy(to.Addr[:], resolved.IP.To4())
	if err := syscall.Connect(fd, to); err != nil {
		_ = syscall.Close(fd)
		return -1, fmt.Errorf("connecting to %s: %w", address, err)
	}
	return fd, syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
}

// run pumps until every stream is done and answered.
func (p *pump) run() error {
	events := make([]syscall.EpollEvent, len(p.links))
	for i, l := range p.links {
		if err := p.send(i, l); err != nil {
			return err
		}
	}
	for !p.finished() {
		n, err := syscall.EpollWait(p.epoll, events, int(answerTimeout.Milliseconds()))
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("no answer for %v", answerTimeout)
		}
		for _, event := range events[:n] {
			l := p.links[event.Fd]
			if event.Events&^syscall.EPOLLOUT != 0 {
				if err := l.receive(); err != nil {
					return err
				}
			}
			if err := p.send(int(event.Fd), l); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *pump) finished() bool {
	for _, l := range p.links {
		if l.inFlight > 0 || len(l.out) > 0 || !l.stream.done() {
			return false
		}
	}
	return true
}

// send writes what the stream has until it has no more or the socket is full.
func (p *pump) send(index int, l *link) error {
	for {
		if len(l.out) == 0 {
			bytes, requests := l.stream.next()
			if requests == 0 {
				return p.poll(index, l, syscall.EPOLLIN)
			}
			l.out, l.inFlight = bytes, l.inFlight+requests
		}
		n, err := syscall.Write(l.fd, l.out)
		if errors.Is(err, syscall.EAGAIN) {
			return p.poll(index, l, syscall.EPOLLIN|syscall.EPOLLOUT)
		}
		if err != nil {
			return fmt.Errorf("sending: %w", err)
		}
		l.out = l.out[n:]
	}
}

func (p *pump) poll(index int, l *link, events uint32) error {
	if l.polled == events {
		return nil
	}
	l.polled = events
	return syscall.EpollCtl(p.epoll, syscall.EPOLL_CTL_MOD, l.fd, &syscall.EpollEvent{Events: events, Fd: int32(index)})
}

// receive takes what one read brings; level-triggered polling brings us back for more.
func (l *link) receive() error {
	limit := len(l.in)
	if l.filled >= 4 {
		if end := 4 + int(be.Uint32(l.in)); end > exactReadBytes {
			l.grow(end)
			limit = end
		}
	}
	n, err := syscall.Read(l.fd, l.in[l.filled:limit])
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("receiving: %w", err)
	}
	if n == 0 {
		return errors.New("the broker closed the connection")
	}
	l.filled += n
	return l.takeFrames()
}

func (l *link) grow(bytes int) {
	if bytes <= len(l.in) {
		return
	}
	larger := make([]byte, bytes+bytes/4)
	copy(larger, l.in[:l.filled])
	l.in = larger
}

func (l *link) takeFrames() error {
	at := 0
	for l.filled-at >= 4 {
		end := at + 4 + int(be.Uint32(l.in[at:]))
		if end > l.filled {
			break
		}
		l.inFlight--
		if err := l.stream.answer(l.in[at:end]); err != nil {
			return err
		}
		at = end
	}
	if at > 0 {
		copy(l.in, l.in[at:l.filled])
		l.filled -= at
	}
	return nil
}
