package clustertest

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// This file is one in-memory TCP connection: two buffered halves. Between hosts that are cut off from each other, bytes wait
// in the buffer and arrive after the cut has healed, as retransmission would have it; on a slow path they arrive later, in order.

const pipeBytes = 1 << 20 // a writer that is further ahead waits

type half struct {
	link *link

	mu       sync.Mutex
	cond     *sync.Cond
	buf      []part
	held     int         // bytes in buf
	due      *time.Timer // wakes the reader when the first part arrives
	shut     bool        // the writer is gone: what is buffered is read, then io.EOF
	reset    bool        // both ends are gone at once
	readEnd  deadline
	writeEnd deadline
}

// part is what one Write wrote, or what is left of it.
type part struct {
	data []byte
	at   time.Time // when it arrives
}

// arrived reports whether there is something to read now; when there is only later, it sees to it that the reader is woken then.
func (h *half) arrived() bool {
	if len(h.buf) == 0 || h.link.isCut(h) {
		return false
	}
	wait := time.Until(h.buf[0].at)
	if wait <= 0 {
		return true
	}
	if h.due != nil {
		h.due.Stop()
	}
	h.due = time.AfterFunc(wait, h.wake)
	return false
}

// deadline is a point in time after which waiting ends.
type deadline struct {
	timer *time.Timer
	over  bool
}

func newHalf(l *link) *half {
	h := &half{link: l}
	h.cond = sync.NewCond(&h.mu)
	return h
}

func (h *half) set(d *deadline, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
	}
	d.timer, d.over = nil, false
	if at.IsZero() {
		return
	}
	wait := time.Until(at)
	if wait <= 0 {
		d.over = true
		h.cond.Broadcast()
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(wait, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if d.timer == timer {
			d.over = true
			h.cond.Broadcast()
		}
	})
	d.timer = timer
}

func (h *half) read(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.readEnd.over:
			return 0, os.ErrDeadlineExceeded
		case h.reset:
			return 0, net.ErrClosed
		case h.arrived():
			n := copy(p, h.buf[0].data)
			if h.buf[0].data = h.buf[0].data[n:]; len(h.buf[0].data) == 0 {
				h.buf = h.buf[1:]
			}
			h.held -= n
			h.cond.Broadcast()
			return n, nil
		case len(h.buf) == 0 && h.shut && !h.link.isCut(h):
			return 0, io.EOF
		}
		h.cond.Wait()
	}
}

func (h *half) write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	done := 0
	for len(p) > 0 {
		switch {
		case h.writeEnd.over:
			return done, os.ErrDeadlineExceeded
		case h.shut || h.reset:
			return done, net.ErrClosed
		case h.held < pipeBytes:
			n := min(len(p), pipeBytes-h.held)
			at := time.Now().Add(h.link.lag(h))
			if last := len(h.buf) - 1; last >= 0 && at.Before(h.buf[last].at) {
				at = h.buf[last].at // a connection keeps its order
			}
			h.buf = append(h.buf, part{append([]byte(nil), p[:n]...), at})
			h.held += n
			p, done = p[n:], done+n
			h.cond.Broadcast()
			continue
		}
		h.cond.Wait()
	}
	return done, nil
}

func (h *half) end(reset bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shut, h.reset = true, h.reset || reset
	if h.due != nil && h.reset {
		h.due.Stop()
	}
	if h.writeEnd.timer != nil {
		h.writeEnd.timer.Stop()
	}
	if h.readEnd.timer != nil && h.reset { // a writer that is gone leaves the reader its deadline: behind a cut, the end has not arrived
		h.readEnd.timer.Stop()
	}
	h.cond.Broadcast()
}

func (h *half) wake() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cond.Broadcast()
}

// conn is one end.
type conn struct {
	link          *link
	in, out       *half
	local, remote net.Addr
}

func (c *conn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *conn) Write(p []byte) (int, error) { return c.out.write(p) }
func (c *conn) LocalAddr() net.Addr         { return c.local }
func (c *conn) RemoteAddr() net.Addr        { return c.remote }

// Close ends both directions: what the other side has not read yet it still reads.
func (c *conn) Close() error {
	c.out.end(false)
	c.in.end(true)
	return nil
}

func (c *conn) SetDeadline(t time.Time) error {
	c.in.set(&c.in.readEnd, t)
	c.out.set(&c.out.writeEnd, t)
	return nil
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.set(&c.in.readEnd, t)
	return nil
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.out.set(&c.out.writeEnd, t)
	return nil
}
