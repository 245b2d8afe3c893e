package bubble

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"backstitch/chaos/fakes"
	"backstitch/cluster"
	"backstitch/cluster/clustertest"
	"backstitch/partition"
	"backstitch/replay/connect"
	"backstitch/replay/gap/match"
	"backstitch/replay/open"
	"backstitch/replay/throttle"
	"backstitch/replay/verify"
	"backstitch/replay/worker"
)

var _ worker.Control = (*cluster.Node)(nil)

// agent is one process: a node and its worker, as cmd wires them, on a disk that can lose what was not synced and with a clock that can be wrong. The goroutine of the
// world uses it.
type agent struct {
	w     *world
	m     *clustertest.Member
	clock clock
	node  atomic.Pointer[cluster.Node] // of the newest start, for other goroutines

	cancel   context.CancelFunc // kills the worker
	term     chan struct{}      // asks the worker to drain
	working  chan struct{}      // closed when the worker is gone
	stopping chan struct{}      // closed when an orderly stop is over; nil when there is none
	down     int                // how many faults keep it from being started
	due      time.Time          // when it is to be started, once it does not run
}

func newAgent(w *world, m *clustertest.Member) *agent {
	a := &agent{w: w, m: m}
	m.Clock = a.clock.Now
	return a
}

// start starts the process. It does not wait.
func (a *agent) start() {
	a.due = time.Time{}
	a.m.Start()
	a.m.ExpectEnd() // if it ends by itself the supervisor starts it again, and the verdict is on what comes of it
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel, a.term, a.working = cancel, make(chan struct{}), make(chan struct{})
	a.node.Store(a.m.Node)
	node, gone, term, working := a.m.Node, a.m.Done(), a.term, a.working
	go func() {
		defer close(working)
		defer cancel()
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			select {
			case <-gone: // a process ends as a whole
				cancel()
			case <-stop:
			}
		}()
		if err := a.work(ctx, node, term); err != nil && !errors.Is(err, context.Canceled) {
			a.w.violate("worker of %s ended: %v", a.m.Name, err)
		}
	}()
}

// work is the worker's life, until ctx ends or term asks it to drain.
func (a *agent) work(ctx context.Context, node *cluster.Node, term <-chan struct{}) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for node.ID() == "" {
		select {
		case <-tick.C:
		case <-term:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
	cfg := worker.DefaultConfig()
	cfg.Node = node.ID()
	work, err := worker.New(cfg, worker.Deps{
		Control: node, Opener: &opener{a: a, node: node, inFlight: cfg.LaneBytes() / 2}, Now: a.clock.Now,
		Verifier: verify.New(verify.Config{NewBag: match.NewMemory}), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		return err
	}
	over := make(chan struct{})
	defer close(over)
	go func() {
		select {
		case <-term:
			work.Drain()
		case <-over:
		}
	}()
	return work.Run(ctx)
}

// opener opens recipes with this agent's connections.
type opener struct {
	a        *agent
	node     *cluster.Node
	inFlight int64
}

func (o *opener) Open(ctx context.Context, job partition.JobID, recipe []byte, meter *throttle.Meter) (*open.Ends, error) {
	id := o.node.ClusterID()
	if id == "" {
		return nil, errors.New("this node belongs to no cluster yet")
	}
	return open.New(open.Config{
		Cluster: id, Now: o.a.clock.Now, InFlightBytes: o.inFlight, Client: o.a.w.kafka.Opts(o.a.m.Name), Env: fakes.Env,
		S3: func(string) (connect.S3, bool) {
			if o.a.w.shelf == nil {
				return connect.S3{}, false
			}
			return o.a.w.shelf.Connection(o.a.m.Name), true
		},
	}).OpenMetered(ctx, job, recipe, meter)
}

// drainTime is how long running slices have to reach a commit when the process is asked to end, as in the agent.
const drainTime = 20 * time.Second

// stop ends the process as SIGTERM does: the worker drains, then the node goes. It does not wait; stopping is closed at the end.
func (a *agent) stop() {
	done := make(chan struct{})
	a.stopping = done
	close(a.term)
	m, cancel, working := a.m, a.cancel, a.working
	go func() {
		defer close(done)
		timer := time.NewTimer(drainTime)
		defer timer.Stop()
		select {
		case <-working:
		case <-timer.C:
			cancel()
			<-working
		}
		m.Stop()
	}()
}

// finishStop waits for an orderly stop that is under way.
func (a *agent) finishStop() {
	if a.stopping != nil {
		<-a.stopping
		a.stopping = nil
	}
}

// kill ends the process at once, as SIGKILL and a power cut do. What it had sent to the broker still arrives. It does not wait;
// stopping is closed when the last goroutine has noticed, and only then may the process be started again.
func (a *agent) kill(torn vfs.CrashCloneCfg) {
	done := make(chan struct{})
	a.stopping = done
	cut, err := a.w.kafka.Cut(a.m.Name)
	m, cancel, working := a.m, a.cancel, a.working
	cancel()
	go func() {
		defer close(done)
		m.CutPower(torn)
		<-working
		if err == nil { // else another fault has cut it off
			cut.Stop()
		}
	}()
}

// alive says whether the process runs and is not on its way out.
func (a *agent) alive() bool { return a.stopping == nil && a.m.Running() }

// supervise starts the process when it should run and does not: a second after it has ended by itself, as systemd does, or as soon as
// a fault lets it.
func (a *agent) supervise(now time.Time) {
	if a.stopping != nil {
		select {
		case <-a.stopping:
			a.stopping, a.due = nil, now
		default:
			return
		}
	}
	switch {
	case a.m.Running() || a.down > 0:
	case a.due.IsZero():
		a.due = now.Add(time.Second)
	case !a.due.After(now):
		<-a.working
		a.start()
	}
}
