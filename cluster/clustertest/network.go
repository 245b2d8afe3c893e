package clustertest

import (
	"context"
	"fmt"
	"net"
	"sync"
	"syscall"

	"backstitch/cluster"
)

// Network is a set of hosts with connections between them. Hosts are IPs.
type Network struct {
	mu        sync.Mutex
	listeners map[string]*listener // by host:port
	gossips   map[string]*gossip   // by host:port
	down      map[string]bool
	cuts      map[[2]string]bool
	links     map[*link]struct{}
	port      int
	changed   chan struct{} // closed and replaced when a cut heals
}

// NewNetwork returns a network without hosts; they come into being by being used.
func NewNetwork() *Network {
	return &Network{
		listeners: map[string]*listener{}, gossips: map[string]*gossip{}, down: map[string]bool{},
		cuts: map[[2]string]bool{}, links: map[*link]struct{}{}, port: 20000, changed: make(chan struct{}),
	}
}

// link joins the two ends of a connection.
type link struct {
	net  *Network
	a, b string
	ends [2]*half
}

func (l *link) isCut() bool {
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	return l.net.cuts[pair(l.a, l.b)]
}

func pair(a, b string) [2]string {
	if a > b {
		a, b = b, a
	}
	return [2]string{a, b}
}

// Cut drops everything between two hosts until Heal.
func (n *Network) Cut(a, b string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cuts[pair(a, b)] = true
}

// Isolate cuts host off from all of the others.
func (n *Network) Isolate(host string, others ...string) {
	for _, o := range others {
		if o != host {
			n.Cut(host, o)
		}
	}
}

// Heal ends all cuts.
func (n *Network) Heal() {
	n.mu.Lock()
	clear(n.cuts)
	close(n.changed)
	n.changed = make(chan struct{})
	var links []*link
	for l := range n.links {
		links = append(links, l)
	}
	n.mu.Unlock()
	for _, l := range links {
		l.ends[0].wake()
		l.ends[1].wake()
	}
}

// Down ends all connections of a host at once and makes it refuse new ones, as when its process is killed.
func (n *Network) Down(host string) {
	n.mu.Lock()
	n.down[host] = true
	var links []*link
	for l := range n.links {
		if l.a == host || l.b == host {
			links = append(links, l)
			delete(n.links, l)
		}
	}
	var gone []*listener
	for addr, l := range n.listeners {
		if l.host == host {
			gone = append(gone, l)
			delete(n.listeners, addr)
		}
	}
	for addr, g := range n.gossips {
		if g.host == host {
			delete(n.gossips, addr)
		}
	}
	n.mu.Unlock()
	for _, l := range links {
		l.ends[0].end(true)
		l.ends[1].end(true)
	}
	for _, l := range gone {
		l.Close()
	}
}

// Up lets a host listen again.
func (n *Network) Up(host string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.down, host)
}

// Host is the network as seen from one host.
func (n *Network) Host(ip string) cluster.Network { return &host{n, ip} }

type host struct {
	net *Network
	ip  string
}

type addr string

func (addr) Network() string  { return "memory" }
func (a addr) String() string { return string(a) }

// Listen opens a port.
func (h *host) Listen(at string) (net.Listener, error) { return h.net.listen(h.ip, at) }

func (n *Network) listen(ip, at string) (*listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[at] != nil {
		return nil, fmt.Errorf("listen on %s: %w", at, syscall.EADDRINUSE)
	}
	l := &listener{net: n, host: ip, at: addr(at), conns: make(chan net.Conn, 64), done: make(chan struct{})}
	if !n.down[ip] {
		n.listeners[at] = l
	}
	return l, nil
}

// Dial connects, is refused, or waits for a cut to heal until ctx ends.
func (h *host) Dial(ctx context.Context, to string) (net.Conn, error) {
	return h.net.dial(ctx, h.ip, to)
}

func (n *Network) dial(ctx context.Context, from, to string) (net.Conn, error) {
	toHost, _, err := net.SplitHostPort(to)
	if err != nil {
		return nil, err
	}
	for {
		n.mu.Lock()
		changed := n.changed
		cut := n.cuts[pair(from, toHost)]
		l := n.listeners[to]
		refused := !cut && (l == nil || n.down[from])
		if cut || refused {
			n.mu.Unlock()
			if refused {
				return nil, fmt.Errorf("dial %s: %w", to, syscall.ECONNREFUSED)
			}
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return nil, fmt.Errorf("dial %s: %w", to, ctx.Err())
			}
		}
		n.port++
		local := addr(fmt.Sprintf("%s:%d", from, n.port))
		k := &link{net: n, a: from, b: toHost}
		k.ends = [2]*half{newHalf(k), newHalf(k)}
		n.links[k] = struct{}{}
		n.mu.Unlock()
		near := &conn{link: k, in: k.ends[0], out: k.ends[1], local: local, remote: addr(to)}
		far := &conn{link: k, in: k.ends[1], out: k.ends[0], local: addr(to), remote: local}
		select {
		case l.conns <- far:
			return near, nil
		case <-l.done:
			return nil, fmt.Errorf("dial %s: %w", to, syscall.ECONNREFUSED)
		case <-ctx.Done():
			return nil, fmt.Errorf("dial %s: %w", to, ctx.Err())
		}
	}
}

type listener struct {
	net   *Network
	host  string
	at    addr
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
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
		if l.net.listeners[string(l.at)] == l {
			delete(l.net.listeners, string(l.at))
		}
	})
	return nil
}
