package accept

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// Guard says who gets in before anybody is told of a connection. All of it but TLS and Plain is required.
type Guard struct {
	TLS      *tls.Config // nil for none: then only the crowd keeps anybody out
	Crowd    *Crowd
	Patience time.Duration // for a handshake
	Hold     time.Duration // of who was refused, before it is closed
	Clock    func() time.Time
	// Refused is told of who was refused, whatever the reason. It may be called by many at a time.
	Refused func(from net.Addr, err error)
	// Plain is what somebody is answered who speaks HTTP where TLS is wanted, once he has been held; "" for nothing.
	Plain string
}

// ErrCrowded says that as many connections are open as may be, of all hosts or of one.
var ErrCrowded = errors.New("as many connections are open as may be")

// Listener has the connections of l whose handshake is done, as *tls.Conn, in the order in which they were. net/http would do the handshakes itself, of
// any number of connections, and let who is refused come again at once. Close ends the handshakes that are under way and waits for that; connections
// that were accepted stay open.
func (g Guard) Listener(l net.Listener) net.Listener {
	out := &guarded{Listener: l, cfg: g, conns: make(chan net.Conn), failed: make(chan struct{})}
	out.ctx, out.stop = context.WithCancel(context.Background())
	out.running.Go(out.take)
	return out
}

type guarded struct {
	net.Listener
	cfg     Guard
	conns   chan net.Conn
	ctx     context.Context // until Close
	stop    context.CancelFunc
	running sync.WaitGroup

	failed chan struct{} // closed when the listener below takes no more
	err    error         // why, before failed is closed
}

// take takes connections until the listener below is closed.
func (g *guarded) take() {
	defer close(g.failed)
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			g.err = err
			return
		}
		c, ok := g.cfg.Crowd.Admit(conn)
		if !ok {
			g.cfg.Refused(conn.RemoteAddr(), ErrCrowded)
			conn.Close()
			continue
		}
		g.running.Go(func() { g.admit(c) })
	}
}

// admit does the handshake.
func (g *guarded) admit(c *Conn) {
	secure, err := g.shake(c)
	if err != nil {
		if !errors.Is(err, errGone) && g.ctx.Err() == nil {
			g.cfg.Refused(c.RemoteAddr(), err)
			g.cfg.Crowd.Hold(g.ctx, c, g.cfg.Hold)
			if g.cfg.Plain != "" && speaksHTTP(err) {
				g.answer(c)
			}
		}
		c.Close()
		return
	}
	select {
	case g.conns <- secure:
	case <-g.ctx.Done():
		c.Close()
	}
}

// errGone says that somebody looked whether there is a port, and no more.
var errGone = errors.New("gone")

func (g *guarded) shake(c *Conn) (net.Conn, error) {
	if g.cfg.TLS == nil {
		return c, nil
	}
	if err := c.SetDeadline(g.cfg.Clock().Add(g.cfg.Patience)); err != nil {
		return nil, errGone
	}
	secure := tls.Server(c, g.cfg.TLS)
	switch err := secure.HandshakeContext(g.ctx); {
	case errors.Is(err, io.EOF):
		return nil, errGone
	case err != nil:
		return nil, err
	}
	if err := c.SetDeadline(time.Time{}); err != nil {
		return nil, errGone
	}
	return secure, nil
}

// speaksHTTP reports whether what came in place of a handshake begins as a request does.
func speaksHTTP(err error) bool {
	var head tls.RecordHeaderError
	if !errors.As(err, &head) {
		return false
	}
	switch string(head.RecordHeader[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "DELET", "PATCH", "OPTIO":
		return true
	}
	return false
}

// mostUnread is how much of a request is read that nobody looks at. A connection that is closed before it was read takes the answer with it.
const mostUnread = 64 << 10

// answer says what is wrong, within what is left of the patience for a handshake.
func (g *guarded) answer(c *Conn) {
	defer context.AfterFunc(g.ctx, func() { c.Close() })()
	if _, err := io.WriteString(c, g.cfg.Plain); err != nil || c.CloseWrite() != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, c, mostUnread)
}

func (g *guarded) Accept() (net.Conn, error) {
	select {
	case c := <-g.conns:
		return c, nil
	case <-g.failed:
		return nil, g.err
	case <-g.ctx.Done():
		return nil, net.ErrClosed
	}
}

func (g *guarded) Close() error {
	g.stop()
	err := g.Listener.Close()
	g.running.Wait()
	return err
}
