package throttle

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"backstitch/fsm"
	"backstitch/partition/share"
	"backstitch/replay/record"
)

// Quota is what this node may spend of the cluster's budgets, by scope, and what it has spent. A scope that has a budget and of which the
// node has no share, or whose share has lapsed, lets nothing through. It is safe for concurrent use.
type Quota struct {
	now func() time.Time

	mu     sync.Mutex
	index  uint64 // of the newest list of all budgets
	bound  map[fsm.Scope]bool
	scopes map[fsm.Scope]*purse // in which lanes run
}

// purse is one scope of which this node has lanes, or the pace of one job on this node.
type purse struct {
	scope  fsm.Scope
	pace   bool // in no scope, and nobody grants it; see pace.go
	lanes  int
	index  uint64 // of the book that says whether it is bound
	bound  bool
	until  time.Time // then the share is worth nothing
	has    share.Share
	gauges [units]gauge
	waited [units]time.Duration // by all lanes together

	// Since the last asking.
	since time.Time
	spent [units]float64
	held  [units]bool // somebody waited for it
	aside bool        // somebody would have spent of it, and waited for another one
}

// In the order of partition.Units.
const (
	bytes = iota
	records
	requests
	units
)

// NewQuota makes one without budgets.
func NewQuota(now func() time.Time) *Quota {
	return &Quota{now: now, bound: map[fsm.Scope]bool{}, scopes: map[fsm.Scope]*purse{}}
}

// Bound takes the budgets of a book as of index. Older news than was taken before is dropped.
func (q *Quota) Bound(budgets []fsm.Budget, index uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if index < q.index {
		return
	}
	q.index = index
	clear(q.bound)
	for _, b := range budgets {
		q.bound[b.Scope] = true
	}
	for _, p := range q.scopes {
		switch {
		case index < p.index:
			continue
		case !q.bound[p.scope]:
			p.free()
		case !p.bound:
			p.bind(q.now())
		}
		p.index = index
	}
}

// bind makes a scope without a share one that has a budget.
func (p *purse) bind(now time.Time) {
	p.bound, p.until, p.has = true, now, share.Share{}
	for i := range p.gauges {
		p.gauges[i].set(0, now)
	}
}

// free takes the bound away.
func (p *purse) free() {
	p.bound = false
	for i := range p.gauges {
		p.gauges[i] = gauge{rate: -1, fine: p.pace && i == bytes}
		p.has[i] = share.More
	}
}

// Wants is what to say with the next renewal, of every scope that this node works in.
func (q *Quota) Wants() []share.Want {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	var out []share.Want
	for _, p := range q.scopes {
		out = append(out, share.Want{Scope: string(p.scope), Has: p.holds(now), Wants: p.wants(now), Lanes: uint32(p.lanes)})
	}
	slices.SortFunc(out, func(a, b share.Want) int { return cmp.Compare(a.Scope, b.Scope) })
	return out
}

// lapsed reports whether nobody grants the scope any more.
func (p *purse) lapsed(now time.Time) bool { return !p.pace && !now.Before(p.until) }

// lacks reports whether n of a unit do not fit in.
func (p *purse) lacks(unit int, n float64) bool {
	g := &p.gauges[unit]
	return p.bound && !g.unlimited() && n > g.level
}

// holds is the share, nothing once it has lapsed.
func (p *purse) holds(now time.Time) share.Share {
	if p.bound && p.lapsed(now) {
		return share.Share{}
	}
	return p.has
}

// wants is what the scope could use: more than it has where somebody waited, a quarter above what was spent elsewhere. Who waited for
// another scope keeps half of what it has. Giving all of it away for having spent nothing would leave none by the time that the other scope
// has some, which is then given away in turn: a lane under two scopes would have one or the other, and never both.
func (p *purse) wants(now time.Time) (out share.Share) {
	d := now.Sub(p.since).Seconds()
	for i := range out {
		if p.held[i] || d <= 0 {
			out[i] = share.More
			continue
		}
		out[i] = int64(p.spent[i] / d * 1.25 * share.Milli)
		if p.aside && !p.lapsed(now) {
			out[i] = max(out[i], p.has[i]/2)
		}
	}
	p.since, p.spent, p.held, p.aside = now, [units]float64{}, [units]bool{}, false
	return out
}

// Answer takes what a renewal brought that asked for wants: shares that are good until the given time. What was asked about and is not in
// it has no budget as of the answer's index; index 0 says nothing.
func (q *Quota) Answer(wants []share.Want, a share.Answer, until time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	granted := map[string]share.Share{}
	for _, g := range a.Grants {
		granted[g.Scope] = g.Share
	}
	for _, w := range wants {
		p := q.scopes[fsm.Scope(w.Scope)]
		if p == nil || a.Index < p.index {
			continue
		}
		p.index = a.Index
		if s, ok := granted[w.Scope]; ok {
			p.grant(s, until, now)
		} else if p.bound {
			p.free()
		}
	}
}

// grant gives the scope a share.
func (p *purse) grant(s share.Share, until, now time.Time) {
	p.bound, p.until, p.has = true, until, s
	for i := range p.gauges {
		rate := float64(s[i]) / share.Milli
		if s[i] == share.More {
			rate = -1
		}
		p.gauges[i].set(rate, now)
	}
}

// Limit is one scope in which this node works and that has a budget.
type Limit struct {
	Scope  fsm.Scope
	Share  share.Share          // what this node may spend
	Waited [units]time.Duration // by unit, of all lanes together since the node began to work in the scope
}

// Limits are those of now, by scope.
func (q *Quota) Limits() []Limit {
	q.mu.Lock()
	defer q.mu.Unlock()
	var out []Limit
	for _, p := range q.scopes {
		if p.bound {
			out = append(out, Limit{p.scope, p.holds(q.now()), p.waited})
		}
	}
	slices.SortFunc(out, func(a, b Limit) int { return cmp.Compare(a.Scope, b.Scope) })
	return out
}

// join counts a lane in its scopes.
func (q *Quota) join(scopes []fsm.Scope) []*purse {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	out := make([]*purse, 0, len(scopes))
	for _, s := range scopes {
		p := q.scopes[s]
		if p == nil {
			p = &purse{scope: s, index: q.index, since: now}
			q.scopes[s] = p
			if p.free(); q.bound[s] {
				p.bind(now)
			}
		}
		p.lanes++
		out = append(out, p)
	}
	return out
}

func (q *Quota) leave(ps []*purse) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, p := range ps {
		if p.lanes--; p.lanes == 0 {
			delete(q.scopes, p.scope)
		}
	}
}

// take spends what the first of rs are, as many as fit into every scope, at least one. Otherwise it says how long to wait.
func (q *Quota) take(ps []*purse, rs []record.Record) (n int, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !slices.ContainsFunc(ps, func(p *purse) bool { return p.bound }) {
		tally(ps, rs)
		return len(rs), 0
	}
	now := q.now()
	room := [units]float64{bytes: -1, records: -1, requests: -1}
	for _, p := range ps {
		for i := range p.gauges {
			g := &p.gauges[i]
			if g.unlimited() {
				continue
			}
			g.fill(now)
			d := g.wait()
			if p.lapsed(now) {
				d = longest
			}
			if d > 0 {
				wait, p.held[i], p.waited[i] = max(wait, d), true, p.waited[i]+d
			}
			if room[i] < 0 || g.level < room[i] {
				room[i] = max(g.level, 0)
			}
		}
	}
	if wait > 0 {
		for _, p := range ps {
			p.aside = true // where it waits itself, it asks for more
		}
	}
	if wait > 0 || len(rs) == 0 {
		return 0, wait
	}
	var size int64
	for n < len(rs) {
		next := rs[n].Size()
		if n > 0 && (room[bytes] >= 0 && float64(size+next) > room[bytes] || room[records] >= 0 && float64(n+1) > room[records]) {
			for _, p := range ps { // each that has no room for it, and not the others: they would ask for more than they can use
				p.held[bytes] = p.held[bytes] || p.lacks(bytes, float64(size+next))
				p.held[records] = p.held[records] || p.lacks(records, float64(n+1))
			}
			break
		}
		size, n = size+next, n+1
	}
	spend(ps, bytes, float64(size))
	spend(ps, records, float64(n))
	return n, 0
}

// pay spends without asking; below zero it gives back.
func (q *Quota) pay(ps []*purse, rs, size int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	for _, p := range ps {
		p.gauges[bytes].fill(now)
		p.gauges[records].fill(now)
	}
	spend(ps, bytes, float64(size))
	spend(ps, records, float64(rs))
}

// called spends calls that were made.
func (q *Quota) called(scopes []fsm.Scope, n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	for _, p := range q.purses(scopes) {
		p.gauges[requests].fill(now)
		spend([]*purse{p}, requests, float64(n))
	}
}

// call spends one call if every scope allows it, or says how long to wait.
func (q *Quota) call(scopes []fsm.Scope) (wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now, ps := q.now(), q.purses(scopes)
	for _, p := range ps {
		g := &p.gauges[requests]
		if g.unlimited() {
			continue
		}
		g.fill(now)
		d := g.until(1)
		if p.lapsed(now) {
			d = longest
		}
		if d > 0 {
			wait, p.held[requests], p.waited[requests] = max(wait, d), true, p.waited[requests]+d
		}
	}
	if wait == 0 {
		spend(ps, requests, 1)
	}
	return wait
}

// purses are those of scopes in which lanes run. The caller holds the lock.
func (q *Quota) purses(scopes []fsm.Scope) []*purse {
	out := make([]*purse, 0, len(scopes))
	for _, s := range scopes {
		if p := q.scopes[s]; p != nil {
			out = append(out, p)
		}
	}
	return out
}

// spend takes from every scope that has a budget, into debt if need be. The caller holds the lock.
func spend(ps []*purse, unit int, n float64) {
	for _, p := range ps {
		if !p.bound && !p.pace {
			continue
		}
		p.spent[unit] += n
		p.gauges[unit].level -= n
	}
}
