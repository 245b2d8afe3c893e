//go:build linux

package netns

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"backstitch/chaos/rule"

	"github.com/vishvananda/netlink"
)

// Operator is the party that the test process itself is, and everything that is started without a host.
const Operator = "operator"

// Lab is one network: hosts, and the switch between them.
type Lab struct {
	subnet   netip.Prefix
	operator *Host
	rules    *rule.Set

	table   atomic.Pointer[table] // what packets are judged by
	carried atomic.Int64
	wake    chan struct{} // says to release that something was queued
	stop    context.CancelFunc
	ended   sync.WaitGroup // carriers and release

	mu       sync.Mutex // guards the rest
	hosts    []*Host
	next     netip.Addr // address for the next party
	held     queue
	last     map[link]time.Time // when the last packet that waits on a link is due
	sequence uint64
}

// table is replaced as a whole, so that carriers need no lock.
type table struct {
	parties map[netip.Addr]*party
}

// party is a name for an address. A host has one or more.
type party struct {
	name string
	addr netip.Addr
	host *Host
}

// pool is set aside for measuring networks (RFC 2544), so that no real network has these addresses.
var pool = netip.MustParsePrefix("198.18.0.0/15")

// New makes a network with one party, the operator. seed decides what rules leave to chance.
func New(seed uint64) (*Lab, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &Lab{rules: rule.NewSet(seed), last: map[link]time.Time{}, wake: make(chan struct{}, 1), stop: cancel}
	l.table.Store(&table{parties: map[netip.Addr]*party{}})
	var err error
	if l.subnet, err = freeSubnet(seed); err != nil {
		cancel()
		return nil, err
	}
	l.next = l.subnet.Addr().Next()
	l.ended.Go(func() { l.release(ctx) })
	if l.operator, err = l.join(Operator, here{}); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// freeSubnet finds a subnet of which this machine has no address. Labs that are made at the same moment, here or in another
// process, do not see each other's addresses yet, so they begin to look at different places.
func freeSubnet(seed uint64) (netip.Prefix, error) {
	addresses, err := netlink.AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("list addresses: %w", err)
	}
	taken := map[netip.Prefix]bool{}
	for _, a := range addresses {
		if ip, ok := netip.AddrFromSlice(a.IP.To4()); ok {
			taken[netip.PrefixFrom(ip, 24).Masked()] = true
		}
	}
	first := int((seed + uint64(os.Getpid())) % 512)
	for i := range 512 {
		n := (first + i) % 512
		at := netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18 + byte(n>>8), byte(n), 0}), 24)
		if !taken[at] {
			return at, nil
		}
	}
	return netip.Prefix{}, fmt.Errorf("every subnet of %s is taken", pool)
}

// Host makes a host, which is a namespace with a device, and one party of the same name.
func (l *Lab) Host(name string) (*Host, error) {
	return l.join(name, nil)
}

func (l *Lab) join(name string, place space) (*Host, error) {
	if l.known(name) {
		return nil, fmt.Errorf("there is a party %s already", name)
	}
	h := &Host{lab: l, name: name, space: place}
	if place == nil {
		t, err := newThread()
		if err != nil {
			return nil, fmt.Errorf("namespace of %s: %w", name, err)
		}
		h.space = t
	}
	var err error
	if h.tun, h.device, err = h.openDevice(); err != nil {
		h.space.end()
		return nil, fmt.Errorf("device of %s: %w", name, err)
	}
	l.mu.Lock()
	l.hosts = append(l.hosts, h)
	l.mu.Unlock()
	l.ended.Go(func() { l.carry(h) })
	if _, err := h.Also(name); err != nil {
		return nil, err // Close ends what was made
	}
	return h, nil
}

func (l *Lab) known(name string) bool {
	for _, p := range l.table.Load().parties {
		if p.name == name {
			return true
		}
	}
	return false
}

// Addr is the address of a party; the zero Addr when there is none of that name.
func (l *Lab) Addr(name string) netip.Addr {
	for _, p := range l.table.Load().parties {
		if p.name == name {
			return p.addr
		}
	}
	return netip.Addr{}
}

// Carried is how many packets have passed through the switch or were lost in it.
func (l *Lab) Carried() int64 { return l.carried.Load() }

// Apply puts a rule in force. Rules are asked in the order in which they came.
func (l *Lab) Apply(m rule.Match, e rule.Effect) (*rule.Rule, error) {
	for _, name := range slices.Concat(m.From, m.To) {
		if !l.known(name) {
			return nil, fmt.Errorf("rule for %s: there is no such party", name)
		}
	}
	return l.rules.Apply(m, e)
}

// changeTable replaces the table by a changed copy. The caller holds mu.
func (l *Lab) changeTable(change func(*table)) {
	old := l.table.Load()
	t := &table{parties: maps.Clone(old.parties)}
	change(t)
	l.table.Store(t)
}

// Close ends the network. Processes that still run in its hosts are killed by the kernel, because the thread that started
// them ends.
func (l *Lab) Close() error {
	l.mu.Lock()
	hosts := l.hosts
	l.hosts = nil
	l.mu.Unlock()
	var errs []error
	for _, h := range hosts {
		errs = append(errs, h.close())
	}
	l.stop()
	l.ended.Wait()
	l.mu.Lock()
	l.held = nil
	heap.Init(&l.held)
	l.mu.Unlock()
	return errors.Join(errs...)
}
