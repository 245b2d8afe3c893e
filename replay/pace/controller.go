package pace

import (
	"maps"
	"math"
	"time"
)

// Config is how a controller behaves. Rates are bytes a second.
type Config struct {
	Floor     float64       // what is left in any case
	Start     float64       // what to begin with after a pause, and at first when Careful
	Careful   bool          // begin slowly, for signals that come late; otherwise nothing is bounded until somebody suffers
	RoundTrip time.Duration // from a change of the rate until the signals have seen it
	Idle      time.Duration // after a pause of that length what was learned is old
	Calm      time.Duration // after so long without a signal and without anybody waiting, one that is not Careful bounds nothing any more
}

const (
	// cut is what is left of a rate after a signal.
	cut = 0.5
	// gain is how fast a rate grows: by gain times its square root, in a second. From half of a rate back to all of it takes 8 s at 1 MiB/s,
	// 33 s at 16 MiB/s and 83 s at 100 MiB/s.
	gain = 64
	// drain is in how many round trips a backlog has to be within its limit, as it shrinks now, to be let alone.
	drain = 6
)

// longest is what one step counts as at most when the rate rises: after a pause of the caller's it does not leap.
const longest = time.Second

// DefaultConfig fits signals that are read every two seconds.
func DefaultConfig() Config {
	return Config{
		Floor: 256 << 10, Start: 1 << 20, RoundTrip: 5 * time.Second, Idle: 30 * time.Second, Calm: time.Minute,
	}
}

// Input is what happened since the last step.
type Input struct {
	Spent   float64 // bytes
	Held    bool    // somebody waited for the rate
	Rest    bool    // the rate was not in force: nothing is learned
	Signals []Signal
}

// State is what a controller has decided.
type State struct {
	Rate    float64 // +Inf for no bound
	Held    bool    // somebody waited for it since the step before
	AtFloor bool
	Rest    bool // the rate is not in force
	// Why is the signal of the last cut, the one that is over its limit now, or one that can not be seen; None when it only began slowly.
	Why Signal
	// Now says that Why holds at this moment; otherwise it is over, and the rate is on its way up.
	Now  bool
	Cuts map[Kind]int64 // since the controller was made
}

// Bounded reports whether there is a bound.
func (s *State) Bounded() bool { return !math.IsInf(s.Rate, 1) }

// Controller is the state of one job on one node. It is not safe for concurrent use.
type Controller struct {
	cfg   Config
	state State

	calm   float64   // below it the rate doubles in a round trip: it was all right before a pause
	began  bool      // the first step was taken
	last   time.Time // of the last step
	active time.Time // somebody spent or waited
	hurt   time.Time // somebody suffered, zero for never
	cut    time.Time // zero for never
	held   time.Time // somebody waited for the rate

	used, weight float64 // mean of what was spent a second, over a round trip
	seen         map[key]reading
}

// reading is what a signal last said.
type reading struct {
	at       time.Time
	value    float64
	draining bool
}

// New makes a controller.
func New(cfg Config) *Controller {
	c := &Controller{cfg: cfg, calm: math.Inf(1), seen: map[key]reading{}}
	c.state = State{Rate: math.Inf(1), Cuts: map[Kind]int64{}}
	if cfg.Careful {
		c.state.Rate = max(cfg.Start, cfg.Floor)
	}
	return c
}

// Rate is the one of now, +Inf for no bound.
func (c *Controller) Rate() float64 { return c.state.Rate }

// Step takes what happened until now and decides. Steps are some hundred milliseconds apart.
func (c *Controller) Step(now time.Time, in Input) State {
	if !c.began {
		c.began, c.last, c.active, c.held = true, now, now, now
	}
	dt := now.Sub(c.last)
	c.last, c.state.Rest = now, in.Rest
	if in.Rest {
		c.active = now
		return c.state.clone()
	}
	c.measure(dt, in.Spent)
	c.rest(now, in)
	worst, unseen := c.judge(in.Signals)
	c.state.Held, c.state.Now = in.Held, worst != nil || unseen != nil
	switch {
	case worst != nil:
		c.state.Why, c.hurt = *worst, now
		if c.cutting(worst) && (c.cut.IsZero() || now.Sub(c.cut) >= c.cfg.RoundTrip) {
			c.lower(worst.Kind, now)
		}
	case unseen != nil:
		// Whether it would hurt is not known.
		c.state.Why = *unseen
	case in.Held && (c.hurt.IsZero() || now.Sub(c.hurt) >= c.cfg.RoundTrip):
		c.raise(min(dt, longest))
	case !c.cfg.Careful && now.Sub(c.hurt) >= c.cfg.Calm && now.Sub(c.held) >= c.cfg.Calm:
		c.state.Rate, c.calm = math.Inf(1), math.Inf(1)
	}
	if !c.state.Bounded() || c.hurt.IsZero() && !c.state.Now {
		c.state.Why = Signal{}
	}
	c.state.AtFloor = c.state.Rate <= c.cfg.Floor
	return c.state.clone()
}

func (s State) clone() State {
	s.Cuts = maps.Clone(s.Cuts)
	return s
}

// measure follows what is really spent, with the round trip as its memory.
func (c *Controller) measure(dt time.Duration, spent float64) {
	if dt <= 0 {
		return
	}
	part := 1 - math.Exp(-dt.Seconds()/c.cfg.RoundTrip.Seconds())
	c.used += (spent/dt.Seconds() - c.used) * part
	c.weight += (1 - c.weight) * part
}

// rest forgets what was learned when nobody has worked for a while: the target may be busier now.
func (c *Controller) rest(now time.Time, in Input) {
	if in.Held {
		c.held = now
	}
	if in.Spent == 0 && !in.Held {
		return
	}
	if now.Sub(c.active) >= c.cfg.Idle && (c.state.Bounded() || c.cfg.Careful) {
		c.state.Rate = min(c.state.Rate, max(c.cfg.Start, c.cfg.Floor))
		c.used, c.weight = 0, 0
	}
	c.active = now
}

// judge finds the signal that is furthest over its limit, and one that can not be seen.
func (c *Controller) judge(signals []Signal) (worst, unseen *Signal) {
	excess := func(s *Signal) float64 { return s.Value / max(s.Limit, 1e-9) }
	for i := range signals {
		s := &signals[i]
		if s.Unseen != "" {
			unseen = s
			continue
		}
		k := key{s.Kind, s.Object}
		if was, ok := c.seen[k]; !ok || s.At.After(was.at) {
			c.seen[k] = reading{s.At, s.Value, ok && c.drains(s, was)}
		}
		if !s.Over() {
			continue
		}
		switch {
		case worst == nil, c.cutting(s) && !c.cutting(worst):
			worst = s
		case c.cutting(worst) && !c.cutting(s):
		case excess(s) > excess(worst):
			worst = s
		}
	}
	return worst, unseen
}

// drains reports whether a backlog that was more before will be within its limit soon. One that hardly shrinks would be over it for ever.
func (c *Controller) drains(s *Signal, was reading) bool {
	part := drain * c.cfg.RoundTrip.Seconds() / s.At.Sub(was.at).Seconds()
	return s.Value < was.value && (was.value-s.Value)*part >= s.Value-s.Limit
}

// cutting reports whether a signal that is over its limit asks for a lower rate. A backlog that drains does not.
func (c *Controller) cutting(s *Signal) bool {
	return !s.Kind.stock() || !c.seen[key{s.Kind, s.Object}].draining
}

// lower cuts what is spent, or would be.
func (c *Controller) lower(kind Kind, now time.Time) {
	from := c.state.Rate
	if c.weight > 0 && c.used > 0 {
		from = min(from, c.used/c.weight)
	}
	if math.IsInf(from, 1) {
		from = c.cfg.Start // nothing was spent yet
	}
	c.state.Rate = max(from*cut, c.cfg.Floor)
	c.calm, c.cut = c.state.Rate, now
	c.state.Cuts[kind]++
}

// raise lets the rate grow: twice as much in a round trip up to where it was all right before, slowly from there on.
func (c *Controller) raise(dt time.Duration) {
	if !c.state.Bounded() {
		return
	}
	if c.state.Rate < c.calm {
		c.state.Rate = min(c.state.Rate*math.Exp2(dt.Seconds()/c.cfg.RoundTrip.Seconds()), c.calm)
		return
	}
	c.state.Rate += gain * math.Sqrt(c.state.Rate) * dt.Seconds()
}
