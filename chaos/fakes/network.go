package fakes

import (
	"context"
	"net"
	"strconv"
	"sync/atomic"

	"backstitch/cluster/clustertest"
)

// network is where brokers listen in memory: one of clustertest, on which nodes are known by name and port 0 is a free one.
type network struct {
	*clustertest.Network
	port atomic.Int64
}

func newNetwork() *network {
	n := &network{Network: clustertest.NewNetwork()}
	n.port.Store(9091)
	return n
}

func (n *network) listen(_, at string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		return nil, err
	}
	if port == "0" {
		port = strconv.FormatInt(n.port.Add(1), 10)
	}
	return n.Host(host).Listen(net.JoinHostPort(host, port))
}

func (n *network) dial(ctx context.Context, node, to string) (net.Conn, error) {
	return n.Host(node).Dial(ctx, to)
}

// dialler is the node at the other end of an accepted connection.
func dialler(c net.Conn) string {
	node, _, err := net.SplitHostPort(c.RemoteAddr().String())
	if err != nil {
		return ""
	}
	return node
}
