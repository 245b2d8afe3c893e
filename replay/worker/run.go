package worker

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/engine"
	"backstitch/replay/sink"
	"backstitch/storage/failpoint"
)

// run is one slice under one lease, from opening to the report.
type run struct {
	w        *Worker
	work     fsm.Work
	attempts int // failures of this slice on this node so far
	ctx      context.Context
	stop     context.CancelCauseFunc
	ended    func() // ends the span of the run, at the end of do
	engine   atomic.Pointer[engine.Engine]
	draining atomic.Bool
	seen     seen // of a slice that only reads

	// Set by do, read after it.
	err       error
	reported  bool  // Control knows the outcome
	mostAside int64 // positions that the job may set aside
}

func newRun(ctx context.Context, w *Worker, work fsm.Work, attempts int) *run {
	r := &run{w: w, work: work, attempts: attempts}
	r.ctx, r.stop = context.WithCancelCause(ctx)
	r.ctx, r.ended = r.traced()
	return r
}

func (r *run) cancel(cause error) { r.stop(cause) }
func (r *run) stopping() bool     { return r.ctx.Err() != nil }
func (r *run) cause() error       { return context.Cause(r.ctx) }

// drain makes a fill slice commit and stop. Others have nothing to keep.
func (r *run) drain() {
	r.draining.Store(true)
	if e := r.engine.Load(); e != nil {
		e.Drain()
	} else if r.work.Slice.Kind != partition.SliceFill {
		r.stop(engine.ErrDrained)
	}
}

// checkpoint is the durable progress, false when none is known yet.
func (r *run) checkpoint() (fsm.Checkpoint, bool) {
	if e := r.engine.Load(); e != nil {
		return e.Checkpoint()
	}
	if r.work.Slice.Kind.Reads() {
		return r.seen.checkpoint(r.work.Epoch, r.w.deps.Now()), true
	}
	return fsm.Checkpoint{}, false
}

// do runs the slice and reports what came of it.
func (r *run) do() {
	log := r.w.deps.Log.With("job", string(r.work.Slice.ID.Job), "slice", r.work.Slice.ID.String(), "epoch", uint64(r.work.Epoch))
	defer r.ended()
	begun := r.w.deps.Now()
	finish := fsm.FinishSlice{Slice: r.work.Slice.ID, Owner: r.w.cfg.Node, Epoch: r.work.Epoch}
	tell := func(ctx context.Context) (fsm.Result, error) { return r.w.deps.Control.Finish(ctx, finish) }
	if r.work.Slice.Kind.Reads() {
		tell, r.err = r.read(&finish.Checkpoint)
	} else {
		r.err = r.slice(&finish)
		if keeper, ok := r.w.deps.Control.(QuarantineKeeper); ok && r.work.Slice.Kind == partition.SliceFill && finish.Checkpoint.Quarantined > 0 {
			tell = func(ctx context.Context) (fsm.Result, error) { return r.finishWithin(ctx, keeper, finish) }
		}
	}
	log = log.With("dur", r.w.deps.Now().Sub(begun))
	switch {
	case r.ctx.Err() != nil, errors.Is(r.err, engine.ErrDrained):
		log.Debug("slice stopped", "err", r.err)
	case errors.Is(r.err, sink.ErrFenced):
		log.Info("slice fenced", "err", r.err)
	case r.err != nil:
		f := Classify(r.err)
		log.Error("slice failed", "err", r.err, "code", f.Code, "retry", f.Retry)
		fail := r.w.cfg.Fail(r.work, f, r.attempts, r.w.deps.Now())
		r.report(func(ctx context.Context) (fsm.Result, error) { return r.w.deps.Control.Fail(ctx, fail) })
	default:
		log.Info("slice done", "n", finish.Checkpoint.Records, "bytes", finish.Checkpoint.Bytes)
		failpoint.Reach(failpoint.WorkerBeforeFinish)
		res := r.report(tell)
		if res.Code == fsm.Invalid || res.Code == fsm.TooManyAside {
			f := Refused(res)
			log.Error("slice failed", "err", f.Err, "code", f.Code, "retry", f.Retry)
			r.err = f.Err
			fail := r.w.cfg.Fail(r.work, f, r.attempts, r.w.deps.Now())
			r.report(func(ctx context.Context) (fsm.Result, error) { return r.w.deps.Control.Fail(ctx, fail) })
		}
	}
}

// slice does the work and fills in the report of a success.
func (r *run) slice(finish *fsm.FinishSlice) error {
	j, err := r.w.jobs.get(r.ctx, r.work, r.w.quota)
	if err != nil {
		return err
	}
	lane := j.meter.Lane()
	defer lane.Close()
	failpoint.Reach(failpoint.WorkerOpened)
	switch r.work.Slice.Kind {
	case partition.SliceVerify:
		c, windows, err := r.w.deps.Verifier.Verify(r.ctx, r.work.Slice, r.work.Quarantined, j.ends.Paced(lane))
		if err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		failpoint.Reach(failpoint.WorkerVerified)
		c.ReadBy = r.w.cfg.Node
		j.verified(c.Verdict)
		if keeper, ok := r.w.deps.Control.(LedgerKeeper); ok && len(windows) > 0 {
			ledger := fsm.SaveLedger{Slice: r.work.Slice.ID, Owner: r.w.cfg.Node, Epoch: r.work.Epoch, Windows: windows}
			r.ask(func(ctx context.Context) (fsm.Result, error) { return keeper.SaveLedger(ctx, ledger) })
		}
		finish.Comparison = &c
		finish.Checkpoint = fsm.Checkpoint{
			Epoch: r.work.Epoch, Cursor: r.work.Slice.Ranges.Span().To, Records: c.Actual.Records, Bytes: c.Actual.Bytes,
			UnixNanos: r.w.deps.Now().UnixNano(),
		}
		return nil
	case partition.SliceFill:
	default:
		return fmt.Errorf("slice %s is a %s slice: %w", r.work.Slice.ID, r.work.Slice.Kind, errKind)
	}
	cfg := j.ends.Engine(r.w.cfg.Engine)
	r.mostAside = cfg.MaxQuarantine
	cfg.ReadAheadBytes = min(cfg.ReadAheadBytes, r.w.cfg.LaneBytes()/4)
	e, err := engine.New(
		engine.Task{Slice: r.work.Slice, Epoch: r.work.Epoch, Seen: r.work.Seen},
		engine.Ends{
			Source: j.ends.Source, Sink: j.ends.Sink, Topic: j.ends.Recipe.Source.Topic, Rules: j.ends.Recipe.Source.Rules.Names(),
			Frames: j.ends.Frames, Lane: lane, Spill: r.w.deps.Spill, Now: r.w.deps.Now, Log: r.w.deps.Log, Counters: &j.counters,
			Tracer: r.w.deps.Tracer,
		}, cfg)
	if err != nil {
		return err
	}
	r.engine.Store(e)
	if r.draining.Load() {
		e.Drain()
	}
	if err := e.Run(r.ctx); err != nil {
		return err
	}
	finish.Checkpoint, _ = e.Checkpoint()
	finish.Quarantine = e.Quarantined()
	return nil
}

// finishWithin ends a fill slice under the limit of its job, and as any other where the cluster knows no such limit.
func (r *run) finishWithin(ctx context.Context, keeper QuarantineKeeper, finish fsm.FinishSlice) (fsm.Result, error) {
	res, err := keeper.FinishSliceWithin(ctx, fsm.FinishSliceWithin{Finish: finish, MaxQuarantine: r.mostAside})
	if err == nil && res.Code == fsm.NeedsVersion {
		return r.w.deps.Control.Finish(ctx, finish)
	}
	return res, err
}

// report tells Control what came of the slice, and returns the answer.
func (r *run) report(tell func(context.Context) (fsm.Result, error)) fsm.Result {
	res, answered := r.ask(tell)
	if answered {
		failpoint.Reach(failpoint.WorkerReported)
		r.reported = true
	}
	return res
}

// ask tells Control, again and again, until it answers or the lease is lost.
func (r *run) ask(tell func(context.Context) (fsm.Result, error)) (res fsm.Result, answered bool) {
	for r.ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(r.ctx, r.w.cfg.LeaseTime)
		res, err := tell(ctx)
		cancel()
		if err == nil {
			if res.Code != fsm.OK {
				r.w.deps.Log.Info("report refused", "slice", r.work.Slice.ID.String(), "code", uint16(res.Code), "object", res.Object)
			}
			return res, true
		}
		r.w.deps.Log.Warn("report not answered", "slice", r.work.Slice.ID.String(), "err", err)
		sleep(r.ctx, r.w.cfg.CheckpointEvery)
	}
	return fsm.Result{}, false
}

// Fail is the report of a slice that failed with f at now, after so many failures before. A passing failure says when the slice
// may run again: the pause doubles with each one.
func (c Config) Fail(work fsm.Work, f Failure, attempts int, now time.Time) fsm.FailSlice {
	cmd := fsm.FailSlice{Slice: work.Slice.ID, Owner: c.Node, Epoch: work.Epoch, Err: f.Text(), Retry: f.Retry}
	if !f.Retry {
		return cmd
	}
	d := c.RetryMin
	for range attempts {
		if d = 2 * d; d >= c.RetryMax {
			d = c.RetryMax
			break
		}
	}
	cmd.NotBeforeUnixNanos = now.Add(d).UnixNano()
	return cmd
}

// Refused is the failure of a slice whose outcome the book does not take, as nonsense or as one record too many that is set aside: the lease
// is ours and somebody has to be told, or it stays leased for ever.
func Refused(res fsm.Result) Failure {
	if res.Code == fsm.TooManyAside {
		return Classify(fmt.Errorf("%s: %w", res.Object, engine.ErrQuarantine))
	}
	return Classify(fmt.Errorf("%s: %w", res.Object, errInvalid))
}
