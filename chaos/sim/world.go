package sim

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"backstitch/chaos/fault"
	"backstitch/cluster/leader"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/worker"
)

// patience is how long jobs may take after the last fault has healed, in virtual time.
const patience = 90 * time.Second

// epoch is the time of day at which every run begins, on clocks that are right.
var epoch = time.Unix(1_800_000_000, 0)

// Violation is a promise that was broken.
type Violation struct {
	Rule string // one of the Rule constants
	Text string
	At   time.Duration
}

func (v *Violation) Error() string {
	return fmt.Sprintf("%s at %.3fs: %s", v.Rule, v.At.Seconds(), v.Text)
}

// Result is what came of a run.
type Result struct {
	Plan      Plan
	Violation *Violation // nil when every promise was kept
	Hash      uint64     // of everything that happened
	Steps     int64
	Virtual   time.Duration
	Commands  int // in the log
	Faults    fault.Tally
	Events    Events
	Ends      map[string]int // jobs by state at the end
	Trace     []string       // when it was asked for
}

// Events counts what makes a run worth something.
type Events struct {
	Elections   int64 `json:"elections"`
	Moves       int64 `json:"moves"`       // leases that were granted over another owner's
	Fenced      int64 `json:"fenced"`      // runs that a newer owner stopped
	Lapsed      int64 `json:"lapsed"`      // runs that stopped for want of a renewal
	Zombies     int64 `json:"zombies"`     // steps of runs whose lease had moved, before they knew
	Unknown     int64 `json:"unknown"`     // proposals whose outcome the proposer did not know
	Late        int64 `json:"late"`        // commands of a deposed leader that were committed by the next one
	Again       int64 `json:"again"`       // commands that the book knew by their request id
	Ambiguous   int64 `json:"ambiguous"`   // commits of the target whose answer was lost
	LateCommits int64 `json:"lateCommits"` // of these: took effect later
	Suppressed  int64 `json:"suppressed"`  // records that were there already
	Commits     int64 `json:"commits"`     // transactions of the target
	Failures    int64 `json:"failures"`    // slices that failed and were tried again
	Witnessed   int64 `json:"witnessed"`   // partitions that were proved at E4
}

func (e *Events) add(o Events) {
	e.Elections += o.Elections
	e.Moves += o.Moves
	e.Fenced += o.Fenced
	e.Lapsed += o.Lapsed
	e.Zombies += o.Zombies
	e.Unknown += o.Unknown
	e.Late += o.Late
	e.Again += o.Again
	e.Ambiguous += o.Ambiguous
	e.LateCommits += o.LateCommits
	e.Suppressed += o.Suppressed
	e.Commits += o.Commits
	e.Failures += o.Failures
	e.Witnessed += o.Witnessed
}

// World is one run.
type World struct {
	schedule
	trace  trace
	plan   Plan
	r      *rand.Rand // of fates
	log    *slog.Logger
	limits leader.Limits

	nodes  []*node
	raft   raftState
	book   *book
	broker *broker
	ref    *reference
	jobs   []*job
	hurt   *hurt
	rules  *rules
	tally  fault.Tally
	events Events
	broken *Violation
}

// Run runs a plan to its end. keep keeps the trace as lines. An error means that the run could not be made; a promise that was
// broken is in the result.
func Run(p Plan, shelf *Shelf, keep bool) (Result, error) {
	w, err := newWorld(p, shelf)
	if err != nil {
		return Result{}, err
	}
	w.trace.keep = keep
	w.run()
	digest, _ := w.book.m.Digest()
	for _, b := range digest {
		w.trace.mix(uint64(b))
	}
	res := Result{
		Plan: p, Violation: w.broken, Hash: w.trace.hash, Steps: w.steps, Virtual: w.now, Commands: len(w.book.log), Faults: w.tally,
		Events: w.events, Ends: w.ends(), Trace: w.trace.lines,
	}
	if w.broken == nil && p.Seed%replayEvery == 0 {
		if err := w.replay(shelf); err != nil {
			res.Violation = &Violation{Rule: RuleSameBook, Text: err.Error(), At: w.now}
		}
	}
	return res, w.close(shelf)
}

func newWorld(p Plan, shelf *Shelf) (*World, error) {
	k, err := shelf.take()
	if err != nil {
		return nil, err
	}
	w := &World{
		plan: p, r: rand.New(rand.NewPCG(p.Seed, 2)), log: slog.New(slog.DiscardHandler), limits: leader.DefaultLimits(),
		book: newBook(k), tally: fault.Tally{},
	}
	// Shorter than in production, so that virtual time is not spent on waiting.
	w.limits.MaxBackoff, w.limits.DigestEvery, w.limits.Witness = 5*time.Second, 2*time.Second, 2*time.Second
	return w, nil
}

// close gives everything back.
func (w *World) close(shelf *Shelf) error {
	for _, n := range w.nodes {
		n.dropRuns()
	}
	return errors.Join(w.book.close(), shelf.put(w.book.machine))
}

func (w *World) run() {
	w.setUp()
	w.hurt = newHurt(w)
	limit := max(fault.End(w.plan.Faults), during) + patience
	for w.broken == nil && w.step(limit) {
		if w.over() {
			break
		}
	}
	w.closed = true
	w.hurt.settle()
	if w.broken == nil {
		w.judgeEnd()
	}
}

// violate keeps the first violation.
func (w *World) violate(rule, format string, args ...any) {
	if w.broken != nil {
		return
	}
	w.broken = &Violation{Rule: rule, Text: fmt.Sprintf(format, args...), At: w.now}
	w.say(-1, "VIOLATION %s", w.broken.Error())
}

// must is for what only a mistake in this package can bring about.
func (w *World) must(err error) {
	if err != nil {
		w.violate(RuleSim, "%v", err)
	}
}

// setUp makes nodes, data and jobs, and lets all begin.
func (w *World) setUp() {
	w.rules = newRules(w)
	w.ref = newReference(w)
	w.broker = newBroker(w)
	for i := range w.plan.Nodes {
		w.nodes = append(w.nodes, newNode(w, i))
	}
	w.raft.leader = -1
	for _, n := range w.nodes {
		w.commit(-1, fsm.Envelope{Actor: "sim", UnixNanos: epoch.UnixNano()}, fsm.PutMember{Member: fsm.Member{
			ID: n.id, Name: string(n.id), Instance: [16]byte{byte(n.i + 1)}, Role: fsm.RoleVoter, Weight: uint32(n.cfg.Lanes), MaxOp: fsm.MaxOp,
		}})
	}
	w.commit(-1, fsm.Envelope{Actor: "sim", UnixNanos: epoch.UnixNano()}, fsm.RaiseVersion{Version: fsm.LatestVersion})
	for _, n := range w.nodes {
		n.applied = w.book.head()
	}
	w.makeJobs()
	for _, n := range w.nodes {
		n.boot()
	}
	w.elect(w.r.IntN(len(w.nodes)))
	w.after(raftTick, w.tickRaft)
	w.operate()
	w.after(time.Second, w.others)
}

// over reports whether there is nothing left to see.
func (w *World) over() bool {
	for _, j := range w.jobs {
		if !j.ended {
			return false
		}
	}
	return true
}

// ends counts jobs by state.
func (w *World) ends() map[string]int {
	out := map[string]int{}
	v := w.book.views[w.book.head()]
	for _, j := range w.jobs {
		if got, ok, err := v.Job(j.id); err == nil && ok {
			out[got.State.String()]++
		} else {
			out["unknown"]++
		}
	}
	return out
}

// chance is true in that share of the cases.
func (w *World) chance(percent float64) bool {
	return percent > 0 && w.r.Float64()*100 < percent
}

// between draws a time.
func (w *World) between(low, high time.Duration) time.Duration {
	return low + time.Duration(w.r.Int64N(int64(high-low)+1))
}

// requestID draws an id.
func (w *World) requestID() (id [16]byte) {
	a, b := w.r.Uint64(), w.r.Uint64()
	for i := range 8 {
		id[i], id[8+i] = byte(a>>(8*i)), byte(b>>(8*i))
	}
	id[0] |= 1
	return id
}

// workerConfig is what every node runs with.
func workerConfig(id partition.NodeID) worker.Config {
	c := worker.DefaultConfig()
	c.Node, c.RetryMin, c.RetryMax = id, 300*time.Millisecond, 3*time.Second
	return c
}
