package clustertest

import (
	"context"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// gossip is memberlist's transport on the in-memory network: datagrams that are lost when the other side is not there or
// cut off, and streams like those of nodes.
type gossip struct {
	net     *Network
	host    string
	at      string
	packets chan *memberlist.Packet
	streams chan net.Conn
	done    chan struct{}
	once    sync.Once
	serving sync.WaitGroup
	list    *listener
}

var _ memberlist.Transport = (*gossip)(nil)

// Gossip opens the gossip port of a host.
func (n *Network) Gossip(ip string, port int) (memberlist.Transport, error) {
	at := net.JoinHostPort(ip, strconv.Itoa(port))
	l, err := n.listen(ip, at)
	if err != nil {
		return nil, err
	}
	g := &gossip{
		net: n, host: ip, at: at, list: l, done: make(chan struct{}),
		packets: make(chan *memberlist.Packet, 256), streams: make(chan net.Conn, 16),
	}
	n.mu.Lock()
	if !n.down[ip] {
		n.gossips[at] = g
	}
	n.mu.Unlock()
	g.serving.Add(1)
	go func() {
		defer g.serving.Done()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			select {
			case g.streams <- c:
			case <-g.done:
				c.Close()
				return
			}
		}
	}()
	return g, nil
}

func (g *gossip) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	_, port, err := net.SplitHostPort(g.at)
	if err != nil {
		return nil, 0, err
	}
	p, err := strconv.Atoi(port)
	return net.ParseIP(g.host).To4(), p, err
}

func (g *gossip) WriteTo(b []byte, to string) (time.Time, error) {
	now := time.Now()
	toHost, _, err := net.SplitHostPort(to)
	if err != nil {
		return now, err
	}
	n := g.net
	n.mu.Lock()
	p := n.path(g.host, toHost, true)
	lost := n.gossips[to] == nil || n.down[g.host] || p.Cut || n.hit(p.Loss)
	lag, twice := n.lag(p), n.hit(p.Duplicate)
	if n.hit(p.Reorder) {
		lag += time.Duration(n.random.Float64() * float64(overtaken))
	}
	n.mu.Unlock()
	if lost {
		return now, nil
	}
	deliver := func() { n.deliver(to, append([]byte(nil), b...), addr(g.at)) }
	if lag > 0 {
		kept := append([]byte(nil), b...)
		time.AfterFunc(lag, func() { n.deliver(to, kept, addr(g.at)) })
	} else {
		deliver()
	}
	if twice {
		deliver()
	}
	return now, nil
}

// deliver puts one datagram where its receiver reads, if there still is one.
func (n *Network) deliver(to string, b []byte, from addr) {
	n.mu.Lock()
	peer := n.gossips[to]
	n.mu.Unlock()
	if peer == nil {
		return
	}
	select {
	case peer.packets <- &memberlist.Packet{Buf: b, From: from, Timestamp: time.Now()}:
	default: // a full socket buffer drops datagrams
	}
}

func (g *gossip) PacketCh() <-chan *memberlist.Packet { return g.packets }
func (g *gossip) StreamCh() <-chan net.Conn           { return g.streams }

func (g *gossip) DialTimeout(to string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return g.net.dial(ctx, g.host, to)
}

func (g *gossip) Shutdown() error {
	g.once.Do(func() {
		close(g.done)
		g.list.Close()
		g.net.mu.Lock()
		if g.net.gossips[g.at] == g {
			delete(g.net.gossips, g.at)
		}
		g.net.mu.Unlock()
	})
	g.serving.Wait()
	return nil
}

// Send delivers one forged datagram to a gossip port.
func (n *Network) Send(to string, b []byte) {
	n.mu.Lock()
	g := n.gossips[to]
	n.mu.Unlock()
	if g != nil {
		g.packets <- &memberlist.Packet{Buf: b, From: addr("127.9.9.9:1"), Timestamp: time.Now()}
	}
}
