//go:build linux

package netns

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Match says which packets a rule is about. Its zero value is every packet.
type Match struct {
	From, To []string // parties; none stands for all
	Both     bool     // also the other way
	Proto    Proto
	Port     uint16 // of either end; 0 stands for any
}

// Effect says what becomes of a packet. Shares are from 0 to 1.
type Effect struct {
	Lose      float64
	Longer    int           // loses packets of more bytes than this
	Reset     bool          // ends TCP connections, and loses the rest
	Delay     time.Duration // one way; the order is kept
	Jitter    time.Duration // the delay is between Delay-Jitter and Delay+Jitter
	Reorder   float64       // arrives after later ones
	Duplicate float64
	Corrupt   float64 // has one bit turned over, behind the IP header
	Rate      int64   // bytes per second, for all matching packets together; what waits for longer than a quarter of a second is lost
}

// Validate refuses an effect that does nothing and one that can not be.
func (e Effect) Validate() error {
	if e == (Effect{}) {
		return errors.New("the effect is empty")
	}
	for name, share := range map[string]float64{"lose": e.Lose, "reorder": e.Reorder, "duplicate": e.Duplicate, "corrupt": e.Corrupt} {
		if share < 0 || share > 1 {
			return fmt.Errorf("%s %v: want a share from 0 to 1", name, share)
		}
	}
	if e.Delay < 0 || e.Jitter < 0 || e.Jitter > e.Delay || e.Longer < 0 || e.Rate < 0 {
		return fmt.Errorf("effect %+v: delay, jitter, longer and rate are not negative, and jitter is at most delay", e)
	}
	return nil
}

// Hits is what a rule has done so far, in packets.
type Hits struct {
	Matched    int64 `json:"matched"`
	Lost       int64 `json:"lost,omitempty"`
	Reset      int64 `json:"reset,omitempty"`
	Delayed    int64 `json:"delayed,omitempty"`
	Reordered  int64 `json:"reordered,omitempty"`
	Duplicated int64 `json:"duplicated,omitempty"`
	Corrupted  int64 `json:"corrupted,omitempty"`
}

// Harmed is how many packets did not just pass.
func (h Hits) Harmed() int64 {
	return h.Lost + h.Reset + h.Delayed + h.Reordered + h.Duplicated + h.Corrupted
}

// Rule is a match and an effect in force.
type Rule struct {
	match  Match
	effect Effect
	lab    *Lab

	paused atomic.Bool
	hits   struct {
		matched, lost, reset, delayed, reordered, duplicated, corrupted atomic.Int64
	}

	mu     sync.Mutex // guards the rest
	random *rand.Rand
	free   time.Time // when the bytes that were let through so far are paid for
}

// Hits reads the counters.
func (r *Rule) Hits() Hits {
	h := &r.hits
	return Hits{Matched: h.matched.Load(), Lost: h.lost.Load(), Reset: h.reset.Load(), Delayed: h.delayed.Load(),
		Reordered: h.reordered.Load(), Duplicated: h.duplicated.Load(), Corrupted: h.corrupted.Load()}
}

// Pause takes the rule out of force for a while, or puts it back: a link that flaps.
func (r *Rule) Pause(yes bool) { r.paused.Store(yes) }

// Remove takes the rule out of force for good. Its counters can still be read.
func (r *Rule) Remove() { r.lab.remove(r) }

func (m Match) covers(from, to string, p packet) bool {
	if m.Proto != Any && m.Proto != p.proto || m.Port != 0 && m.Port != p.fromPort && m.Port != p.toPort {
		return false
	}
	return m.between(from, to) || m.Both && m.between(to, from)
}

func (m Match) between(from, to string) bool {
	return (len(m.From) == 0 || slices.Contains(m.From, from)) && (len(m.To) == 0 || slices.Contains(m.To, to))
}

// verdict is what rules together do to one packet.
type verdict struct {
	lost, reset, twice bool
	late               time.Duration
	after              bool // lets later packets pass
}

// longestQueue bounds what waits for a rate, as the buffer of a real link does.
const longestQueue = 250 * time.Millisecond

// behind is how much later than its neighbours a reordered packet comes.
const behind = 10 * time.Millisecond

// judge adds what r does to p to v. It may change p's bytes.
func (r *Rule) judge(v *verdict, p packet, now time.Time) {
	e := r.effect
	r.hits.matched.Add(1)
	if e.Reset {
		v.lost = true
		if p.proto == TCP {
			v.reset = true
			r.hits.reset.Add(1)
		} else {
			r.hits.lost.Add(1)
		}
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Longer > 0 && len(p.data) > e.Longer || r.chance(e.Lose) {
		v.lost = true
		r.hits.lost.Add(1)
		return
	}
	if e.Rate > 0 {
		if r.free.Before(now) {
			r.free = now
		}
		wait := r.free.Sub(now)
		if wait > longestQueue {
			v.lost = true
			r.hits.lost.Add(1)
			return
		}
		r.free = r.free.Add(time.Duration(int64(len(p.data)) * int64(time.Second) / e.Rate))
		if wait > 0 {
			v.late += wait
			r.hits.delayed.Add(1)
		}
	}
	if e.Delay > 0 {
		v.late += e.Delay
		if e.Jitter > 0 {
			v.late += time.Duration(r.random.Int64N(2*int64(e.Jitter)+1)) - e.Jitter
		}
		r.hits.delayed.Add(1)
	}
	if r.chance(e.Reorder) {
		v.late, v.after = v.late+behind, true
		r.hits.reordered.Add(1)
	}
	if r.chance(e.Duplicate) {
		v.twice = true
		r.hits.duplicated.Add(1)
	}
	if body := p.payload(); len(body) > 0 && r.chance(e.Corrupt) {
		body[r.random.IntN(len(body))] ^= 1 << r.random.IntN(8)
		r.hits.corrupted.Add(1)
	}
}

func (r *Rule) chance(share float64) bool { return share > 0 && r.random.Float64() < share }
