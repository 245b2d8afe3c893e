package sim

import (
	"context"
	"errors"
	"slices"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/engine"
	"backstitch/replay/sink"
	"backstitch/replay/verify"
	"backstitch/replay/worker"
	"backstitch/storage/spill"
)

// What the worker of a node does, event by event: worker.Table decides, engine.Engine and verify do, and the rest is waiting.

const guardEvery = 125 * time.Millisecond // a twentieth of the lease time, as in the worker

// run is one slice under one lease.
type run struct {
	n       *node
	work    fsm.Work
	lease   worker.Lease
	engine  *engine.Engine
	sink    *target
	why     error         // why it has to stop
	fenced  time.Duration // when it was, 0 when it was not
	telling bool          // the work is over, the report is not
	gone    bool
}

func sortRuns(rs []*run) {
	slices.SortFunc(rs, func(a, b *run) int {
		if c := a.lease.Slice.Compare(b.lease.Slice); c != 0 {
			return c
		}
		return int(int64(a.lease.Epoch) - int64(b.lease.Epoch))
	})
}

// reassign gives the table what the book says that this node holds.
func (n *node) reassign() {
	a, err := n.w.book.views[n.applied].Assignment(n.id)
	if err != nil {
		n.w.must(err)
		return
	}
	if slices.EqualFunc(n.seen, a.Work, func(x, y fsm.Work) bool { return x.Slice.ID == y.Slice.ID && x.Epoch == y.Epoch }) {
		return
	}
	n.seen = a.Work
	n.w.note("holds", n.i, int64(len(a.Work)), int64(n.applied))
	n.halt(n.table.Assign(a))
	n.forget()
	n.start()
}

func (n *node) forget() {
	for _, r := range n.ordered() {
		if !n.table.Knows(r.lease) {
			r.drop()
			delete(n.runs, r.lease)
		}
	}
}

// halt tells runs to stop. They find out at their next step.
func (n *node) halt(stops []worker.Stop) {
	for _, s := range stops {
		r := n.runs[s.Lease]
		if r == nil || r.why != nil {
			continue
		}
		n.w.note("has to stop", n.i, int64(s.Lease.Slice.N), int64(s.Lease.Epoch))
		r.why = s.Why
		if errors.Is(s.Why, worker.ErrLapsed) {
			n.w.events.Lapsed++
		}
		if r.telling {
			r.end(worker.EndHalted)
		}
	}
}

// start starts what the table wants.
func (n *node) start() {
	for _, work := range n.table.Start() {
		id := worker.Lease{Slice: work.Slice.ID, Epoch: work.Epoch}
		r := &run{n: n, work: work, lease: id}
		if before := n.runs[id]; before != nil {
			n.w.rules.again(before)
		}
		n.runs[id] = r
		n.w.note("begins", n.i, int64(id.Slice.N), int64(id.Epoch))
		n.do(n.pace(), r.step)
	}
}

// pace is how long one step takes.
func (n *node) pace() time.Duration {
	step := n.w.plan.Step
	return n.w.between(step/2, step*3/2) + n.w.hurt.slow(n.i)
}

func (n *node) tickGuard() {
	n.do(guardEvery, n.tickGuard)
	n.halt(n.table.Lapse(n.mono()))
	n.start()
}

func (n *node) tickRenew() {
	n.do(n.cfg.CheckpointEvery, n.tickRenew)
	if n.renewing {
		return
	}
	n.renewing = true
	sent, sentAt := n.mono(), n.w.now
	entries := n.table.Entries(n.progress)
	c := call{renews: true, again: true}
	if len(entries) > 0 {
		c.env = fsm.Envelope{Actor: "node:" + string(n.id), UnixNanos: n.wall().UnixNano()}
		c.cmd = fsm.SaveCheckpoints{Owner: n.id, Entries: entries}
	}
	n.propose(c, n.cfg.LeaseTime, func(res fsm.Result, err error) {
		n.renewing = false
		if err != nil || res.Code != fsm.OK {
			n.w.note("is not renewed", n.i)
			return
		}
		n.renewed = sentAt
		n.halt(n.table.Renewed(sent, n.mono(), entries, res.Refused))
		if len(res.Refused) > 0 { // as the worker's loop does
			n.seen = nil
			n.reassign()
		}
		n.start()
	})
}

func (n *node) progress(id worker.Lease) (fsm.Checkpoint, bool) {
	if r := n.runs[id]; r != nil && r.engine != nil {
		return r.engine.Checkpoint()
	}
	return fsm.Checkpoint{}, false
}

// step does one thing.
func (r *run) step() {
	n := r.n
	w := n.w
	if r.gone || w.broken != nil {
		return
	}
	if r.why != nil {
		r.end(worker.EndHalted)
		return
	}
	w.rules.works(r)
	if r.work.Slice.Kind == partition.SliceVerify {
		r.compare()
		return
	}
	if r.engine == nil {
		if err := r.open(); err != nil {
			w.must(err)
			return
		}
	}
	done, err := r.engine.Step(context.Background())
	c, _ := r.engine.Checkpoint()
	w.note("steps", n.i, int64(r.lease.Slice.N), int64(r.lease.Epoch), c.Cursor)
	switch {
	case err == nil && !done:
		n.do(n.pace(), r.step)
	case err != nil:
		_ = r.engine.Close() // what was not committed is given up
		r.failed(err)
	default:
		w.must(r.engine.Close())
		r.visible(w.now + txnTimeout)
	}
}

func (r *run) open() error {
	n := r.n
	cfg := n.cfg.Engine
	cfg.CommitRecords, cfg.CommitEvery, cfg.MaxQuarantine = n.w.ref.commit, 2*time.Second, maxQuarantine
	r.sink = &target{w: n.w, n: n, life: n.life, last: -1}
	var err error
	r.engine, err = engine.New(
		engine.Task{Slice: r.work.Slice, Epoch: r.work.Epoch, Seen: r.work.Seen},
		engine.Ends{
			Source: source{n.w.ref, n}, Sink: r.sink, Topic: topic, Now: n.mono, Spill: spill.Options{MemoryBytes: 1 << 20}, Log: n.w.log,
		}, cfg)
	return err
}

// visible waits until readers of committed data see what was committed last, as the writer of the Kafka sink does.
func (r *run) visible(until time.Duration) {
	w := r.n.w
	if r.gone {
		return
	}
	if r.why != nil {
		r.end(worker.EndHalted)
		return
	}
	if w.now < until && r.sink.last >= 0 && w.broker.parts[r.work.Slice.Partition].stable() <= r.sink.last {
		r.n.do(20*time.Millisecond, func() { r.visible(until) })
		return
	}
	c, _ := r.engine.Checkpoint()
	r.finish(fsm.FinishSlice{
		Slice: r.lease.Slice, Owner: r.n.id, Epoch: r.lease.Epoch, Checkpoint: c, Quarantine: r.engine.Quarantined(),
	})
}

// compare is all of a verify slice.
func (r *run) compare() {
	n := r.n
	w := n.w
	n.do(n.pace(), func() {
		if r.gone {
			return
		}
		if r.why != nil {
			r.end(worker.EndHalted)
			return
		}
		got, err := verify.New(verify.Config{}).Compare(context.Background(), verify.Work{
			Slice: r.work.Slice, Quarantined: r.work.Quarantined, Recipe: w.ref.recipe, Reference: source{w.ref, n},
			Target: &target{w: w, n: n, life: n.life},
		})
		w.note("compares", n.i, int64(r.lease.Slice.N), int64(r.lease.Epoch), int64(got.Verdict), got.Missing)
		if err != nil {
			r.failed(err)
			return
		}
		w.rules.compared(r.work.Slice, n.id)
		got.ReadBy = n.id
		r.finish(fsm.FinishSlice{
			Slice: r.lease.Slice, Owner: n.id, Epoch: r.lease.Epoch, Comparison: &got.Comparison,
			Checkpoint: fsm.Checkpoint{
				Epoch: r.lease.Epoch, Cursor: r.work.Slice.Ranges.Span().To, Records: got.Actual.Records, Bytes: got.Actual.Bytes,
				UnixNanos: n.wall().UnixNano(),
			},
		})
	})
}

func (r *run) failed(err error) {
	n := r.n
	if errors.Is(err, sink.ErrFenced) {
		n.w.events.Fenced++
		n.w.note("is fenced", n.i, int64(r.lease.Slice.N), int64(r.lease.Epoch))
		r.fenced = n.w.now
		r.end(worker.EndFenced)
		return
	}
	f := worker.Classify(err)
	n.w.events.Failures++
	n.w.say(n.i, "fails %s: %s", r.lease.Slice, f.Text())
	n.w.rules.failed(r, f)
	r.tell(n.cfg.Fail(r.work, f, n.table.Attempts(r.lease.Slice), n.wall()), func(fsm.Result) { r.end(worker.EndFailed) })
}

func (r *run) finish(cmd fsm.FinishSlice) {
	r.tell(cmd, func(res fsm.Result) {
		if res.Code != fsm.Invalid {
			r.end(worker.EndFinished)
			return
		}
		f := worker.Refused(res)
		r.n.w.rules.failed(r, f)
		r.tell(r.n.cfg.Fail(r.work, f, 0, r.n.wall()), func(fsm.Result) { r.end(worker.EndFailed) })
	})
}

// tell reports until the book has answered.
func (r *run) tell(cmd fsm.Command, done func(fsm.Result)) {
	n := r.n
	if r.gone {
		return
	}
	r.telling = true
	env := fsm.Envelope{Actor: "node:" + string(n.id), UnixNanos: n.wall().UnixNano(), RequestID: n.w.requestID()}
	n.propose(call{env: env, cmd: cmd, again: true}, n.cfg.LeaseTime, func(res fsm.Result, err error) {
		if r.gone {
			return
		}
		if err != nil {
			n.do(n.cfg.CheckpointEvery, func() { r.tell(cmd, done) })
			return
		}
		n.w.rules.acked(env, res)
		done(res)
	})
}

// end takes the run out of the table's way.
func (r *run) end(how worker.End) {
	if r.gone {
		return
	}
	n := r.n
	n.w.note("ends", n.i, int64(r.lease.Slice.N), int64(r.lease.Epoch), int64(how))
	r.drop()
	n.table.Over(r.lease, how)
	n.forget()
	n.start()
}

// drop closes what is open. The engine goes on answering for its checkpoint.
func (r *run) drop() {
	if r.gone {
		return
	}
	r.gone = true
	if r.engine != nil {
		_ = r.engine.Close() // a dead process closes nothing in good order, see target
	}
}
