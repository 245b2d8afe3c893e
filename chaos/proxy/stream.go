//go:build linux

package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"

	"backstitch/chaos/rule"
)

// Streams. Each direction has a reader, which asks the rules about every piece, and a writer, which waits until a piece is due. A
// piece that is lost is tried again after a while, and everything behind it waits, as with TCP.

const (
	pieceBytes = 16 << 10
	inQueue    = 64 // pieces that wait in one direction; then the reader stops, and with it the sender
	again      = 200 * time.Millisecond
	atLatest   = time.Second
	smallest   = 40 // bytes of a segment without data: a connection that begins or ends
)

// errReset says that a rule ended the connection.
var errReset = errors.New("reset on purpose")

// relayStreams takes connections until ctx ends, and carries each.
func (p *party) relayStreams(ctx context.Context, l *net.TCPListener, to netip.AddrPort) {
	defer context.AfterFunc(ctx, func() { l.Close() })()
	for {
		c, err := l.AcceptTCP()
		if err != nil {
			return
		}
		p.relays.Add(1)
		p.host.lab.ended.Go(func() {
			defer p.relays.Done()
			p.carry(ctx, c, to)
		})
	}
}

// carry takes one connection to where it wants to go.
func (p *party) carry(ctx context.Context, in *net.TCPConn, to netip.AddrPort) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	lab := p.host.lab
	s := stream{lab: lab, from: lab.dialer(in), to: p.name, port: to.Port()}
	end := func(c *net.TCPConn) {
		if errors.Is(context.Cause(ctx), errReset) {
			_ = c.SetLinger(0) // so that the close is a reset
		}
		c.Close()
	}
	defer end(in)
	if err := s.pass(ctx, smallest, nil); err != nil {
		cancel(err)
		return
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp4", to.String())
	if err != nil {
		cancel(errReset) // nobody listens: as near to a refusal as can be had once a connection is made
		return
	}
	out := conn.(*net.TCPConn)
	defer end(out)
	defer context.AfterFunc(ctx, func() { end(in); end(out) })()
	back := stream{lab: lab, from: s.to, to: s.from, port: s.port, answers: true}
	done := make(chan error, 2)
	go func() { done <- s.pump(ctx, in, out) }()
	go func() { done <- back.pump(ctx, out, in) }()
	for range 2 {
		if err := <-done; err != nil {
			cancel(err)
		}
	}
}

// stream is one direction of a connection.
type stream struct {
	lab      *Lab
	from, to string
	port     uint16
	answers  bool // from whom the connection was made to
}

func (s stream) unit(size int) rule.Unit {
	u := rule.Unit{Proto: rule.TCP, Size: size, ToPort: s.port}
	if s.answers {
		u.FromPort, u.ToPort = s.port, 0
	}
	return u
}

// pass waits until the rules let a piece through. late is told how long it is to be held then; nil holds it here.
func (s stream) pass(ctx context.Context, size int, late *time.Duration) error {
	for wait := again; ; wait = min(2*wait, atLatest) {
		v := s.lab.rules.Judge(s.from, s.to, s.unit(size), time.Now())
		switch {
		case v.Reset:
			return errReset
		case v.Lost:
			if err := sleep(ctx, wait); err != nil {
				return err
			}
			continue
		case late != nil:
			*late = v.Late
			return nil
		}
		return sleep(ctx, v.Late)
	}
}

// piece is what waits to be written.
type piece struct {
	due  time.Time
	data []byte // nil: the sender has no more
}

// pump carries what comes from in to out until it ends.
func (s stream) pump(ctx context.Context, in, out *net.TCPConn) error {
	queue := make(chan piece, inQueue)
	written := make(chan error, 1)
	go func() { written <- s.write(ctx, out, queue) }()
	err := s.read(ctx, in, queue)
	close(queue)
	return errors.Join(err, <-written)
}

func (s stream) read(ctx context.Context, in *net.TCPConn, queue chan<- piece) error {
	var last time.Time
	for {
		buf := make([]byte, pieceBytes)
		n, err := in.Read(buf)
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return err
		}
		var late time.Duration
		if err := s.pass(ctx, n+smallest, &late); err != nil {
			return err
		}
		due := time.Now().Add(late)
		if due.Before(last) {
			due = last // the order is kept
		}
		last = due
		p := piece{due: due, data: buf[:n]}
		if ended {
			p.data = nil
		}
		select {
		case queue <- p:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if ended {
			return nil
		}
	}
}

func (s stream) write(ctx context.Context, out *net.TCPConn, queue <-chan piece) (err error) {
	for p := range queue {
		if err != nil {
			continue // the reader ends as well: the connection is closed below it
		}
		if err = sleep(ctx, time.Until(p.due)); err != nil {
			continue
		}
		if p.data == nil {
			err = out.CloseWrite()
			continue
		}
		if _, err = out.Write(p.data); err != nil {
			out.Close()
		}
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
