package cluster

import (
	"context"
	"net"
	"time"
)

// Network is how a node reaches others. The zero Deps use TCP; clustertest has one in memory.
type Network interface {
	Listen(addr string) (net.Listener, error)
	Dial(ctx context.Context, addr string) (net.Conn, error)
}

// tcp is the real network.
type tcp struct{ dialer net.Dialer }

func newTCP() *tcp {
	// Keep-alives find peers that vanished without a word while nothing is being sent.
	return &tcp{net.Dialer{Timeout: 2 * time.Second, KeepAlive: 5 * time.Second}}
}

func (t *tcp) Listen(addr string) (net.Listener, error) { return net.Listen("tcp", addr) }

func (t *tcp) Dial(ctx context.Context, addr string) (net.Conn, error) {
	return t.dialer.DialContext(ctx, "tcp", addr)
}
