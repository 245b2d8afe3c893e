package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/engine"
	"backstitch/replay/open"
	"backstitch/replay/throttle"
	"backstitch/storage/spill"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
)

// Config bounds what a worker does at a time.
type Config struct {
	Node            partition.NodeID
	Lanes           int           // slices that write or verify at a time
	ScanLanes       int           // slices of scans that run beside them
	MemoryBytes     int64         // for batches on their way, all lanes together
	CheckpointEvery time.Duration // between two batched checkpoints
	LeaseTime       time.Duration // without a renewal for that long everything stops
	RetryMin        time.Duration // wait before a slice that failed for a passing reason runs again; doubles up to RetryMax
	RetryMax        time.Duration
	Engine          engine.Config // recipes override its commit limits
}

// DefaultConfig fits the leader's defaults: leases of 2.5 s.
func DefaultConfig() Config {
	return Config{
		Lanes:           4,
		ScanLanes:       2,
		MemoryBytes:     128 << 20,
		CheckpointEvery: 500 * time.Millisecond,
		LeaseTime:       2500 * time.Millisecond,
		RetryMin:        time.Second,
		RetryMax:        time.Minute,
		Engine:          engine.DefaultConfig(),
	}
}

// Validate names the first thing that can not work.
func (c Config) Validate() error {
	switch {
	case c.Node == "":
		return errors.New("worker: no node id")
	case c.Lanes < 1:
		return fmt.Errorf("worker: %d lanes", c.Lanes)
	case c.ScanLanes < 1:
		return fmt.Errorf("worker: %d lanes for scans", c.ScanLanes)
	case c.MemoryBytes < int64(c.Lanes)<<20:
		return fmt.Errorf("worker: %d bytes for %d lanes, want at least 1 MiB each", c.MemoryBytes, c.Lanes)
	case c.CheckpointEvery <= 0, c.LeaseTime < 2*c.CheckpointEvery:
		return fmt.Errorf("worker: checkpoints every %s can not keep a lease of %s", c.CheckpointEvery, c.LeaseTime)
	case c.RetryMin <= 0, c.RetryMax < c.RetryMin:
		return fmt.Errorf("worker: retries after %s to %s", c.RetryMin, c.RetryMax)
	}
	return c.Engine.Validate()
}

// LaneBytes is how much of MemoryBytes one lane has. A quarter of it is read ahead; Opener should give a writer half.
func (c Config) LaneBytes() int64 { return c.MemoryBytes / int64(max(c.Lanes, 1)) }

// Opener opens the ends of a job. open.Opener is one.
type Opener interface {
	// Calls of the target are counted with meter, which may be nil.
	Open(ctx context.Context, job partition.JobID, recipe []byte, meter *throttle.Meter) (*open.Ends, error)
}

// Verifier compares the reference with the target for one verify slice, of which quarantined are the positions that the job could
// not write. It reads both and writes nothing.
type Verifier interface {
	Verify(ctx context.Context, slice partition.Slice, quarantined partition.Ranges, ends *open.Ends) (fsm.Comparison, []fsm.Window, error)
}

// Scanner does the slices of scans and of plans. replay/scan has one.
type Scanner interface {
	// Survey finds out which partitions a scan has.
	Survey(ctx context.Context, w fsm.Work) (fsm.Survey, error)
	// Scan compares one of them, and tells progress of each stretch that it has read. It returns the schemas that records name beside what it
	// found.
	Scan(ctx context.Context, w fsm.Work, progress func(records, bytes int64)) (fsm.ScanPart, []fsm.SeenSchema, error)
	// Plan compares parts again, in which a scan found records missing, and freezes what is to be written; nil when nothing is.
	Plan(ctx context.Context, w fsm.Work, parts []int32, progress func(records, bytes int64)) (*fsm.MadePlan, error)
}

// Deps are what a worker is given.
type Deps struct {
	Control  Control
	Opener   Opener
	Verifier Verifier
	Scanner  Scanner       // nil fails slices of scans and of plans
	Spill    spill.Options // for what others wrote into a target
	Now      func() time.Time
	Log      *slog.Logger          // nil is silent
	Metrics  prometheus.Registerer // nil registers nothing
	Tracer   trace.Tracer          // nil makes no spans
	Cluster  func() string         // id of the cluster, for traces of jobs; needed beside Tracer
}

// Worker runs slices.
type Worker struct {
	cfg   Config
	deps  Deps
	jobs  *jobs
	quota *throttle.Quota
	drain chan struct{} // closed by Drain, once
	begin chan struct{} // holds the right to close drain
}

// New makes a worker. It starts nothing.
func New(cfg Config, deps Deps) (*Worker, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Control == nil || deps.Opener == nil || deps.Verifier == nil || deps.Now == nil {
		return nil, errors.New("worker: control, opener, verifier and clock are all needed")
	}
	if deps.Tracer != nil && deps.Cluster == nil {
		return nil, errors.New("worker: traces of jobs need the cluster's id")
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	deps.Log = deps.Log.With("node", string(cfg.Node))
	w := &Worker{cfg: cfg, deps: deps, jobs: newJobs(deps.Opener, deps.Now), quota: throttle.NewQuota(deps.Now), drain: make(chan struct{}), begin: make(chan struct{}, 1)}
	w.begin <- struct{}{}
	if deps.Metrics != nil {
		if err := deps.Metrics.Register(&collector{jobs: w.jobs, quota: w.quota, now: deps.Now}); err != nil {
			return nil, fmt.Errorf("worker metrics: %w", err)
		}
	}
	return w, nil
}

// Drain makes Run finish the commits that are under way, save them, give the leases back and return nil. It does not wait.
func (w *Worker) Drain() {
	select {
	case <-w.begin:
		close(w.drain)
	default:
	}
}

// Run works until ctx ends or Drain was called. Problems of slices are reported to Control and are no reason to return.
func (w *Worker) Run(ctx context.Context) error {
	defer w.jobs.closeAll(w.deps.Log)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := newLoop(w)
	assigned := make(chan fsm.Assignment)
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		w.watch(ctx, assigned)
	}()
	err := l.run(ctx, assigned)
	cancel()
	l.join()
	<-watching
	return err
}

// watchPause is between two askings when Control does not answer.
const watchPause = 100 * time.Millisecond

// watch passes assignments on.
func (w *Worker) watch(ctx context.Context, to chan<- fsm.Assignment) {
	var after uint64
	for ctx.Err() == nil {
		a, err := w.deps.Control.Assignment(ctx, after)
		if err != nil {
			if ctx.Err() == nil {
				w.deps.Log.Debug("assignment", "err", err)
			}
			sleep(ctx, watchPause)
			continue
		}
		if a.Index == after && after != 0 {
			continue // the wait ran out
		}
		after = a.Index
		select {
		case to <- a:
		case <-ctx.Done():
		}
	}
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
