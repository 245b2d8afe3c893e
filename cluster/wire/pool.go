package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// This file keeps connections to other nodes. A connection carries one request at a time and goes back to the pool after
// its answer; after any failure it is closed, since what is left on it belongs to a request that was given up.

// Dial opens a connection to the RPC door of node id at addr.
type Dial func(ctx context.Context, id, addr string) (net.Conn, error)

// CallError says that a call got no answer.
type CallError struct {
	Addr string
	// Sent is true when the request may have arrived.
	Sent bool
	Err  error
}

func (e *CallError) Error() string { return fmt.Sprintf("ask node at %s: %v", e.Addr, e.Err) }

// Unwrap returns the cause.
func (e *CallError) Unwrap() error { return e.Err }

// Sent reports whether a request that failed with err may have arrived. An answer of *Failure speaks for itself.
func Sent(err error) bool {
	var e *CallError
	return errors.As(err, &e) && e.Sent
}

// Pool keeps idle connections. It starts no goroutine.
type Pool struct {
	dial Dial
	idle int // kept per address

	mu     sync.Mutex
	free   map[string][]net.Conn // by address
	closed bool
}

// NewPool keeps up to idle connections per address.
func NewPool(dial Dial, idle int) *Pool {
	return &Pool{dial: dial, idle: idle, free: map[string][]net.Conn{}}
}

// ErrClosed says that the pool was closed.
var ErrClosed = errors.New("connections are closed")

// Call sends req to node id at addr and returns its answer; body, if not nil, follows the request as it is. An answer of type
// *Failure comes back as the error. A pooled connection that turns out to be dead before anything was answered is replaced
// once when the request is repeatable.
func (p *Pool) Call(ctx context.Context, id, addr string, req Message, body io.Reader, repeatable bool) (Message, error) {
	conn, pooled, err := p.get(ctx, id, addr)
	if err != nil {
		return nil, &CallError{Addr: addr, Err: err}
	}
	answer, again, err := exchange(ctx, conn, req, body)
	if err != nil && pooled && repeatable && body == nil && ctx.Err() == nil {
		conn.Close()
		p.Forget(addr) // the others are as old
		if conn, err = p.dial(ctx, id, addr); err != nil {
			return nil, &CallError{Addr: addr, Sent: true, Err: err}
		}
		answer, again, err = exchange(ctx, conn, req, body)
	}
	if err != nil {
		conn.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, &CallError{Addr: addr, Sent: true, Err: err}
	}
	if again {
		p.put(addr, conn)
	} else {
		conn.Close()
	}
	if f, ok := answer.(*Failure); ok {
		return nil, f
	}
	return answer, nil
}

// exchange does one request. The end of ctx cuts it short by a deadline in the past. again reports whether the connection can
// carry another request: not if that deadline may have been set after the answer came.
func exchange(ctx context.Context, conn net.Conn, req Message, body io.Reader) (answer Message, again bool, err error) {
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, false, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := Write(conn, req); err != nil {
		return nil, false, err
	}
	if body != nil {
		if _, err := io.Copy(conn, body); err != nil {
			return nil, false, fmt.Errorf("send body: %w", err)
		}
	}
	answer, err = Read(conn)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return answer, err == nil && stop(), err
}

func (p *Pool) get(ctx context.Context, id, addr string) (conn net.Conn, pooled bool, err error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, false, ErrClosed
	}
	if free := p.free[addr]; len(free) > 0 {
		conn = free[len(free)-1]
		p.free[addr] = free[:len(free)-1]
		p.mu.Unlock()
		return conn, true, nil
	}
	p.mu.Unlock()
	conn, err = p.dial(ctx, id, addr)
	return conn, false, err
}

func (p *Pool) put(addr string, conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.free[addr]) >= p.idle {
		conn.Close()
		return
	}
	p.free[addr] = append(p.free[addr], conn)
}

// Forget closes the idle connections to addr.
func (p *Pool) Forget(addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.free[addr] {
		c.Close()
	}
	delete(p.free, addr)
}

// Close closes what is idle and lets nothing in any more. Calls under way end with their contexts.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for addr, free := range p.free {
		for _, c := range free {
			c.Close()
		}
		delete(p.free, addr)
	}
}
