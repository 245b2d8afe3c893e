package transport

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"backstitch/cluster/accept"
)

const (
	// Connections carry one exchange each, which takes milliseconds, and each node begins one every few seconds (cluster/member: Timings). So nearly all
	// that may be open is there for strangers to be held in.
	maxStreams        = 1024
	maxStreamsPerHost = 256

	// helloTimeout is how long the first message may take; the library allows as much to the whole exchange.
	helloTimeout = 2 * time.Second
	// largestHello is what the first message may have: seven hundred bytes about each of three hundred nodes, and some more.
	largestHello = 256 << 10

	strangerHold = 2 * time.Second

	// encrypted begins a message of a connection that is sealed, and the length of the rest as four bytes, the highest first, follows it
	// (memberlist/net.go: encryptMsg, encryptLocalState). It is sealed together with these five.
	encrypted = 10
	headBytes = 5
)

var (
	errNoKey  = errors.New("no key opens what it says")
	errNoSeal = errors.New("what it says is not encrypted")
)

// accept takes connections until the listener is closed.
func (t *Transport) accept() {
	for {
		conn, err := t.listener.Accept()
		if err != nil {
			if t.ctx.Err() == nil {
				t.cfg.Logger.Error("gossip takes no connections any more", "err", err)
			}
			return
		}
		c, ok := t.crowd.Admit(conn)
		if !ok {
			t.strangers.Say(slog.LevelWarn, "gossip: too many connections, one refused", "from", conn.RemoteAddr().String(), "open", t.crowd.Open())
			conn.Close()
			continue
		}
		t.running.Go(func() { t.admit(c) })
	}
}

// admit hands a connection on to the library once a key has opened the first message of it, which the library then reads as if nobody had.
func (t *Transport) admit(c *accept.Conn) {
	var in net.Conn = c
	if t.cfg.Lock != nil {
		hello, err := t.hello(c)
		if err != nil {
			if !errors.Is(err, io.EOF) { // else somebody looked whether there is a port, and no more
				t.strangers.Say(slog.LevelWarn, "gossip: connection refused", "from", c.RemoteAddr().String(), "err", err)
				t.crowd.Hold(t.ctx, c, strangerHold)
			}
			c.Close()
			return
		}
		in = &opened{Conn: c, hello: bytes.NewReader(hello)}
	}
	select {
	case t.streams <- in:
	case <-t.ctx.Done():
		c.Close()
	}
}

// hello reads the first message of a connection, and returns all of it.
func (t *Transport) hello(c net.Conn) ([]byte, error) {
	if err := c.SetReadDeadline(t.cfg.Clock().Add(helloTimeout)); err != nil {
		return nil, err
	}
	var head [headBytes]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return nil, err
	}
	if head[0] != encrypted {
		return nil, errNoSeal
	}
	size := binary.BigEndian.Uint32(head[1:])
	if size > largestHello {
		return nil, fmt.Errorf("its first message is to have %d bytes, %d are allowed", size, largestHello)
	}
	hello := bytes.NewBuffer(bytes.Clone(head[:]))
	if _, err := io.CopyN(hello, c, int64(size)); err != nil { // takes memory for what comes, whatever was announced
		return nil, fmt.Errorf("after %d bytes of %d: %w", hello.Len()-headBytes, size, noEOF(err))
	}
	if !t.cfg.Lock.Opens(hello.Bytes()[headBytes:], head[:]) {
		return nil, errNoKey
	}
	return hello.Bytes(), c.SetReadDeadline(time.Time{})
}

// noEOF is err, unless it says that nothing was wrong with the end.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// opened is a connection the first message of which has been read.
type opened struct {
	net.Conn
	hello *bytes.Reader
}

func (o *opened) Read(b []byte) (int, error) {
	if o.hello.Len() > 0 {
		return o.hello.Read(b)
	}
	return o.Conn.Read(b)
}
