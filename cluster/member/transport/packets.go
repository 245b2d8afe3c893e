package transport

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"time"

	"github.com/hashicorp/memberlist"
	"golang.org/x/net/ipv4"
)

const (
	largestPacket = 4 << 10 // three times memberlist's (Config.UDPBufferSize); what is longer is cut, and then no key opens it
	atOnce        = 32      // packets that are read with one call
	queueBytes    = 2 << 20 // that the kernel is asked to keep of what has not been read yet; memberlist asks for as many

	// strangerRest is how long nothing is read once all has been that had come, when some of it was a stranger's; what comes meanwhile is read with few calls.
	// Packets of nodes wait for as long, which is little beside what they are given to answer (cluster/member: Timings).
	strangerRest = 10 * time.Millisecond
)

// socket is what is needed of one for datagrams.
type socket interface {
	// ReadBatch waits for a datagram, and returns how many there were, at most one for each message.
	ReadBatch(ms []ipv4.Message, flags int) (int, error)
	WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error)
	Close() error
}

// udp is a real one. What its batches need of a socket is the same for both versions of IP.
type udp struct {
	*net.UDPConn
	batches *ipv4.PacketConn
}

func newUDP(c *net.UDPConn) *udp {
	for size := queueBytes; size > 0 && c.SetReadBuffer(size) != nil; size /= 2 {
	}
	return &udp{c, ipv4.NewPacketConn(c)}
}

func (u *udp) ReadBatch(ms []ipv4.Message, flags int) (int, error) {
	return u.batches.ReadBatch(ms, flags)
}

// places are where packets are read into. Where one call reads but one, a batch of one never tells that no more have come.
func places() []ipv4.Message {
	n := 1
	if runtime.GOOS == "linux" {
		n = atOnce
	}
	out := make([]ipv4.Message, n)
	for i := range out {
		out[i].Buffers = [][]byte{make([]byte, largestPacket)}
	}
	return out
}

// receive reads datagrams until the socket is closed. All are read into the same memory; those that a key opens get some of their own.
func (t *Transport) receive() {
	batch := places()
	for {
		n, err := t.socket.ReadBatch(batch, 0)
		at := t.cfg.Clock()
		switch {
		case t.ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return
		case err != nil: // of a datagram that was sent before and could not be brought, for one
			t.strangers.Say(slog.LevelDebug, "gossip: read packets", "err", err)
			t.rest() // one that stays must not take a processor
			continue
		}
		strangers := false
		for _, m := range batch[:n] {
			b := m.Buffers[0][:m.N]
			if t.cfg.Lock != nil && !t.cfg.Lock.Opens(b, nil) {
				t.strangers.Say(slog.LevelWarn, "gossip: no key opens a packet, dropped", "from", m.Addr.String())
				strangers = true
				continue
			}
			if len(b) == 0 {
				continue
			}
			select {
			case t.packets <- &memberlist.Packet{Buf: bytes.Clone(b), From: m.Addr, Timestamp: at}:
			case <-t.ctx.Done():
				return
			}
		}
		if strangers && n < len(batch) {
			t.rest()
		}
	}
}

func (t *Transport) rest() {
	timer := time.NewTimer(strangerRest)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.ctx.Done():
	}
}
