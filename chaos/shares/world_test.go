package shares

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"time"

	"backstitch/cluster/leader"
	"backstitch/cluster/quota"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/share"
	"backstitch/replay/record"
	"backstitch/replay/throttle"
)

const (
	step      = 50 * time.Millisecond
	perSecond = int(time.Second / step)
	window    = 5 * perSecond // steps over which a budget has to hold
	heard     = 2 * perSecond // steps until a lowered budget has to be heard of everywhere
	renew     = 500 * time.Millisecond

	recordSize = 4 << 10
	batch      = 12 // records that a lane would write in a step: 0.94 MiB/s
)

// world is a cluster in virtual time.
type world struct {
	r      *rand.Rand
	now    time.Time
	book   *book
	limits leader.Limits
	loop   *leader.Loop
	quota  *quota.Divider
	nodes  []*node // nodes[0] leads and does not die
	scopes map[fsm.Scope]*account
	waits  map[partition.JobID]time.Duration // for how long nothing of a job has run, in this term
	steps  int
	lost   int // leases of nodes when they died
	wrong  []string
	worst  float64       // of all budgets: the most that was spent in a window, as a part of what was allowed
	idle   time.Duration // the longest that a lane stood still
	waited time.Duration // the longest that nothing of a job ran
	bound  int           // windows in which a budget was nearly used up
	rs     []record.Record
}

// node is one process and its lanes.
type node struct {
	id    partition.NodeID
	boot  byte
	seq   uint64
	dead  bool
	quota *throttle.Quota
	meter map[partition.JobID]*throttle.Meter
	lanes map[fsm.Lease]*lane
	heard time.Time // of by the leader
}

// lane is one lease that is worked on.
type lane struct {
	*throttle.Lane
	left  int64
	still time.Duration // since it could write something
}

// account is what one scope has spent and might have, step by step.
type account struct {
	rates   []float64 // in force in each of the last steps; +Inf for no bound
	allowed []float64 // bytes in a step, given that lower rates have to be heard of
	spent   []float64
}

func newWorld(seed uint64, nodes int) *world {
	w := &world{
		r: rand.New(rand.NewPCG(seed, 1)), now: time.Unix(1_000_000, 0), book: newBook(), limits: leader.DefaultLimits(),
		scopes: map[fsm.Scope]*account{}, waits: map[partition.JobID]time.Duration{}, rs: make([]record.Record, batch),
	}
	w.limits.AgeEvery = time.Second // a job goes before all others after 101 s
	for i := range w.rs {
		w.rs[i].Value = make([]byte, recordSize)
	}
	for i := range nodes {
		id := partition.NodeID(fmt.Sprintf("node-%02d", i))
		w.book.members = append(w.book.members, fsm.Member{ID: id, State: fsm.MemberActive, Weight: 2, MaxOp: 94})
		n := &node{id: id, dead: true}
		w.nodes = append(w.nodes, n)
		w.start(n)
	}
	w.lead()
	return w
}

func (w *world) complain(format string, args ...any) {
	if len(w.wrong) < 10 {
		w.wrong = append(w.wrong, fmt.Sprintf("%s: ", w.since())+fmt.Sprintf(format, args...))
	}
}

func (w *world) since() time.Duration { return time.Duration(w.steps) * step }

// lead begins a term, which knows nothing of the one before.
func (w *world) lead() {
	clock := func() time.Time { return w.now }
	var err error
	w.loop, err = leader.New(leader.Config{
		Self: w.nodes[0].id, Book: w.book, Proposer: w.book, Rumours: w, Limits: w.limits, Tick: renew, MinTurn: step,
		Clock: clock, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		panic(err)
	}
	w.quota = quota.New(w.limits.Lease, w.now)
	for _, n := range w.nodes {
		n.heard = w.now
	}
	clear(w.waits) // it has not seen anybody wait
}

// Rumours makes it a leader.Rumours.
func (w *world) Rumours() map[partition.NodeID]leader.Rumour {
	out := map[partition.NodeID]leader.Rumour{}
	for _, n := range w.nodes {
		out[n.id] = leader.Rumour{GossipAlive: !n.dead, Silence: w.now.Sub(n.heard), Refused: n.dead}
	}
	return out
}

func (w *world) start(n *node) {
	n.dead, n.boot, n.seq, n.heard = false, n.boot+1, 0, w.now
	n.quota = throttle.NewQuota(func() time.Time { return w.now })
	n.quota.Bound(w.book.sorted(), w.book.index)
	n.meter, n.lanes = map[partition.JobID]*throttle.Meter{}, map[fsm.Lease]*lane{}
}

func (w *world) kill(n *node) {
	w.lost += len(w.book.leases()[n.id])
	n.dead = true
}

// step is one step of everything.
func (w *world) step() error {
	w.steps++
	w.now = w.now.Add(step)
	leases := w.book.leases()
	spent := map[fsm.Scope]float64{}
	for i, n := range w.nodes {
		if n.dead {
			continue
		}
		w.work(n, leases[n.id], spent)
		if (w.steps+i)%int(renew/step) == 0 {
			w.renew(n)
		}
	}
	for scope, a := range w.scopes {
		w.settle(scope, a, spent[scope])
	}
	if w.steps%int(renew/step) == 0 {
		if _, err := w.loop.Turn(context.Background()); err != nil {
			return err
		}
		w.wait(renew)
	}
	return nil
}

// work lets each lane of a node write what it may.
func (w *world) work(n *node, leases []fsm.Lease, spent map[fsm.Scope]float64) {
	keep := map[fsm.Lease]bool{}
	w.r.Shuffle(len(leases), func(i, k int) { leases[i], leases[k] = leases[k], leases[i] }) // who wakes up first has what there is
	for _, l := range leases {
		keep[l] = true
		job := w.book.jobs[l.Slice.Job]
		at := n.lanes[l]
		if at == nil {
			m := n.meter[job.ID]
			if m == nil {
				m = n.quota.Meter(job.Scopes())
				n.meter[job.ID] = m
			}
			at = &lane{Lane: m.Lane(), left: w.book.slice(l.Slice).Bytes}
			n.lanes[l] = at
		}
		if w.book.asked[fsm.Lease{Slice: l.Slice, Epoch: l.Epoch}] {
			w.book.giveBack(l)
			delete(keep, l)
			continue
		}
		took, _ := at.Take(w.rs[:min(batch, (at.left+recordSize-1)/recordSize)])
		if took == 0 {
			at.still += step
			w.idle = max(w.idle, at.still)
			continue
		}
		at.still = 0
		at.left -= int64(took) * recordSize
		for _, s := range job.Scopes() {
			spent[s] += float64(took) * recordSize
		}
		if at.left <= 0 {
			w.book.finish(l)
			delete(keep, l)
		}
	}
	for l, at := range n.lanes {
		if !keep[l] {
			at.Close()
			delete(n.lanes, l)
		}
	}
}

// renew is one renewal. One answer in fifty is lost.
func (w *world) renew(n *node) {
	n.seq++
	n.quota.Bound(w.book.sorted(), w.book.index)
	wants := n.quota.Wants()
	gone := func(id partition.NodeID) bool {
		for _, o := range w.nodes {
			if o.id == id {
				return o.dead
			}
		}
		return true
	}
	grants, ok := w.quota.Renew(w.now, quota.Request{Node: n.id, Boot: [16]byte{n.boot}, Seq: n.seq, Wants: wants}, w.book.sorted(), gone)
	n.heard = w.now
	if ok && w.r.IntN(50) > 0 {
		n.quota.Answer(wants, share.Answer{Grants: grants, Index: w.book.index}, w.now.Add(w.limits.Lease))
	}
}

// settle holds what a scope has spent in the last five seconds against its budget.
func (w *world) settle(scope fsm.Scope, a *account, spent float64) {
	rate := math.Inf(1)
	if b, ok := w.book.budgets[scope]; ok {
		rate = float64(b.Rate.Bytes)
	}
	allowed := rate
	a.rates = append(a.rates, rate)
	for _, r := range a.rates[max(0, len(a.rates)-heard):] {
		allowed = max(allowed, r)
	}
	a.allowed, a.spent = append(a.allowed, allowed*step.Seconds()), append(a.spent, spent)
	if len(a.spent) < window {
		return
	}
	if cut := len(a.spent) - window; cut > 0 {
		a.rates, a.allowed, a.spent = a.rates[cut:], a.allowed[cut:], a.spent[cut:]
	}
	var did, might float64
	for i := range window {
		did, might = did+a.spent[i], might+a.allowed[i]
	}
	if math.IsInf(might, 1) {
		return
	}
	w.worst = max(w.worst, did/might)
	if did > 0.8*might {
		w.bound++
	}
	if did > 1.05*might {
		w.complain("%s spent %.0f in five seconds, and might spend %.0f", scope, did, might)
	}
}

// wait counts how long nothing of a job has run.
func (w *world) wait(d time.Duration) {
	runs := map[partition.JobID]bool{}
	for _, ls := range w.book.leases() {
		for _, l := range ls {
			runs[l.Slice.Job] = true
		}
	}
	for id, j := range w.book.jobs {
		if w.waits[id] += d; runs[id] || j.State != fsm.JobRunning {
			w.waits[id] = 0
		}
		w.waited = max(w.waited, w.waits[id])
	}
}

// bind changes the budget of a scope; 0 takes it away.
func (w *world) bind(scope fsm.Scope, bytes int64) {
	w.book.index++
	if bytes == 0 {
		delete(w.book.budgets, scope)
		return
	}
	w.book.budgets[scope] = fsm.Budget{Scope: scope, Rate: partition.Rate{Bytes: bytes}}
}
