// Package transport is the sockets of gossip: datagrams and connections at one port, and a door in front of both. It takes the place of the one that comes
// with memberlist, which hands everything on that anybody sends, each datagram in 64 KiB of fresh memory, and any number of connections.
//
// Invariants:
//   - Where there are keys, nothing reaches the library's decoders that none of them opens, neither a datagram nor the first message of a connection.
//   - What is open, and what is read of each connection before it is known to belong here, is bounded. A connection that was refused is held for
//     a while before it is closed.
//   - Nothing is remembered of addresses of datagrams: who sends them may write anybody's there, and could have one that belongs here refused.
//
// Not here: which keys there are (cluster/member), what is said (memberlist).
//
// Reading order: transport.go, packets.go, streams.go.
package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"backstitch/cluster/accept"
	"backstitch/cluster/seldom"

	"github.com/hashicorp/memberlist"
)

// Lock tells those who have a key of the cluster from those who have none.
type Lock interface {
	// Opens reports whether a key decrypts sealed, which is as memberlist sends it, and was sealed together with also.
	Opens(sealed, also []byte) bool
}

// Config says where to listen. All of it is required but Lock.
type Config struct {
	IP     net.IP // to bind
	Port   int    // for both, 0 for any
	Lock   Lock   // nil takes everything
	Clock  func() time.Time
	Logger *slog.Logger
}

// Transport is a memberlist.Transport.
type Transport struct {
	cfg       Config // immutable
	listener  net.Listener
	socket    socket
	crowd     *accept.Crowd
	strangers *seldom.Log // what is said of them
	packets   chan *memberlist.Packet
	streams   chan net.Conn

	ctx     context.Context // until Shutdown
	stop    context.CancelFunc
	running sync.WaitGroup
}

var _ memberlist.Transport = (*Transport)(nil)

// anyPort is how often a port that the kernel gave for connections is tried for datagrams, too.
const anyPort = 10

// Listen opens both sockets. Shutdown closes them.
func Listen(cfg Config) (*Transport, error) {
	for try := 1; ; try++ {
		listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: cfg.IP, Port: cfg.Port})
		if err != nil {
			return nil, err
		}
		bound := listener.Addr().(*net.TCPAddr)
		socket, err := net.ListenUDP("udp", &net.UDPAddr{IP: cfg.IP, Port: bound.Port})
		if err == nil {
			return start(cfg, listener, newUDP(socket)), nil
		}
		listener.Close()
		if cfg.Port != 0 || try == anyPort {
			return nil, err
		}
	}
}

// start serves sockets that are open.
func start(cfg Config, listener net.Listener, socket socket) *Transport {
	t := &Transport{
		cfg: cfg, listener: accept.Listener(listener, cfg.Logger), socket: socket, crowd: accept.NewCrowd(maxStreams, maxStreamsPerHost),
		strangers: seldom.New(cfg.Logger, cfg.Clock), packets: make(chan *memberlist.Packet), streams: make(chan net.Conn),
	}
	t.ctx, t.stop = context.WithCancel(context.Background())
	t.running.Go(t.receive)
	t.running.Go(t.accept)
	return t
}

// FinalAdvertiseAddr is what is to be advertised as it was configured, with the port that was bound where any would do.
func (t *Transport) FinalAdvertiseAddr(ip string, port int) (net.IP, int, error) {
	out := net.ParseIP(ip)
	if out == nil {
		return nil, 0, fmt.Errorf("advertise gossip at %q: want an IP address", ip)
	}
	if v4 := out.To4(); v4 != nil {
		out = v4
	}
	if bound, ok := t.listener.Addr().(*net.TCPAddr); ok && port == 0 {
		port = bound.Port
	}
	return out, port, nil
}

// WriteTo sends a datagram to an IP and port.
func (t *Transport) WriteTo(b []byte, addr string) (time.Time, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return time.Time{}, fmt.Errorf("send gossip: %w", err)
	}
	_, err = t.socket.WriteToUDPAddrPort(b, to)
	return t.cfg.Clock(), err
}

// PacketCh has the datagrams of those who belong here.
func (t *Transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

// DialTimeout opens a connection.
func (t *Transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	dialer := net.Dialer{Timeout: timeout}
	return dialer.DialContext(t.ctx, "tcp", addr)
}

// StreamCh has the connections of those who belong here.
func (t *Transport) StreamCh() <-chan net.Conn { return t.streams }

// Shutdown closes the sockets and every connection that came in, and waits for what serves them. It may be called again.
func (t *Transport) Shutdown() error {
	t.stop()
	err := errors.Join(t.listener.Close(), t.socket.Close())
	t.crowd.CloseAll()
	t.running.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil // it was shut down before
	}
	return err
}
