package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"backstitch/cluster/accept"
	"backstitch/cluster/access"
	"backstitch/cluster/seldom"

	"github.com/hashicorp/raft"
)

// This file is the one port of a node. A connection is first made secure and its certificate checked, then its first byte says
// whether it carries Raft or RPC. Whatever has not said so in time is closed, and there is a ceiling on how many may be open,
// so a stranger can take neither the port nor the memory. One that was refused is held for a while before it is closed.

const (
	protocolRaft byte = 'R'
	protocolRPC  byte = 'B'

	handshakeTimeout = 5 * time.Second
	maxConns         = 1024
	maxConnsPerHost  = 256
	strangerHold     = 2 * time.Second
)

// muxConn is one accepted connection. Close may come from another goroutine than the one that makes it secure, so it closes
// what lies below.
type muxConn struct {
	net.Conn              // secured, once the handshake is done
	raw      *accept.Conn // immutable
	peerName string       // in the certificate of the other end, "" without TLS
}

func (c *muxConn) Close() error { return c.raw.Close() }

// mux accepts on one listener. Run owns all goroutines.
type mux struct {
	net   Network
	files *access.Files // nil without TLS
	log   *slog.Logger
	clock func() time.Time
	rpc   func(ctx context.Context, c *muxConn) // serves one connection until it ends

	strangers *seldom.Log // what is said of them
	crowd     *accept.Crowd

	raft *raftLayer
}

func newMux(network Network, files *access.Files, id string, resolve func(id string) (addr, name string, err error), clock func() time.Time, log *slog.Logger) *mux {
	m := &mux{net: network, files: files, log: log, strangers: seldom.New(log, clock), clock: clock, crowd: accept.NewCrowd(maxConns, maxConnsPerHost)}
	m.raft = &raftLayer{mux: m, addr: nodeAddr(id), resolve: resolve, conns: make(chan net.Conn), done: make(chan struct{})}
	return m
}

// run accepts until ctx ends, then closes every connection and waits for their goroutines.
func (m *mux) run(ctx context.Context, l net.Listener) error {
	l = accept.Listener(l, m.log)
	var served sync.WaitGroup
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var failure error
	for ctx.Err() == nil {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				break
			}
			failure = fmt.Errorf("accept on %s: %w", l.Addr(), err)
			break
		}
		c, ok := m.crowd.Admit(conn)
		if !ok {
			m.strangers.Say(slog.LevelWarn, "too many connections, one refused", "from", conn.RemoteAddr().String(), "open", m.crowd.Open())
			conn.Close()
			continue
		}
		served.Go(func() { m.serve(ctx, &muxConn{Conn: c, raw: c}) })
	}
	l.Close()
	m.raft.Close()
	m.crowd.CloseAll()
	served.Wait()
	return failure
}

// serve does the handshake and hands the connection on.
func (m *mux) serve(ctx context.Context, c *muxConn) {
	if err := c.SetDeadline(m.clock().Add(handshakeTimeout)); err != nil {
		c.Close()
		return
	}
	if m.files != nil {
		secure := tls.Server(c.Conn, m.files.Server(func(s access.Subject) error {
			c.peerName = s.Name
			return s.Allow(m.files.Subject().Cluster, "", access.Node)
		}))
		if err := secure.HandshakeContext(ctx); err != nil {
			level := slog.LevelInfo
			if errors.Is(err, io.EOF) {
				level = slog.LevelDebug // somebody looked whether there is a port
			}
			m.strangers.Say(level, "connection refused", "from", c.RemoteAddr().String(), "err", err)
			if level != slog.LevelDebug {
				m.crowd.Hold(ctx, c.raw, strangerHold)
			}
			c.Close()
			return
		}
		c.Conn = secure
	}
	var first [1]byte
	if _, err := io.ReadFull(c, first[:]); err != nil {
		c.Close()
		return
	}
	if err := c.SetDeadline(time.Time{}); err != nil {
		c.Close()
		return
	}
	switch first[0] {
	case protocolRaft:
		m.raft.deliver(ctx, c)
	case protocolRPC:
		m.rpc(ctx, c)
		c.Close()
	default:
		m.strangers.Say(slog.LevelInfo, "connection speaks neither raft nor rpc", "from", c.RemoteAddr().String())
		m.crowd.Hold(ctx, c.raw, strangerHold)
		c.Close()
	}
}

// dial opens a connection to node name at addr that carries protocol. An empty name accepts any node of the cluster.
func (m *mux) dial(ctx context.Context, addr, name string, protocol byte) (net.Conn, error) {
	conn, err := m.net.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	if m.files != nil {
		secure := tls.Client(conn, m.files.Client(func(s access.Subject) error {
			return s.Allow(m.files.Subject().Cluster, name, access.Node)
		}))
		hello, cancel := context.WithTimeout(ctx, handshakeTimeout)
		defer cancel()
		if err := secure.HandshakeContext(hello); err != nil {
			conn.Close()
			return nil, fmt.Errorf("secure the connection to %s: %w", addr, err)
		}
		conn = secure
	}
	if _, err := conn.Write([]byte{protocol}); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// raftLayer is the raft.StreamLayer. Addresses in Raft are node ids: the library compares them, pools by them and keeps them
// in its configuration, and none of that must change when a node returns elsewhere. They become host:port only in Dial.
type raftLayer struct {
	mux     *mux
	addr    nodeAddr
	resolve func(id string) (addr, name string, err error)
	conns   chan net.Conn

	once sync.Once
	done chan struct{}

	mu     sync.Mutex
	ready  bool                              // Raft is there to accept
	dialed map[string]map[*raftConn]struct{} // open outgoing connections by node id
}

var _ raft.StreamLayer = (*raftLayer)(nil)

type nodeAddr string

func (nodeAddr) Network() string  { return "node" }
func (a nodeAddr) String() string { return string(a) }

// accepting lets connections through. Before it, a node that waits to be let in again refuses everything of Raft, votes above
// all.
func (l *raftLayer) accepting() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ready = true
}

func (l *raftLayer) deliver(ctx context.Context, c net.Conn) {
	l.mu.Lock()
	ready := l.ready
	l.mu.Unlock()
	if !ready {
		c.Close()
		return
	}
	select {
	case l.conns <- c:
	case <-l.done:
		c.Close()
	case <-ctx.Done():
		c.Close()
	}
}

// Accept gives Raft the next connection.
func (l *raftLayer) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (l *raftLayer) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// Addr is this node's id.
func (l *raftLayer) Addr() net.Addr { return l.addr }

// Dial looks up where the node is now and connects to it.
func (l *raftLayer) Dial(id raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	addr, name, err := l.resolve(string(id))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	conn, err := l.mux.dial(ctx, addr, name, protocolRaft)
	if err != nil {
		return nil, err
	}
	c := &raftConn{Conn: conn, layer: l, id: string(id), at: addr}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dialed == nil {
		l.dialed = map[string]map[*raftConn]struct{}{}
	}
	if l.dialed[c.id] == nil {
		l.dialed[c.id] = map[*raftConn]struct{}{}
	}
	l.dialed[c.id][c] = struct{}{}
	return c, nil
}

// moved closes the connections to node id that lead elsewhere than addr. Without it Raft would wait for a machine that is
// gone until its timeout, once per pooled connection.
func (l *raftLayer) moved(id, addr string) {
	l.mu.Lock()
	var stale []*raftConn
	for c := range l.dialed[id] {
		if c.at != addr {
			stale = append(stale, c)
		}
	}
	l.mu.Unlock()
	for _, c := range stale {
		c.Close()
	}
}

type raftConn struct {
	net.Conn
	layer  *raftLayer
	id, at string
	once   sync.Once
}

func (c *raftConn) Close() error {
	c.once.Do(func() {
		c.layer.mu.Lock()
		defer c.layer.mu.Unlock()
		delete(c.layer.dialed[c.id], c)
	})
	return c.Conn.Close()
}
