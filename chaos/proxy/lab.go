//go:build linux

package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"

	"backstitch/chaos/rule"
)

// Operator is everybody who is not a process of a host.
const Operator = "operator"

// Lab is one network.
type Lab struct {
	rules *rule.Set
	ctx   context.Context // ends with Close; relays and what they carry live as long
	stop  context.CancelFunc
	first netip.Addr
	ended sync.WaitGroup

	mu     sync.Mutex // guards the rest
	next   netip.Addr
	hosts  []*Host
	byName map[string]*party
}

// party is a name for an address that everybody knows.
type party struct {
	name   string
	host   *Host
	public netip.Addr
	doors  []Door
	shut   context.CancelFunc // ends its relays
	relays sync.WaitGroup

	datagrams map[uint16]*net.UDPConn // by port
}

// Door is where a party is reached.
type Door struct {
	Proto rule.Proto // TCP or UDP
	Port  uint16
}

// New makes a network without hosts. seed decides what rules leave to chance, and where in 127.0.0.0/8 to begin.
func New(seed uint64) *Lab {
	ctx, stop := context.WithCancel(context.Background())
	first := netip.AddrFrom4([4]byte{127, byte(32 + seed%200), byte(seed >> 8), 1})
	return &Lab{rules: rule.NewSet(seed), ctx: ctx, stop: stop, first: first, next: first, byName: map[string]*party{}}
}

// First is the address from which on hosts are given theirs.
func (l *Lab) First() netip.Addr { return l.first }

// Cannot says why an effect can not be had here, nil when it can.
func Cannot(e rule.Effect) error {
	if e.Reorder > 0 || e.Duplicate > 0 || e.Corrupt > 0 || e.Longer > 0 {
		return errors.New("a relay sees no packets: it can not reorder, double, alter or measure them")
	}
	return nil
}

// Apply puts a rule in force. Rules are asked in the order in which they came.
func (l *Lab) Apply(m rule.Match, e rule.Effect) (*rule.Rule, error) {
	if err := Cannot(e); err != nil {
		return nil, err
	}
	for _, name := range slices.Concat(m.From, m.To) {
		if !l.Addr(name).IsValid() && name != Operator {
			return nil, fmt.Errorf("rule for %s: there is no such party", name)
		}
	}
	return l.rules.Apply(m, e)
}

// Host makes a host with one party of the same name.
func (l *Lab) Host(name string, doors ...Door) (*Host, error) {
	h := &Host{lab: l, name: name}
	var err error
	if h.behind, err = l.free(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.hosts = append(l.hosts, h)
	l.mu.Unlock()
	_, err = h.Also(name, doors...)
	return h, err
}

// free finds the next loopback address on which nothing listens at the ports that are relayed.
func (l *Lab) free() (netip.Addr, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range 1000 {
		addr := l.next
		l.next = addr.Next()
		// A range of ours that somebody else is in has its relays at the same ports.
		if c, err := net.Listen("tcp", netip.AddrPortFrom(addr, 0).String()); err == nil {
			return addr, c.Close()
		}
	}
	return netip.Addr{}, fmt.Errorf("no loopback address is free before %s", l.next)
}

// Addr is the address of a party that everybody knows; the zero Addr when there is none of that name.
func (l *Lab) Addr(name string) netip.Addr {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.byName[name]; p != nil {
		return p.public
	}
	return netip.Addr{}
}

// Close ends every relay and every connection through one, and waits for that.
func (l *Lab) Close() error {
	l.stop()
	l.ended.Wait()
	return nil
}
