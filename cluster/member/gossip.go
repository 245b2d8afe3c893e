package member

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"backstitch/cluster/discover"
	"backstitch/cluster/member/transport"

	"github.com/hashicorp/memberlist"
)

// This file owns memberlist. It is made inside Run and shut down before Run returns, so nothing of it outlives its owner.

// Config says how to take part in gossip. Meta.ID, BindAddr, AdvertiseAddr, Clock and Logger are required.
type Config struct {
	Meta          Meta
	BindAddr      string             // host:port
	AdvertiseAddr string             // host:port
	RetryJoin     []string           // gossip addresses to meet, tried while this node is lonely
	Finders       []*discover.Finder // ways to find more of them; each is used by one Gossip
	Ring          *Ring              // nil for no encryption
	Timings       Timings
	Clock         func() time.Time
	Logger        *slog.Logger
	// Transport replaces the sockets; nil for real ones.
	Transport memberlist.Transport
	// Wrap, if set, is put around the transport, whichever it is.
	Wrap func(memberlist.Transport) memberlist.Transport
}

// Peer is one node as rumour has it.
type Peer struct {
	Meta
	GossipAddr string // host:port
	Alive      bool
	Since      time.Time // when Alive last changed, by the local clock
}

// ErrNotRunning says that Run has not begun or has ended.
var ErrNotRunning = errors.New("gossip is not running")

// Gossip is this node's part in the rumour.
type Gossip struct {
	cfg   Config         // immutable
	up    chan struct{}  // closed once the port is open
	kick  chan struct{}  // asks Run to tell the others about a change of meta
	joins sync.WaitGroup // calls of the library that nobody waits for any more

	mu       sync.Mutex
	list     *memberlist.Memberlist // nil unless running
	meta     Meta
	peers    map[string]Peer // by node id, without this node
	changed  chan struct{}   // closed and replaced at each change
	conflict string          // address of another process with our id, "" if none was seen
	ignored  uint64
	troubles map[string]string // by entry of retry join: why it gives nobody to meet
}

// New checks cfg. It starts nothing.
func New(cfg Config) (*Gossip, error) {
	if _, err := cfg.Meta.Encode(); err != nil {
		return nil, err
	}
	g := &Gossip{
		cfg: cfg, meta: cfg.Meta, up: make(chan struct{}), kick: make(chan struct{}, 1),
		peers: map[string]Peer{}, changed: make(chan struct{}), troubles: map[string]string{},
	}
	return g, nil
}

// Run takes part until ctx ends, then says goodbye and closes the port.
func (g *Gossip) Run(ctx context.Context) error {
	conf, err := g.memberlistConfig(ctx)
	if err != nil {
		return err
	}
	list, err := memberlist.Create(conf)
	if err != nil {
		return fmt.Errorf("start gossip on %s: %w", g.cfg.BindAddr, errors.Join(err, conf.Transport.Shutdown()))
	}
	g.mu.Lock()
	g.list = list
	g.mu.Unlock()
	close(g.up)
	var seeking sync.WaitGroup
	for _, s := range g.seekers(list) {
		seeking.Go(func() { s.run(ctx) })
	}
	g.announce(ctx, list)
	seeking.Wait()
	g.mu.Lock()
	g.list = nil
	g.mu.Unlock()
	// The farewell spares the others the detection time. It is a courtesy: they must also do without it.
	if err := list.Leave(time.Second); err != nil {
		g.cfg.Logger.Debug("gossip farewell", "err", err)
	}
	err = list.Shutdown()
	g.joins.Wait()
	if err != nil {
		return fmt.Errorf("close gossip: %w", err)
	}
	return nil
}

// insist makes the library believe that this node lives. It opens its ports before it enters itself into its own table: when
// somebody's word about an earlier life of this node arrives in between, the library refutes that word with a newer one, then
// takes its own first entry for outdated, and keeps itself as dead. Half a minute later it would forget itself and crash at
// the next mention.
func (g *Gossip) insist(list *memberlist.Memberlist) {
	for _, n := range list.Members() {
		if n.Name == g.cfg.Meta.ID {
			return
		}
	}
	if err := list.UpdateNode(time.Second); err != nil {
		g.cfg.Logger.Debug("announce this node", "err", err)
	}
}

// Up is closed once the port is open.
func (g *Gossip) Up() <-chan struct{} { return g.up }

// abreast is how many addresses are tried at a time. One that is silent takes the library's TCP timeout.
const abreast = 8

// Join meets the nodes at addrs and returns how many answered. Addresses are resolved now.
func (g *Gossip) Join(ctx context.Context, addrs []string) (int, error) {
	list := g.running()
	if list == nil {
		return 0, ErrNotRunning
	}
	type met struct {
		n   int
		err error
	}
	done := make(chan met, len(addrs))
	turn := make(chan struct{}, abreast)
	for _, addr := range addrs {
		g.joins.Go(func() {
			select {
			case turn <- struct{}{}:
				defer func() { <-turn }()
			case <-ctx.Done():
				done <- met{0, ctx.Err()}
				return
			}
			n, err := list.Join([]string{addr}) // bounded by the library's TCP timeout
			done <- met{n, err}
		})
	}
	n := 0
	var errs []error
	for range addrs {
		select {
		case m := <-done:
			n += m.n
			errs = append(errs, m.err)
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, fmt.Errorf("meet %s: %w", some(addrs), errors.Join(errs...))
}

// announce tells the others of changes of meta, and sees to it that the library believes in this node.
func (g *Gossip) announce(ctx context.Context, list *memberlist.Memberlist) {
	tick := time.NewTicker(g.cfg.Timings.Join)
	defer tick.Stop()
	g.insist(list)
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.kick:
			// The wait for the broadcast is bounded; a change that nobody heard travels with the next full exchange.
			if err := list.UpdateNode(time.Second); err != nil {
				g.cfg.Logger.Debug("announce change", "err", err)
			}
		case <-tick.C:
			g.insist(list)
		}
	}
}

// Peers returns all other nodes ever heard of, by node id, and a channel that is closed at the next change.
func (g *Gossip) Peers() ([]Peer, <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]Peer, 0, len(g.peers))
	for _, p := range g.peers {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Peer) int { return strings.Compare(a.ID, b.ID) })
	return out, g.changed
}

// Peer returns what is known of one node.
func (g *Gossip) Peer(id string) (Peer, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p, ok := g.peers[id]
	return p, ok
}

// Ignored counts the messages that were dropped because their metadata made no sense.
func (g *Gossip) Ignored() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.ignored
}

// Conflict is the gossip address of another living process with this node's id, "" if none was seen.
func (g *Gossip) Conflict() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.conflict
}

// Update changes what this node says of itself. Run tells the others.
func (g *Gossip) Update(change func(*Meta)) error {
	g.mu.Lock()
	next := g.meta
	change(&next)
	if next == g.meta {
		g.mu.Unlock()
		return nil
	}
	if _, err := next.Encode(); err != nil {
		g.mu.Unlock()
		return err
	}
	g.meta = next
	g.mu.Unlock()
	select {
	case g.kick <- struct{}{}:
	default: // Run has not taken up the last change yet and will send both
	}
	return nil
}

func (g *Gossip) running() *memberlist.Memberlist {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.list
}

func (g *Gossip) memberlistConfig(ctx context.Context) (*memberlist.Config, error) {
	conf := memberlist.DefaultLANConfig()
	g.cfg.Timings.apply(conf)
	conf.Name = g.cfg.Meta.ID
	conf.TCPTimeout = 2 * time.Second // bounds how long the end of Run can take
	conf.RequireNodeNames = false     // an address of RetryJoin has no name yet
	// A packet holds a few hundred bytes, and the library makes a table of 64 KiB to compress each. Compressed ones are understood.
	conf.EnableCompression = false
	if g.cfg.Ring != nil {
		conf.Keyring = g.cfg.Ring.live
	}
	d := &delegate{g: g}
	conf.Delegate, conf.Events, conf.Alive, conf.Conflict = d, d, d, d
	conf.Logger = log.New(newLogWriter(g.cfg.Logger, g.cfg.Clock), "", 0)
	conf.LogOutput = nil
	var err error
	if conf.BindAddr, conf.BindPort, err = resolve(ctx, g.cfg.BindAddr); err != nil {
		return nil, err
	}
	if conf.AdvertiseAddr, conf.AdvertisePort, err = resolve(ctx, g.cfg.AdvertiseAddr); err != nil {
		return nil, err
	}
	conf.Transport, err = g.transport(conf)
	return conf, err
}

// transport is the one that was given, or sockets, with Config.Wrap around it.
func (g *Gossip) transport(conf *memberlist.Config) (memberlist.Transport, error) {
	out := g.cfg.Transport
	if out == nil {
		sockets := transport.Config{IP: net.ParseIP(conf.BindAddr), Port: conf.BindPort, Clock: g.cfg.Clock, Logger: g.cfg.Logger}
		if g.cfg.Ring != nil {
			sockets.Lock = &g.cfg.Ring.lock
		}
		opened, err := transport.Listen(sockets)
		if err != nil {
			return nil, fmt.Errorf("listen for gossip on %s: %w", g.cfg.BindAddr, err)
		}
		out = opened
	}
	if g.cfg.Wrap != nil {
		out = g.cfg.Wrap(out)
	}
	return out, nil
}

// resolve turns host:port into an IP and a port, since memberlist advertises only IPs.
func resolve(ctx context.Context, addr string) (string, int, error) {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("gossip address %q: %w", addr, err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return "", 0, fmt.Errorf("gossip address %q: port is not a number", addr)
	}
	if host == "" {
		return "0.0.0.0", port, nil
	}
	if net.ParseIP(host) != nil {
		return host, port, nil
	}
	ips, err := net.DefaultResolver.LookupIP(ctx, "ip4", host)
	if err != nil || len(ips) == 0 {
		return "", 0, fmt.Errorf("gossip address %q: %w", addr, err)
	}
	return ips[0].String(), port, nil
}
