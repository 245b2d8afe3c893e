package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"backstitch/cluster"
	"backstitch/cmd/backstitch/config"
	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/gap/match"
	"backstitch/replay/open"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/scan"
	"backstitch/replay/sentinel/watch"
	"backstitch/replay/throttle"
	"backstitch/replay/verify"
	"backstitch/replay/worker"
	"backstitch/storage/failpoint"
	"backstitch/storage/spill"
)

const (
	// drainTime is how long running slices have to reach a commit when the agent is asked to end.
	drainTime = 20 * time.Second
	// spillMemory is what one set of hashes may hold before it goes to disk.
	spillMemory = 16 << 20
)

// workPart is the worker as a part of an agent. The worker needs the node's id, so it is made once the node has one.
type workPart struct {
	app     *app
	cfg     config.Agent
	node    *cluster.Node
	log     *slog.Logger
	metrics prometheus.Registerer
	tracer  trace.Tracer // nil makes no spans
}

// Open opens the ends of a job with this agent's connections. Transactional ids carry the cluster's id, which is known by the
// time that there is a lease.
func (w *workPart) Open(ctx context.Context, job partition.JobID, recipe []byte, meter *throttle.Meter) (*open.Ends, error) {
	id := w.node.ClusterID()
	if id == "" {
		return nil, errors.New("this node belongs to no cluster yet")
	}
	cfg := openConfig(w.cfg.Connections, w.app.lookup)
	cfg.Cluster, cfg.InFlightBytes = id, w.config().LaneBytes()/2
	return open.New(cfg).OpenMetered(ctx, job, recipe, meter)
}

// scanner scans with this agent's connections.
func (w *workPart) scanner(sets spill.Options) *scan.Scanner {
	cfg := gap.DefaultConfig()
	cfg.NewBag, cfg.Spill = match.Spill(sets), sets
	s := scan.New(func(pace *throttle.Limiter) recovery.Clients {
		c := openConfig(w.cfg.Connections, w.app.lookup)
		c.Pace = pace
		return reach.New(c)
	}, cfg, agentClock)
	s.Cluster = w.node.ClusterID
	return s
}

func (w *workPart) config() worker.Config {
	c := worker.DefaultConfig()
	c.Node, c.Lanes, c.MemoryBytes = w.node.ID(), w.cfg.Worker.Lanes, int64(w.cfg.Worker.Memory)
	return c
}

// counter counts datasets by the hour with this agent's connections.
func (w *workPart) counter() *watch.Watcher {
	cfg := watch.DefaultConfig()
	cfg.Node = w.node.ID()
	return watch.New(cfg, w.node, reach.New(openConfig(w.cfg.Connections, w.app.lookup)).Kafka, agentClock, w.log)
}

// run works until ctx ends, and then lets what runs reach a commit.
func (w *workPart) run(ctx context.Context) error {
	dir := filepath.Join(w.cfg.DataDir, "spill")
	if err := w.awaitID(ctx); err != nil {
		return nil // asked to end before there was anything to do
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := spill.Sweep(dir); err != nil {
		return fmt.Errorf("remove old spill files: %w", err)
	}
	sets := spill.Options{Dir: dir, MemoryBytes: spillMemory}
	failpoint.Reach(failpoint.WorkerSwept)
	work, err := worker.New(w.config(), worker.Deps{
		Control: w.node, Opener: w, Verifier: verify.New(verify.Config{NewBag: match.Spill(sets), Spill: sets}), Spill: sets, Scanner: w.scanner(sets),
		Now: agentClock, Log: w.log, Metrics: w.metrics, Tracer: w.tracer, Cluster: w.node.ClusterID,
	})
	if err != nil {
		return err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	// What is counted needs no commit to be reached: the next one goes on from what the book has.
	counted := make(chan struct{})
	go func() {
		defer close(counted)
		_ = w.counter().Run(ctx) // ends with ctx alone
	}()
	defer func() { <-counted }()
	stop := context.AfterFunc(ctx, func() {
		work.Drain()
		timer := time.NewTimer(drainTime)
		defer timer.Stop()
		select {
		case <-timer.C:
			w.log.Warn("slices did not reach a commit in time and are given up", "dur", drainTime)
			cancel()
		case <-running.Done():
		}
	})
	defer stop()
	if err := work.Run(running); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// awaitID waits until the node has opened its data directory.
func (w *workPart) awaitID(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for w.node.ID() == "" {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
