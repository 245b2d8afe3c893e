package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"backstitch/fsm"
	"backstitch/partition/share"
	"backstitch/replay/sink"
	"backstitch/storage/failpoint"
)

// The loop does what the table decides. Slices and renewals run beside it and report through channels, so it never waits for a
// target or for the cluster, and is there to stop everything when the lease time is over.

type loop struct {
	w     *Worker
	table *Table
	runs  map[Lease]*run // the one that runs or ran last
	read  uint64         // index of the newest assignment

	results  chan *run
	renewals chan renewal
	given    chan gift
	renewing bool
	unheard  bool        // the last renewals were not answered, and somebody was told
	offered  []fsm.Lease // since the last tick
	group    sync.WaitGroup
}

// gift are leases that were offered to the leader, who asked for them.
type gift struct {
	leases []fsm.Lease
	err    error
}

type renewal struct {
	sent    time.Time
	entries []fsm.SliceCheckpoint
	refused []fsm.Refusal
	err     error
	again   *fsm.Assignment // read after refusals
	wants   []share.Want    // that were asked for
	shares  share.Answer
}

func newLoop(w *Worker) *loop {
	return &loop{
		w: w, table: NewTable(w.cfg.Lanes, w.cfg.ScanLanes, w.cfg.LeaseTime, w.deps.Now()), runs: make(map[Lease]*run),
		results: make(chan *run), renewals: make(chan renewal), given: make(chan gift),
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
		case g := <-l.given:
			if g.err != nil {
				l.w.deps.Log.Warn("leases that were asked for are not given back yet", "err", g.err, "n", len(g.leases))
			}
			l.offered = append(l.offered, g.leases...)
		case <-tick.C:
			l.checkpoint(ctx)
			l.table.Given(l.offered) // those that the book still calls ours are offered again
			l.offered = nil
		case <-guard.C:
			l.stop(l.table.Lapse(l.w.deps.Now()))
		case <-drain:
			drain = nil
			l.table.Drain()
			for id, r := range l.runs {
				if l.table.Running(id) {
					r.drain()
				}
			}
		}
		if l.table.Drained() {
			return l.release(ctx)
		}
		l.start(ctx)
		l.giveBack(ctx)
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
		case <-l.given:
		case <-gone:
			return
		}
	}
}

// stop tells runs to stop.
func (l *loop) stop(stops []Stop) {
	for _, s := range stops {
		r := l.runs[s.Lease]
		if r == nil || r.stopping() {
			continue
		}
		if errors.Is(s.Why, ErrYield) {
			r.drain()
			continue
		}
		if !errors.Is(s.Why, ErrMoved) {
			l.w.deps.Log.Warn("slice stopped", "slice", s.Lease.Slice.String(), "epoch", uint64(s.Lease.Epoch), "err", s.Why)
		}
		r.cancel(s.Why)
	}
}

// forget drops the runs of leases that the table has forgotten.
func (l *loop) forget() {
	for id := range l.runs {
		if !l.table.Knows(id) {
			delete(l.runs, id)
		}
	}
}

// start starts what may run.
func (l *loop) start(ctx context.Context) {
	if l.table.Resting() {
		return
	}
	// Nothing of the other jobs runs, so their ends can be closed.
	l.w.jobs.keepOnly(l.table.Jobs(), l.w.deps.Log)
	for _, work := range l.table.Start() {
		r := newRun(ctx, l.w, work, l.table.Attempts(work.Slice.ID))
		l.runs[Lease{work.Slice.ID, work.Epoch}] = r
		l.group.Go(func() {
			r.do()
			r.stop(nil)
			select {
			case l.results <- r:
			case <-ctx.Done():
			}
		})
	}
}

// over takes the end of a run.
func (l *loop) over(r *run) {
	id := Lease{r.work.Slice.ID, r.work.Epoch}
	if l.runs[id] != r {
		return
	}
	l.table.Over(id, r.end())
	l.forget()
}

// checkpoint sends the progress of all slices, unless the last sending is still under way.
func (l *loop) checkpoint(ctx context.Context) {
	if l.renewing {
		return
	}
	l.renewing = true
	if pacer, ok := l.w.deps.Control.(Pacer); ok {
		pacer.ShowPaces(l.w.jobs.paces())
	}
	n := renewal{sent: l.w.deps.Now(), entries: l.table.Entries(l.progress), wants: l.w.quota.Wants()}
	l.group.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, l.w.cfg.LeaseTime)
		failpoint.Reach(failpoint.WorkerBeforeCheckpoint)
		if sharer, ok := l.w.deps.Control.(Sharer); ok {
			n.refused, n.shares, n.err = sharer.CheckpointShares(ctx, n.entries, n.wants)
		} else {
			n.refused, n.err = l.w.deps.Control.Checkpoint(ctx, n.entries)
		}
		if n.err == nil && len(n.refused) > 0 {
			// The book knows something that we do not. An assignment does not change with each checkpoint, so what it has of the
			// slices has to be asked for, or the same entry would be refused for ever.
			if a, err := l.w.deps.Control.Assignment(ctx, 0); err == nil {
				n.again = &a
			}
		}
		cancel()
		failpoint.Reach(failpoint.WorkerAfterCheckpoint)
		// The loop takes it, or join does.
		l.renewals <- n
	})
}

// progress is what the run of a lease knows to be durable.
func (l *loop) progress(id Lease) (fsm.Checkpoint, bool) {
	if r := l.runs[id]; r != nil {
		return r.checkpoint()
	}
	return fsm.Checkpoint{}, false
}

// renew takes the answer to a checkpoint.
func (l *loop) renew(n renewal) {
	if n.err != nil {
		l.silent(n)
		return
	}
	if l.unheard {
		l.unheard = false
		l.w.deps.Log.Info("leases are renewed again", "n", len(n.entries))
	}
	l.w.jobs.renewed.Store(&n.sent)
	l.w.quota.Answer(n.wants, n.shares, n.sent.Add(l.w.cfg.LeaseTime))
	l.stop(l.table.Renewed(n.sent, l.w.deps.Now(), n.entries, n.refused))
	if n.again != nil {
		l.assign(*n.again)
	}
}

// silent is a renewal that nobody answered. It is tried again at once, so it is said when it begins, and only where there are leases to lose: a node that
// has found no cluster yet has none.
func (l *loop) silent(n renewal) {
	level := slog.LevelDebug
	if len(n.entries) > 0 && !l.unheard {
		level, l.unheard = slog.LevelWarn, true
	}
	l.w.deps.Log.Log(context.Background(), level, "lease not renewed", "err", n.err, "n", len(n.entries))
}

// assign takes what the book says of this node's leases. Two readings can pass each other: the older one is dropped.
func (l *loop) assign(a fsm.Assignment) {
	if a.Index < l.read {
		return
	}
	l.read = a.Index
	l.w.quota.Bound(a.Budgets, a.Index)
	l.stop(l.table.Assign(a))
	l.forget()
}

// release saves what was drained and gives the leases back. The leader would notice by itself, only later.
func (l *loop) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.w.cfg.LeaseTime)
	defer cancel()
	failpoint.Reach(failpoint.WorkerBeforeRelease)
	entries, leases := l.table.Rest(l.w.cfg.Node, l.progress)
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

// giveBack saves and offers what the leader asked for and what does not run any more. Progress is saved first: the next owner begins there.
func (l *loop) giveBack(ctx context.Context) {
	y, ok := l.w.deps.Control.(Yielder)
	if !ok {
		return // the leader takes them in the end
	}
	entries, leases := l.table.GiveBack(l.w.cfg.Node, l.progress)
	if len(leases) == 0 {
		return
	}
	l.group.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, l.w.cfg.LeaseTime)
		defer cancel()
		var err error
		if len(entries) > 0 {
			_, err = l.w.deps.Control.Checkpoint(ctx, entries)
		}
		if err == nil {
			err = y.Yield(ctx, leases)
		}
		l.given <- gift{leases, err} // the loop takes it, or join does
	})
}

// end says how a run ended.
func (r *run) end() End {
	switch cause := r.cause(); {
	case errors.Is(cause, ErrRefused), errors.Is(cause, ErrLapsed):
		return EndHalted
	case errors.Is(r.err, sink.ErrFenced):
		return EndFenced
	case r.reported && r.err == nil:
		return EndFinished
	case r.reported:
		return EndFailed
	}
	return EndQuit
}
