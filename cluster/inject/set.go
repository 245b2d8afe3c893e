package inject

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// This file keeps what is active. The trap is the fault that outlives its end: each has a timer of its own, and every question
// is asked of the set, never of a copy, so that what was taken back stops to bite at the next write.

// ErrPaused is what the worker is told when its pause is not over before its own patience is.
var ErrPaused = errors.New("paused on purpose")

// ErrTooMany says that there are enough faults.
var ErrTooMany = errors.New("too many faults at once")

// Peer is another node as a fault knows it.
type Peer struct{ RPC, Gossip string } // host:port

// Set has the faults of one node. It is safe for concurrent use.
type Set struct {
	clock func() time.Time
	log   *slog.Logger

	mu      sync.Mutex
	active  map[string]*entry
	changed chan struct{} // closed and replaced when a fault comes or goes
	conns   map[*conn]struct{}
}

type entry struct {
	Active
	peers []Peer // none stands for all
	timer *time.Timer
	hits  atomic.Int64
}

// New makes an empty set.
func New(clock func() time.Time, log *slog.Logger) *Set {
	return &Set{clock: clock, log: log, active: map[string]*entry{}, changed: make(chan struct{}), conns: map[*conn]struct{}{}}
}

// Add makes a fault bite until its time is over. peers are where the nodes of f.Peers are, in any order. What is done at once is
// not for a set.
func (s *Set) Add(f Fault, peers []Peer) (Active, error) {
	if err := f.Validate(); err != nil {
		return Active{}, err
	}
	if f.Kind.AtOnce() {
		return Active{}, fmt.Errorf("%w: %s is done at once", ErrInvalid, f.Kind)
	}
	if len(f.Peers) != len(peers) {
		return Active{}, fmt.Errorf("%w: %d peers and %d addresses", ErrInvalid, len(f.Peers), len(peers))
	}
	s.mu.Lock()
	if len(s.active) >= maxFaults {
		s.mu.Unlock()
		return Active{}, ErrTooMany
	}
	now := s.clock()
	e := &entry{Active: Active{Fault: f, ID: "f-" + strings.ToLower(rand.Text()[:10]), Began: now, Ends: now.Add(f.TTL)}, peers: peers}
	s.active[e.ID] = e
	e.timer = time.AfterFunc(f.TTL, func() { s.remove(e.ID, "its time is over") })
	s.tell()
	var broken []*conn
	if f.Kind == CutRPC {
		for c := range s.conns {
			if e.meets(c.rpc) {
				broken = append(broken, c)
			}
		}
	}
	out := e.Active
	s.mu.Unlock()
	s.log.Warn("fault injected on purpose", "fault", out.ID, "kind", string(f.Kind), "peers", strings.Join(f.Peers, ","), "delay", f.Delay,
		"ttl", f.TTL, "by", f.By)
	for _, c := range broken {
		e.hits.Add(1)
		c.Close()
	}
	return out, nil
}

// Remove heals one fault and says whether it was there.
func (s *Set) Remove(id, by string) bool { return s.remove(id, "taken back by "+by) }

// Clear heals all and returns how many there were.
func (s *Set) Clear(by string) int {
	n := 0
	for _, a := range s.List() {
		if s.Remove(a.ID, by) {
			n++
		}
	}
	return n
}

func (s *Set) remove(id, why string) bool {
	s.mu.Lock()
	e := s.active[id]
	if e == nil {
		s.mu.Unlock()
		return false
	}
	delete(s.active, id)
	e.timer.Stop()
	s.tell()
	s.mu.Unlock()
	s.log.Warn("fault healed", "fault", id, "kind", string(e.Kind), "hits", e.hits.Load(), "reason", why)
	return true
}

// tell wakes whoever waits for a change. It is called with mu held.
func (s *Set) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// List returns what is active, oldest first.
func (s *Set) List() []Active {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Active, 0, len(s.active))
	for _, e := range s.active {
		a := e.Active
		a.Hits = e.hits.Load()
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b Active) int { return cmp.Or(a.Began.Compare(b.Began), strings.Compare(a.ID, b.ID)) })
	return out
}

// Refuses says whether a request to the API is refused, and counts it.
func (s *Set) Refuses() bool {
	e, _ := s.find(func(e *entry) bool { return e.Kind == RefuseAPI })
	return e.hit()
}

// Gate holds the worker back while it is paused. It returns ErrPaused when ctx ends first.
func (s *Set) Gate(ctx context.Context) error {
	if e, healed := s.find(func(e *entry) bool { return e.Kind == Pause }); e.hit() {
		if !s.until(ctx, e.ID, healed) {
			return fmt.Errorf("%w: %w", ErrPaused, ctx.Err())
		}
	}
	return nil
}

// find returns the first fault that fits, nil for none, and what is closed at the next change.
func (s *Set) find(fits func(*entry) bool) (*entry, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.active {
		if fits(e) {
			return e, s.changed
		}
	}
	return nil, s.changed
}

// until waits until fault id is gone. It says false when ctx ends first.
func (s *Set) until(ctx context.Context, id string, changed <-chan struct{}) bool {
	for {
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
		s.mu.Lock()
		_, there := s.active[id]
		changed = s.changed
		s.mu.Unlock()
		if !there {
			return true
		}
	}
}

// hit counts, and says whether there is a fault at all.
func (e *entry) hit() bool {
	if e == nil {
		return false
	}
	e.hits.Add(1)
	return true
}

// meets says whether the fault is about the node whose RPC address it is. An accepted connection has none: only a fault that is
// about everybody is about it.
func (e *entry) meets(rpc string) bool {
	return len(e.peers) == 0 || slices.ContainsFunc(e.peers, func(p Peer) bool { return rpc != "" && p.RPC == rpc })
}

func (e *entry) gossips(addr string) bool {
	return len(e.peers) == 0 || slices.ContainsFunc(e.peers, func(p Peer) bool { return sameEnd(p.Gossip, addr) })
}

// sameEnd compares addresses, of which one may have a name for its host.
func sameEnd(a, b string) bool {
	if a == b {
		return a != ""
	}
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB {
		return false
	}
	ipA, ipB := net.ParseIP(hostA), net.ParseIP(hostB)
	return ipA != nil && ipB != nil && ipA.Equal(ipB)
}
