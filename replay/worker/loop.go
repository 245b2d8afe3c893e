package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/sink"
)

// The loop owns which slices run. Slices and renewals run beside it and report through channels, so it never waits for a
// target or for the cluster, and is there to stop everything when the lease time is over. The trap: a renewal that was sent
// long ago and answered just now proves the lease at the time it was sent, not of now.

// lease names a lease of this node.
type lease struct {
	slice partition.SliceID
	epoch partition.Epoch
}

type state uint8

const (
	waiting state = iota // for a lane
	running
	fenced  // until the book confirms the lease
	stopped // by ourselves for want of a renewal, or because the book refused a checkpoint; until it confirms the lease
	ended   // finished or failed; kept until the assignment forgets it
)

// task is one lease and what became of it.
type task struct {
	work  fsm.Work
	state state
	run   *run // the one that runs or ran last, nil before the first
	// known is the furthest progress that any run of this lease has told. A run that was stopped before its target opened
	// knows none, and the book refuses a cursor that falls.
	known fsm.Checkpoint
	// gone says that the lease is not ours any more, and that only the run's end is waited for.
	gone bool
}

type loop struct {
	w       *Worker
	tasks   map[lease]*task
	order   []lease // by slice
	renewed time.Time
	lapsed  bool // no renewal for the lease time

	results  chan *run
	renewals chan renewal
	renewing bool
	draining bool
	attempts map[partition.SliceID]int
	group    sync.WaitGroup
}

type renewal struct {
	sent    time.Time
	entries []fsm.SliceCheckpoint
	refused []fsm.Refusal
	err     error
}

func newLoop(w *Worker) *loop {
	return &loop{
		w: w, tasks: make(map[lease]*task), renewed: w.deps.Now(),
		results: make(chan *run), renewals: make(chan renewal), attempts: make(map[partition.SliceID]int),
	}
}

// run is the loop. It returns when ctx ends, or when everything is drained.
func (l *loop) run(ctx context.Context, assigned <-chan fsm.Assignment) error {
	tick := time.NewTicker(l.w.cfg.CheckpointEvery)
	defer tick.Stop()
	// The lease time is looked at more often than it could be missed by much.
	guard := time.NewTicker(max(l.w.cfg.LeaseTime/20, time.Millisecond))
	defer guard.Stop()
	drain := l.w.drain
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case a := <-assigned:
			l.assign(a)
		case r := <-l.results:
			l.over(r)
		case n := <-l.renewals:
			l.renewing = false
			l.renew(n)
		case <-tick.C:
			l.checkpoint(ctx)
		case <-guard.C:
			l.lapse()
		case <-drain:
			drain = nil
			l.draining = true
			for _, t := range l.tasks {
				if t.state == running {
					t.run.drain()
				}
			}
		}
		if l.draining && l.idle() {
			return l.release(ctx)
		}
		l.start(ctx)
	}
}

// join waits for everything that the loop started. Its context must have ended.
func (l *loop) join() {
	gone := make(chan struct{})
	go func() {
		l.group.Wait()
		close(gone)
	}()
	for {
		select {
		case <-l.results:
		case <-l.renewals:
		case <-gone:
			return
		}
	}
}

// assign makes the tasks those of a.
func (l *loop) assign(a fsm.Assignment) {
	held := make(map[lease]bool, len(a.Work))
	l.order = l.order[:0]
	for _, work := range a.Work {
		id := lease{work.Slice.ID, work.Epoch}
		held[id] = true
		l.order = append(l.order, id)
		if l.tasks[id] == nil {
			l.tasks[id] = &task{work: work, known: work.Seen}
		}
	}
	for id, t := range l.tasks {
		if !held[id] {
			l.drop(id, t)
		}
	}
}

// drop forgets a lease that is not ours any more, once its run is gone.
func (l *loop) drop(id lease, t *task) {
	if t.state != running {
		delete(l.tasks, id)
		return
	}
	t.gone = true
	t.run.cancel(errMoved)
}

// start starts what may run.
func (l *loop) start(ctx context.Context) {
	if l.draining || l.lapsed {
		return
	}
	n := 0
	lanes := make(map[partition.Lane]bool)
	jobs := make(map[partition.JobID]bool)
	for id, t := range l.tasks {
		if t.state != ended {
			jobs[id.slice.Job] = true
		}
		if t.state == running {
			n++
			lanes[t.work.Slice.Lane()] = true
		}
	}
	l.w.jobs.keepOnly(jobs, l.w.deps.Log)
	for _, id := range l.order {
		if n >= l.w.cfg.Lanes {
			return
		}
		t := l.tasks[id]
		if t == nil || t.state != waiting || lanes[t.work.Slice.Lane()] {
			continue
		}
		n++
		lanes[t.work.Slice.Lane()] = true
		t.state = running
		t.run = newRun(ctx, l.w, t.work, l.attempts[id.slice])
		l.group.Go(func() {
			t.run.do()
			t.run.stop(nil)
			select {
			case l.results <- t.run:
			case <-ctx.Done():
			}
		})
	}
}

// over takes the end of a run.
func (l *loop) over(r *run) {
	id := lease{r.work.Slice.ID, r.work.Epoch}
	t := l.tasks[id]
	if t == nil || t.run != r {
		return
	}
	cause := r.cause()
	switch {
	case t.gone:
		delete(l.tasks, id)
	case errors.Is(cause, errRefused), errors.Is(cause, errLapsed):
		t.state = stopped
	case errors.Is(r.err, sink.ErrFenced):
		t.state = fenced
	case r.reported:
		t.state = ended
		l.attempts[id.slice]++
		if r.err == nil {
			delete(l.attempts, id.slice)
		}
	default:
		t.state = ended // drained, or the worker ends
	}
}

// checkpoint sends the progress of all slices, unless the last sending is still under way.
func (l *loop) checkpoint(ctx context.Context) {
	if l.renewing {
		return
	}
	l.renewing = true
	n := renewal{sent: l.w.deps.Now(), entries: l.entries()}
	l.group.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, l.w.cfg.LeaseTime)
		n.refused, n.err = l.w.deps.Control.Checkpoint(ctx, n.entries)
		cancel()
		// The loop takes it, or join does.
		l.renewals <- n
	})
}

// entries are the checkpoints of what runs, and of what waits for its lease to be confirmed.
func (l *loop) entries() []fsm.SliceCheckpoint {
	var out []fsm.SliceCheckpoint
	for _, id := range l.order {
		t := l.tasks[id]
		if t == nil || t.gone || t.state == waiting || t.state == ended {
			continue
		}
		c, ok := t.run.checkpoint()
		if !ok && t.state == running {
			continue
		}
		if !ok || c.Cursor < t.known.Cursor {
			c = t.known
		}
		c.Epoch = t.work.Epoch
		t.known = c
		out = append(out, fsm.SliceCheckpoint{Slice: id.slice, Checkpoint: c})
	}
	return out
}

// renew takes the answer to a checkpoint.
func (l *loop) renew(n renewal) {
	if n.err != nil {
		l.w.deps.Log.Warn("lease not renewed", "err", n.err, "n", len(n.entries))
		return
	}
	l.renewed = n.sent
	l.w.jobs.renewed.Store(&n.sent)
	refused := make(map[lease]bool, len(n.refused))
	for _, r := range n.refused {
		for _, e := range n.entries {
			if e.Slice == r.Slice {
				refused[lease{e.Slice, e.Checkpoint.Epoch}] = true
			}
		}
	}
	for _, e := range n.entries {
		t := l.tasks[lease{e.Slice, e.Checkpoint.Epoch}]
		switch {
		case t == nil:
		case refused[lease{e.Slice, e.Checkpoint.Epoch}]:
			// Mostly it has moved or is finished, and the assignment will say so. Until then we ask again: a slice that the
			// book calls ours and that nobody works on would stand still for ever.
			if t.state == running && !t.run.stopping() {
				l.w.deps.Log.Info("slice refused", "slice", e.Slice.String(), "epoch", uint64(e.Checkpoint.Epoch))
				t.run.cancel(errRefused)
			}
		case t.state == fenced, t.state == stopped:
			t.state = waiting
		}
	}
	l.lapse()
}

// lapse stops everything when the lease time is over.
func (l *loop) lapse() {
	l.lapsed = l.w.deps.Now().Sub(l.renewed) >= l.w.cfg.LeaseTime
	if !l.lapsed {
		return
	}
	for _, t := range l.tasks {
		if t.state == running && !t.run.stopping() {
			l.w.deps.Log.Warn("stopped for want of a renewal", "slice", t.work.Slice.ID.String(), "epoch", uint64(t.work.Epoch))
			t.run.cancel(errLapsed)
		}
	}
}

// idle reports whether nothing runs.
func (l *loop) idle() bool {
	for _, t := range l.tasks {
		if t.state == running {
			return false
		}
	}
	return true
}

// release saves what was drained and gives the leases back. The leader would notice by itself, only later.
func (l *loop) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.w.cfg.LeaseTime)
	defer cancel()
	var entries []fsm.SliceCheckpoint
	var leases []fsm.Lease
	for id, t := range l.tasks {
		if t.gone || (t.run != nil && t.run.reported) {
			continue
		}
		leases = append(leases, fsm.Lease{Slice: id.slice, Owner: l.w.cfg.Node, Epoch: id.epoch})
		if t.run == nil {
			continue
		}
		if c, ok := t.run.checkpoint(); ok {
			entries = append(entries, fsm.SliceCheckpoint{Slice: id.slice, Checkpoint: c})
		}
	}
	if len(entries) > 0 {
		if _, err := l.w.deps.Control.Checkpoint(ctx, entries); err != nil {
			l.w.deps.Log.Warn("last checkpoint", "err", err)
		}
	}
	if r, ok := l.w.deps.Control.(Releaser); ok && len(leases) > 0 {
		if err := r.Release(ctx, leases); err != nil {
			l.w.deps.Log.Warn("leases not given back", "err", err)
		}
	}
	return nil
}
