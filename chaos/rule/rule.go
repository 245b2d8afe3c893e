package rule

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Rule is a match and an effect in force.
type Rule struct {
	match  Match
	effect Effect
	set    *Set

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
func (r *Rule) Remove() { r.set.remove(r) }

// longestQueue bounds what waits for a rate, as the buffer of a real link does.
const longestQueue = 250 * time.Millisecond

// behind is how much later than its neighbours a reordered unit comes.
const behind = 10 * time.Millisecond

// judge adds what r does to u to v. It may change u's body.
func (r *Rule) judge(v *Verdict, u Unit, now time.Time) {
	e := r.effect
	r.hits.matched.Add(1)
	if e.Reset {
		v.Lost = true
		if u.Proto == TCP {
			v.Reset = true
			r.hits.reset.Add(1)
		} else {
			r.hits.lost.Add(1)
		}
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.Longer > 0 && u.Size > e.Longer || r.chance(e.Lose) {
		v.Lost = true
		r.hits.lost.Add(1)
		return
	}
	if e.Rate > 0 {
		if r.free.Before(now) {
			r.free = now
		}
		wait := r.free.Sub(now)
		if wait > longestQueue {
			v.Lost = true
			r.hits.lost.Add(1)
			return
		}
		r.free = r.free.Add(time.Duration(int64(u.Size) * int64(time.Second) / e.Rate))
		if wait > 0 {
			v.Late += wait
			r.hits.delayed.Add(1)
		}
	}
	if e.Delay > 0 {
		v.Late += e.Delay
		if e.Jitter > 0 {
			v.Late += time.Duration(r.random.Int64N(2*int64(e.Jitter)+1)) - e.Jitter
		}
		r.hits.delayed.Add(1)
	}
	if r.chance(e.Reorder) {
		v.Late, v.After = v.Late+behind, true
		r.hits.reordered.Add(1)
	}
	if r.chance(e.Duplicate) {
		v.Twice = true
		r.hits.duplicated.Add(1)
	}
	if len(u.Body) > 0 && r.chance(e.Corrupt) {
		u.Body[r.random.IntN(len(u.Body))] ^= 1 << r.random.IntN(8)
		r.hits.corrupted.Add(1)
	}
}

func (r *Rule) chance(share float64) bool { return share > 0 && r.random.Float64() < share }
