// Package accepttest is a listener in memory, for tests in virtual time of what takes connections.
package accepttest

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// Doorstep is a net.Listener to which a test brings connections.
type Doorstep struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

// New has nobody at it.
func New() *Doorstep {
	return &Doorstep{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Visit brings a connection of a host, waits until it is taken, and returns the other end of it.
func (d *Doorstep) Visit(host string) net.Conn {
	ours, theirs := net.Pipe()
	d.conns <- from{theirs, addr(host)}
	return ours
}

// Accept is net.Listener's.
func (d *Doorstep) Accept() (net.Conn, error) {
	select {
	case c := <-d.conns:
		return c, nil
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

// Close is net.Listener's.
func (d *Doorstep) Close() error {
	d.once.Do(func() { close(d.closed) })
	return nil
}

// Addr is net.Listener's.
func (*Doorstep) Addr() net.Addr { return addr("doorstep") }

// Stays reports whether a connection is open: the other end neither says anything nor is gone.
func Stays(t testing.TB, c net.Conn) bool {
	t.Helper()
	if err := c.SetReadDeadline(time.Now()); errors.Is(err, io.ErrClosedPipe) {
		return false
	}
	_, err := c.Read(make([]byte, 1))
	if errors.Is(err, io.EOF) {
		return false
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	return true
}

type addr string

func (addr) Network() string  { return "memory" }
func (a addr) String() string { return string(a) }

// from is a connection of a host.
type from struct {
	net.Conn
	host addr
}

func (f from) RemoteAddr() net.Addr { return f.host }
