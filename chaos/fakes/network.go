package fakes

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"syscall"
)

// network is where the broker listens in memory. A connection is a net.Pipe, on which a goroutine that waits is durably blocked,
// as a bubble needs it for its clock to move.
type network struct {
	mu        sync.Mutex
	listeners map[string]*listener
	port      int
}

func newNetwork() *network { return &network{listeners: map[string]*listener{}, port: 9091} }

type listener struct {
	net   *network
	at    address
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

type address string

func (address) Network() string  { return "memory" }
func (a address) String() string { return string(a) }

// dialled is the broker's end of a connection, which knows who dialled.
type dialled struct {
	net.Conn
	from string
}

// listen opens a port; port 0 takes the next free one.
func (n *network) listen(_, at string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if port == "0" {
		n.port++
		port = strconv.Itoa(n.port)
	}
	at = net.JoinHostPort(host, port)
	if n.listeners[at] != nil {
		return nil, fmt.Errorf("listen on %s: %w", at, syscall.EADDRINUSE)
	}
	l := &listener{net: n, at: address(at), conns: make(chan net.Conn), done: make(chan struct{})}
	n.listeners[at] = l
	return l, nil
}

func (n *network) dial(ctx context.Context, from, to string) (net.Conn, error) {
	n.mu.Lock()
	l := n.listeners[to]
	n.mu.Unlock()
	if l == nil {
		return nil, fmt.Errorf("dial %s: %w", to, syscall.ECONNREFUSED)
	}
	far, near := net.Pipe()
	select {
	case l.conns <- dialled{far, from}:
		return near, nil
	case <-l.done:
		return nil, fmt.Errorf("dial %s: %w", to, syscall.ECONNREFUSED)
	case <-ctx.Done():
		return nil, fmt.Errorf("dial %s: %w", to, ctx.Err())
	}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Addr() net.Addr { return l.at }

func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.done)
		l.net.mu.Lock()
		defer l.net.mu.Unlock()
		delete(l.net.listeners, string(l.at))
	})
	return nil
}
