package clustertest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

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
	shape     func(from, to string, gossip bool) Path
	random    *rand.Rand // decides what of a Path's shares is hit
}

// Path is what happens to what one host sends another. The zero value is a perfect network.
type Path struct {
	Cut bool // connections hold what is written until the cut heals; datagrams are lost
	// Loss, Duplicate and Reorder are percentages of datagrams. On a connection, which repeats what is lost and drops what comes
	// twice, Loss and Reorder make that share of writes late.
	Loss, Duplicate, Reorder float64
	Delay, Jitter            time.Duration // of everything; drawn from Delay±Jitter
}

const (
	resend    = 200 * time.Millisecond // until a lost part of a connection is sent again, as with TCP
	overtaken = 30 * time.Millisecond  // a datagram out of order is at most so late
)

// Shape asks path about everything that one host sends another, until the next Shape; nil is a perfect network. gossip says that
// the receiving port is the one of gossip. path is asked for traffic only, so a call of it is a hit. It must not call the Network.
func (n *Network) Shape(seed uint64, path func(from, to string, gossip bool) Path) {
	n.mu.Lock()
	n.shape, n.random = path, rand.New(rand.NewPCG(seed, 0x5a))
	n.mu.Unlock()
	n.Reshaped()
}

// Reshaped says that the function given to Shape answers differently from now on.
func (n *Network) Reshaped() {
	n.mu.Lock()
	links := n.waken()
	n.mu.Unlock()
	for _, l := range links {
		l.ends[0].wake()
		l.ends[1].wake()
	}
}

// waken lets dials try again and returns all connections.
func (n *Network) waken() (links []*link) {
	close(n.changed)
	n.changed = make(chan struct{})
	for l := range n.links {
		links = append(links, l)
	}
	return links
}

// path is what happens between two hosts now. n.mu is held.
func (n *Network) path(from, to string, gossip bool) Path {
	if n.cuts[pair(from, to)] {
		return Path{Cut: true}
	}
	if n.shape == nil || from == to {
		return Path{}
	}
	return n.shape(from, to, gossip)
}

// hit draws whether a share of percent is hit. n.mu is held.
func (n *Network) hit(percent float64) bool { return percent > 0 && n.random.Float64()*100 < percent }

// lag draws a delay. n.mu is held.
func (n *Network) lag(p Path) time.Duration {
	if p.Jitter == 0 {
		return p.Delay
	}
	return max(0, p.Delay+time.Duration((2*n.random.Float64()-1)*float64(p.Jitter)))
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
	net    *Network
	a, b   string // a dialled b
	gossip bool
	ends   [2]*half // read by a, read by b
}

// isCut asks about the way to whoever reads h.
func (l *link) isCut(h *half) bool {
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	from, to := l.way(h)
	return l.net.path(from, to, l.gossip).Cut
}

func (l *link) way(h *half) (from, to string) {
	if h == l.ends[0] {
		return l.b, l.a
	}
	return l.a, l.b
}

// lag is how late what is written now arrives at whoever reads h.
func (l *link) lag(h *half) time.Duration {
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	from, to := l.way(h)
	p := l.net.path(from, to, l.gossip)
	late := l.net.lag(p)
	if l.net.hit(p.Loss) {
		late += resend
	}
	if l.net.hit(p.Reorder) {
		late += overtaken
	}
	return late
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

// Heal ends all cuts and takes the say of Shape away.
func (n *Network) Heal() {
	n.mu.Lock()
	clear(n.cuts)
	n.shape = nil
	links := n.waken()
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
	toHost, port, err := net.SplitHostPort(to)
	if err != nil {
		return nil, err
	}
	gossip := port == strconv.Itoa(GossipPort)
	for {
		n.mu.Lock()
		changed := n.changed
		cut := n.path(from, toHost, gossip).Cut || n.path(toHost, from, gossip).Cut
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
		k := &link{net: n, a: from, b: toHost, gossip: gossip}
		k.ends = [2]*half{newHalf(k), newHalf(k)}
		n.links[k] = struct{}{}
		n.mu.Unlock()
		near := &conn{link: k, in: k.ends[0], out: k.ends[1], local: local, remote: addr(to)}
		far := &conn{link: k, in: k.ends[1], out: k.ends[0], local: addr(to), remote: local}
		select {
		case l.conns <- far:
			if l.isClosed() {
				l.refuseQueued()
			}
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

func (l *listener) isClosed() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// refuseQueued ends the connections that nobody is going to accept.
func (l *listener) refuseQueued() {
	for {
		select {
		case c := <-l.conns:
			c.Close()
		default:
			return
		}
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.done)
		l.refuseQueued()
		l.net.mu.Lock()
		defer l.net.mu.Unlock()
		if l.net.listeners[string(l.at)] == l {
			delete(l.net.listeners, string(l.at))
		}
	})
	return nil
}
