package feedback

import (
	"context"
	"sync"
	"time"

	"backstitch/replay/pace"
	"backstitch/replay/throttle"
)

// Governor holds one job's pace on one node. It outlives the ends of the job, so that what it has learned does.
type Governor struct {
	meter *throttle.Meter
	looks *Looks
	now   func() time.Time

	mu      sync.Mutex
	rules   Rules
	running bool
	control *pace.Controller // nil before the first Run
	read    Reading          // the newest
	least   map[pace.Kind]map[string]int64
	calm    calm
	rested  bool        // since the last step
	slow    pace.Signal // the newest latency, zero for none
	state   State
}

// State is what a governor has decided, for people and metrics.
type State struct {
	pace.State
	FloorBytes int64
	Waited     time.Duration // by all lanes together
	Signals    []pace.Signal // of the last step
}

// Text says what holds the job back, "" when nothing does.
func (s *State) Text() string { return text(&s.State) }

// New makes a governor that has decided nothing; nil for a job without a meter.
func New(meter *throttle.Meter, looks *Looks, now func() time.Time) *Governor {
	if meter == nil {
		return nil
	}
	return &Governor{meter: meter, looks: looks, now: now, least: map[pace.Kind]map[string]int64{}}
}

// Run holds the pace until ctx ends, and leaves the last one in force: who runs the job again begins with it. look may be nil.
func (g *Governor) Run(ctx context.Context, rules Rules, look *Look) {
	if rules.Off {
		return
	}
	g.begin(rules, look)
	defer g.end()
	var group sync.WaitGroup
	if look != nil {
		group.Go(func() { g.watch(ctx, look) })
	}
	tick := time.NewTicker(Every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			g.step()
		case <-ctx.Done():
			group.Wait()
			return
		}
	}
}

// begin makes the controller, unless a Run before did.
func (g *Governor) begin(rules Rules, look *Look) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rules, g.running = rules, true
	if g.control == nil {
		cfg := rules.controller(look != nil)
		g.control = pace.New(cfg)
		g.state.FloorBytes = int64(cfg.Floor)
		g.calm = calm{took: map[string]*usual{}}
	}
	g.pace(g.now())
}

// pace puts the rate in force, or the floor while the job rests, and returns what is.
func (g *Governor) pace(now time.Time) float64 {
	rate := g.control.Rate()
	if g.rests(now) {
		rate = min(rate, float64(g.state.FloorBytes))
	}
	g.meter.Pace(rate)
	return rate
}

// rests says whether the job rests now: those do that ask brokers.
func (g *Governor) rests(now time.Time) bool { return len(g.read.Took) > 0 && resting(now) > 0 }

func (g *Governor) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running = false
}

// watch looks until ctx ends.
func (g *Governor) watch(ctx context.Context, look *Look) {
	tick := time.NewTicker(LookEvery)
	defer tick.Stop()
	for {
		r := g.looks.See(ctx, look)
		if ctx.Err() != nil {
			return // what failed because of that says nothing
		}
		g.mu.Lock()
		g.read = r
		g.mu.Unlock()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// step decides once.
func (g *Governor) step() {
	g.mu.Lock()
	defer g.mu.Unlock()
	spent, held, waited := g.meter.Paced()
	now := g.now()
	signals := append(g.answers(now), g.readings()...)
	signals = append(signals, g.calm.readings(&g.read)...)
	g.state.State = g.control.Step(now, pace.Input{Spent: spent, Held: held, Rest: g.rested || g.rests(now), Signals: signals})
	g.state.Waited, g.state.Signals = waited, signals
	g.rested = g.rests(now)
	g.state.Rate = g.pace(now)
}

// answers are the signals that the job's own requests brought.
func (g *Governor) answers(now time.Time) (out []pace.Signal) {
	said := g.meter.Sensed(fewest)
	if said.Produced > 0 {
		g.slow = pace.Signal{Kind: pace.Latency, Value: said.Slow.Seconds(), Limit: g.rules.ProduceLatency.Seconds(), At: now}
	}
	if g.rules.ProduceLatency > 0 && g.slow.Kind != pace.None && now.Sub(g.slow.At) < stale {
		out = append(out, g.slow)
	}
	out = append(out, pace.Signal{Kind: pace.Throttled, Value: said.Throttled.Seconds(), At: now})
	return append(out, pace.Signal{Kind: pace.SlowDown, Value: float64(said.Refused), At: now})
}

// readings are the signals of the newest look: how much worse it is than the least since this node works for the job.
func (g *Governor) readings() (out []pace.Signal) {
	add := func(kind pace.Kind, measures map[string]Measure, limit int64) {
		if g.least[kind] == nil {
			g.least[kind] = map[string]int64{}
		}
		for object, m := range measures {
			s := pace.Signal{Kind: kind, Object: object, Limit: float64(limit), At: g.read.At}
			if m.Err != nil {
				s.Unseen = m.Err.Error()
			} else {
				least, ok := g.least[kind][object]
				if !ok || m.N < least {
					least = m.N
					g.least[kind][object] = least
				}
				s.Value = float64(m.N - least)
			}
			out = append(out, s)
		}
	}
	add(pace.Lag, g.read.Lags, g.rules.MaxLagIncrease)
	add(pace.OutOfSync, g.read.Apart, 0)
	return out
}

// State is what was decided last; on says whether Run runs.
func (g *Governor) State() (s State, on bool) {
	if g == nil {
		return s, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state, g.running
}
