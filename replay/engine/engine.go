package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/dedupe"
	"backstitch/replay/record"
	"backstitch/replay/sink"
	"backstitch/storage/failpoint"

	"go.opentelemetry.io/otel/attribute"
)

// The steps of one slice: open, then copy and commit in turn. The trap: after an error it is tempting to go on from what is
// in memory. Only the sink knows what became of a commit, so every way back leads through Open.

var (
	// ErrDrained says that Drain was called and everything up to Checkpoint is durable.
	ErrDrained = errors.New("drained")
	// ErrProgressLost says that the target knows less than the book has seen. Going on would write records twice.
	ErrProgressLost = errors.New("the target has lost its progress")
	// ErrQuarantine says that more records can not be written than the job allows.
	ErrQuarantine = errors.New("too many quarantined records")
)

type step uint8

const (
	stepOpen step = iota
	stepCopy
	stepCommit
	stepDone
)

// Engine runs one slice. Step and Run are for one goroutine; Checkpoint and Drain are for any.
type Engine struct {
	// Immutable after New.
	task   Task
	ends   Ends
	cfg    Config
	fields record.Fields

	// Owned by the goroutine that steps.
	step     step
	unknown  int // unknown outcomes since the last durable progress
	rejected []sink.Poison
	writer   sink.Writer
	ahead    *ahead
	rest     *record.Batch // what a commit had no room for; it is copied next
	present  *dedupe.Present
	durable  sink.Progress // what the sink has
	next     sink.Progress // what the next commit will say
	sum      record.Sum    // of what the next commit will say is written
	hasher   record.Hasher
	pending  struct {
		records int64
		bytes   int64
		since   time.Time
		due     time.Time // of the commit, when nothing else ends it before
	}
	pace  pace
	every time.Duration // between two commits
	eof   bool
	spans *spans // nil makes none

	// For any goroutine.
	checkpoint atomic.Pointer[fsm.Checkpoint]
	quarantine atomic.Pointer[[]fsm.Quarantined]
	drain      atomic.Bool
}

// New makes an engine. Nothing is opened before the first step.
func New(task Task, ends Ends, cfg Config) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if ends.Source == nil || ends.Sink == nil || ends.Now == nil {
		return nil, errors.New("engine: source, sink and clock are all needed")
	}
	if task.Slice.Kind != partition.SliceFill {
		return nil, fmt.Errorf("engine: slice %s is a %s slice", task.Slice.ID, task.Slice.Kind)
	}
	if ends.Log == nil {
		ends.Log = slog.New(slog.DiscardHandler)
	}
	if ends.Counters == nil {
		ends.Counters = new(Counters)
	}
	ends.Log = ends.Log.With("slice", task.Slice.ID.String(), "epoch", uint64(task.Epoch))
	return &Engine{task: task, ends: ends, cfg: cfg, fields: ends.Source.Fields(), hasher: record.Hasher{Frames: ends.Frames},
		pace: newPace(cfg.CommitBytes, cfg.FewCommits), every: cfg.CommitEvery, spans: newSpans(ends.Tracer, ends.Now)}, nil
}

// Run steps until the slice is done (nil), drained (ErrDrained), or can not go on. It closes everything before it returns.
// After sink.ErrFenced a newer owner is at work.
func (e *Engine) Run(ctx context.Context) error {
	defer e.shut()
	for {
		done, err := e.Step(ctx)
		if done || err != nil {
			return err
		}
	}
}

// Step does one thing: open both ends, copy one batch, or commit. done is true once the whole slice is durable. After an
// error the engine must not be stepped again; Close it.
func (e *Engine) Step(ctx context.Context) (done bool, err error) {
	switch e.step {
	case stepOpen:
		opening, end := e.spans.start(ctx, "lease")
		err = e.open(opening)
		end(err)
	case stepCopy:
		err = e.copy(ctx)
	case stepCommit:
		err = e.commit(ctx)
	}
	if err != nil {
		err = e.recover(ctx, err)
	}
	return e.step == stepDone && err == nil, err
}

// Close ends an engine that was driven by Step. What is not committed is given up.
func (e *Engine) Close() error { return e.shut() }

// Drain makes the engine commit what it has at its next step and stop.
func (e *Engine) Drain() { e.drain.Store(true) }

// Checkpoint is the newest durable progress, false before the first opening.
func (e *Engine) Checkpoint() (fsm.Checkpoint, bool) {
	c := e.checkpoint.Load()
	if c == nil {
		return fsm.Checkpoint{}, false
	}
	return *c, true
}

// Quarantined lists what the durable progress has quarantined, at most fsm.MaxQuarantineEntries.
func (e *Engine) Quarantined() []fsm.Quarantined {
	if q := e.quarantine.Load(); q != nil {
		return *q
	}
	return nil
}

// open fences older owners, learns the durable progress, and gets everything ready to copy from there.
func (e *Engine) open(ctx context.Context) error {
	w, p, err := e.ends.Sink.Open(ctx, e.task.Slice, e.task.Epoch)
	if err != nil {
		return fmt.Errorf("open sink: %w", err)
	}
	e.writer = w
	if p.Cursor < e.task.Seen.Cursor || p.Records < e.task.Seen.Records {
		return fmt.Errorf("target is at %d with %d records, the book saw %d with %d: %w",
			p.Cursor, p.Records, e.task.Seen.Cursor, e.task.Seen.Records, ErrProgressLost)
	}
	failpoint.Reach(failpoint.EngineOpened)
	e.settle(p)
	if p.Cursor >= e.task.Slice.Ranges.Span().To {
		e.step = stepDone
		return nil
	}
	if err := e.loadPresent(ctx); err != nil {
		return err
	}
	failpoint.Reach(failpoint.EnginePresentLoaded)
	r, err := e.ends.Source.Open(ctx, e.task.Slice, p.Cursor)
	if err != nil {
		return fmt.Errorf("open source: %w", err)
	}
	e.ahead = readAhead(ctx, r, e.cfg.ReadAheadBytes)
	e.pending.since = e.ends.Now()
	e.pending.due = e.pending.since.Add(e.first())
	e.step = stepCopy
	return nil
}

// loadPresent reads what others wrote into the target partition. It comes after Open has fenced older owners: from then on
// nothing of this lane can appear there any more but by our hand.
func (e *Engine) loadPresent(ctx context.Context) error {
	recent, err := e.writer.Recent(ctx, e.next.Scanned)
	if err != nil {
		return fmt.Errorf("read target: %w", err)
	}
	e.present, err = dedupe.Load(ctx, recent, dedupe.Options{
		Topic:     e.ends.Topic,
		Partition: e.task.Slice.Partition,
		Job:       e.task.Slice.ID.Job,
		Fields:    e.fields,
		Consumed:  e.next.Consumed,
		Frames:    e.ends.Frames,
		Spill:     e.ends.Spill,
	})
	if err != nil {
		return err
	}
	if e.present.Len() == 0 {
		e.next.Scanned, e.next.Consumed = recent.Position(), nil
	}
	return nil
}

// commit makes what was copied durable, together with the progress.
func (e *Engine) commit(ctx context.Context) error {
	e.next.Digest = e.sum.Bytes()
	if e.eof {
		e.next.Cursor = e.task.Slice.Ranges.Span().To
	}
	if e.next.Quarantined > e.cfg.MaxQuarantine {
		return fmt.Errorf("%d of at most %d, the last at %d: %w", e.next.Quarantined, e.cfg.MaxQuarantine, lastPoison(e.next.Poison), ErrQuarantine)
	}
	failpoint.Reach(failpoint.EngineBeforeCommit)
	e.spans.copied(ctx)
	committing, end := e.spans.start(ctx, "checkpoint", attribute.Int64("backstitch.cursor", e.next.Cursor),
		attribute.Int64("backstitch.records", e.pending.records), attribute.Int64("backstitch.bytes", e.pending.bytes))
	err := e.writer.Commit(committing, e.next)
	end(err)
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	failpoint.Reach(failpoint.EngineAfterCommit)
	e.pace.took(e.pending.bytes, e.ends.Now().Sub(e.pending.since), e.every)
	e.waited()
	c := e.ends.Counters
	c.Commits.Add(1)
	c.Written.Add(e.next.Records - e.durable.Records)
	c.WriteBytes.Add(e.next.Bytes - e.durable.Bytes)
	c.Suppressed.Add(e.next.Suppressed - e.durable.Suppressed)
	c.Quarantined.Add(e.next.Quarantined - e.durable.Quarantined)
	e.settle(e.next)
	e.unknown = 0
	e.rejected = slices.DeleteFunc(e.rejected, func(p sink.Poison) bool { return p.Range.To <= e.durable.Cursor })
	switch {
	case e.eof:
		e.step = stepDone
	case e.drain.Load():
		failpoint.Reach(failpoint.EngineDrained)
		return ErrDrained
	default:
		e.step = stepCopy
	}
	return nil
}

// settle takes p as durable and begins to collect the next commit on top of it.
func (e *Engine) settle(p sink.Progress) {
	e.durable, e.next, e.sum = p, p, record.SumFromBytes(p.Digest)
	e.next.Poison = append([]sink.Poison(nil), p.Poison...)
	e.next.Consumed = append(partition.Ranges(nil), p.Consumed...)
	e.pending.records, e.pending.bytes, e.pending.since = 0, 0, e.ends.Now()
	e.pending.due = e.pending.since.Add(e.every)
	e.checkpoint.Store(&fsm.Checkpoint{
		Epoch:       e.task.Epoch,
		Cursor:      p.Cursor,
		Records:     p.Records,
		Bytes:       p.Bytes,
		Suppressed:  p.Suppressed,
		Quarantined: p.Quarantined,
		Digest:      p.Digest,
		UnixNanos:   e.ends.Now().UnixNano(),
	})
	q := listQuarantine(e.task.Slice, p.Poison, e.ends.Rules)
	e.quarantine.Store(&q)
}

// recover decides whether err can be mended by opening the sink again. If so the next step does.
func (e *Engine) recover(ctx context.Context, err error) error {
	if errors.Is(err, ErrDrained) || ctx.Err() != nil {
		return err
	}
	var rejected *sink.RejectedError
	switch {
	case errors.Is(err, sink.ErrFenced):
		return err
	case errors.As(err, &rejected):
		// The record is left out when it comes along again. Everything since the last commit is written anew.
		if !e.reject(rejected) {
			return fmt.Errorf("record %d is rejected again, although it was left out: %w", rejected.Offset, err)
		}
		if n := e.durable.Quarantined + int64(len(e.rejected)); n > e.cfg.MaxQuarantine {
			return fmt.Errorf("%d of at most %d, the last at %d, %w: %w", n, e.cfg.MaxQuarantine, rejected.Offset, rejected, ErrQuarantine)
		}
		e.unknown = 0 // it is known now
		e.ends.Log.Warn("record quarantined", "offset", rejected.Offset, "code", rejected.Code, "err", rejected.Err)
	case errors.Is(err, sink.ErrUnknownOutcome):
		if e.unknown++; e.unknown > e.cfg.MaxUnknown {
			return err
		}
		e.ends.Log.Warn("commit outcome unknown, asking the target", "err", err)
	default:
		return err
	}
	e.ends.Counters.Reopened.Add(1)
	e.step = stepOpen
	// What was given up is not an error of its own: the writer is dead already.
	_ = e.shut()
	return nil
}

// shut closes everything that is open and waits for the read-ahead to end.
func (e *Engine) shut() error {
	var errs []error
	if e.rest != nil {
		e.rest.Release()
		e.rest = nil
	}
	if e.ahead != nil {
		errs = append(errs, e.ahead.Close())
		e.ahead = nil
	}
	if e.writer != nil {
		errs = append(errs, e.writer.Close())
		e.writer = nil
	}
	if e.present != nil {
		errs = append(errs, e.present.Close())
		e.present = nil
	}
	e.eof = false
	return errors.Join(errs...)
}
