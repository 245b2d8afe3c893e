package inject

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// This file puts faults on Raft and RPC. Everything there is asked by the side that dialed, so cutting what this node dials
// silences it towards a peer, and the peer's own cut is the other direction. Connections break rather than hang: bytes that were
// swallowed can not be given back when the fault is healed.

// Base is how the node reaches others when nothing is wrong.
type Base interface {
	Listen(addr string) (net.Listener, error)
	Dial(ctx context.Context, addr string) (net.Conn, error)
}

// Network is a Base with the faults of a set on it.
type Network struct {
	Base Base
	Set  *Set
}

// Dial is that of the base. While the peer is cut off it does not answer, and when that is over before the caller has lost his
// patience, the call goes through.
func (n Network) Dial(ctx context.Context, addr string) (net.Conn, error) {
	for {
		e, changed := n.Set.find(func(e *entry) bool { return e.Kind == CutRPC && e.meets(addr) })
		if !e.hit() {
			break
		}
		// A dialer gives up by itself; a context without an end would wait for as long as the fault lasts.
		limited, cancel := context.WithTimeout(ctx, dialPatience)
		healed := n.Set.until(limited, e.ID, changed)
		cancel()
		if !healed {
			return nil, fmt.Errorf("dial %s: cut off on purpose (%s)", addr, e.ID)
		}
	}
	c, err := n.Base.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	return n.Set.wrap(c, addr)
}

const dialPatience = 2 * time.Second

// Listen is that of the base.
func (n Network) Listen(addr string) (net.Listener, error) {
	l, err := n.Base.Listen(addr)
	if err != nil {
		return nil, err
	}
	return listener{l, n.Set}, nil
}

type listener struct {
	net.Listener
	set *Set
}

// Accept passes over connections that come while the node is cut off from everybody.
func (l listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if wrapped, err := l.set.wrap(c, ""); err == nil {
			return wrapped, nil
		}
	}
}

// wrap puts c under the set. It closes c when there is a cut already.
func (s *Set) wrap(c net.Conn, rpc string) (net.Conn, error) {
	w := &conn{Conn: c, set: s, rpc: rpc, gone: make(chan struct{})}
	s.mu.Lock()
	for _, e := range s.active {
		if e.Kind == CutRPC && e.meets(rpc) {
			s.mu.Unlock()
			e.hit()
			c.Close()
			return nil, fmt.Errorf("connection with %s: cut off on purpose (%s)", c.RemoteAddr(), e.ID)
		}
	}
	s.conns[w] = struct{}{}
	s.mu.Unlock()
	return w, nil
}

// conn is one connection; rpc is the address that was dialed, "" when it was accepted.
type conn struct {
	net.Conn
	set  *Set
	rpc  string
	once sync.Once
	gone chan struct{}
}

func (c *conn) Write(b []byte) (int, error) {
	e, _ := c.set.find(func(e *entry) bool { return e.Kind == DelayRPC && e.meets(c.rpc) })
	if e.hit() {
		timer := time.NewTimer(e.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-c.gone:
		}
	}
	return c.Conn.Write(b)
}

func (c *conn) Close() error {
	c.once.Do(func() {
		close(c.gone)
		c.set.mu.Lock()
		delete(c.set.conns, c)
		c.set.mu.Unlock()
	})
	return c.Conn.Close()
}
