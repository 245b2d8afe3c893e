package pace_test

import (
	"math"
	"testing"
	"time"

	"backstitch/replay/pace"

	"pgregory.net/rapid"
)

const step = 500 * time.Millisecond

// plant is a consumer that reads so many bytes a second of what the controllers write and of what others do. It is looked at every two
// seconds.
type plant struct {
	capacity, others float64 // bytes a second
	limit            float64 // of the backlog
	backlog, most    float64
	seen             pace.Signal
	now              time.Time
}

// worker is a job that would write as fast as demand.
type worker struct {
	c      *pace.Controller
	demand float64
	state  pace.State
}

func newPlant(capacity, limit float64) *plant {
	return &plant{capacity: capacity, limit: limit, now: time.Unix(0, 0)}
}

func careful() pace.Config {
	cfg := pace.DefaultConfig()
	cfg.Careful = true
	return cfg
}

// run lets time pass. each, which may be nil, sees every step.
func (p *plant) run(d time.Duration, each func(), ws ...*worker) {
	for end := p.now.Add(d); p.now.Before(end); p.now = p.now.Add(step) {
		if p.now.Sub(p.seen.At) >= 2*time.Second {
			p.seen = pace.Signal{Kind: pace.Lag, Object: "billing", Value: p.backlog, Limit: p.limit, At: p.now}
		}
		in := p.others
		for _, w := range ws {
			spent := min(w.c.Rate(), w.demand) * step.Seconds()
			in += spent / step.Seconds()
			w.state = w.c.Step(p.now, pace.Input{Spent: spent, Held: w.c.Rate() < w.demand, Signals: []pace.Signal{p.seen}})
		}
		p.backlog = max(0, p.backlog+(in-p.capacity)*step.Seconds())
		p.most = max(p.most, p.backlog)
		if each != nil {
			each()
		}
	}
}

func TestItUsesWhatThereIsAndHurtsNobodyForLong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		capacity := math.Exp2(rapid.Float64Range(20, 28).Draw(t, "log capacity")) // 1 to 256 MiB/s
		limit := capacity * rapid.Float64Range(1, 10).Draw(t, "seconds of backlog")
		p := newPlant(capacity, limit)
		w := &worker{c: pace.New(careful()), demand: 1 << 32}
		p.run(5*time.Minute, nil, w)
		var sum, n, over float64
		p.most = p.backlog
		p.run(20*time.Minute, func() {
			sum, n = sum+min(w.state.Rate, capacity), n+1
			if p.backlog > limit {
				over++
			}
			if w.state.Rate > 3*capacity {
				t.Fatalf("rate %.0f against a capacity of %.0f", w.state.Rate, capacity)
			}
		}, w)
		if use := sum / n / capacity; use < 0.7 {
			t.Errorf("it uses %.2f of what there is", use)
		}
		if over/n > 0.5 {
			t.Errorf("the backlog is over its limit %.2f of the time", over/n)
		}
		// What a round trip and two looks bring beyond the limit, and what drains meanwhile.
		if most := limit + 8*capacity; p.most > most {
			t.Errorf("a backlog of %.0f against a limit of %.0f at %.0f a second", p.most, limit, capacity)
		}
	})
}

// A controller that only watches the backlog grow hurts for ever: the promise above can be broken.
func TestWithoutTheSignalTheBacklogGrows(t *testing.T) {
	p := newPlant(1<<20, 1<<20)
	w := &worker{c: pace.New(careful()), demand: 1 << 32}
	p.limit = math.Inf(1)
	p.run(5*time.Minute, nil, w)
	if p.backlog < 100<<20 {
		t.Errorf("a backlog of %.0f: the plant hurts nobody, and the tests test nothing", p.backlog)
	}
}

func TestTwoComeToTheSameRate(t *testing.T) {
	for _, first := range []time.Duration{0, 10 * time.Minute} {
		p := newPlant(64<<20, 128<<20)
		a, b := &worker{c: pace.New(careful()), demand: 1 << 32}, &worker{c: pace.New(careful()), demand: 1 << 32}
		p.run(first, nil, a)
		p.run(time.Hour, nil, a, b)
		var sumA, sumB float64
		p.run(20*time.Minute, func() { sumA, sumB = sumA+a.state.Rate, sumB+b.state.Rate }, a, b)
		if ratio := sumA / sumB; ratio < 0.75 || ratio > 1.33 {
			t.Errorf("the first %s ahead: %.2f times the rate of the second", first, ratio)
		}
	}
}

func TestItRisesAgainWhenTheSignalEnds(t *testing.T) {
	p := newPlant(64<<20, 64<<20)
	w := &worker{c: pace.New(careful()), demand: 1 << 32}
	p.run(10*time.Minute, nil, w)
	p.others = 60 << 20 // live traffic comes back
	p.run(5*time.Minute, nil, w)
	if w.state.Rate > 8<<20 {
		t.Errorf("%.0f a second, and 4 MiB/s are free", w.state.Rate)
	}
	if w.state.Cuts[pace.Lag] == 0 || w.state.Why.Object != "billing" {
		t.Errorf("it does not say why: %+v", w.state)
	}
	p.others = 0
	p.run(5*time.Minute, nil, w)
	if w.state.Rate < 32<<20 {
		t.Errorf("%.0f a second five minutes after there was room again", w.state.Rate)
	}
}

// hold makes steps of one second in which the job spends what it may.
func hold(c *pace.Controller, from time.Time, seconds int, demand float64, signals ...pace.Signal) (pace.State, time.Time) {
	var s pace.State
	for range seconds {
		from = from.Add(time.Second)
		for i := range signals {
			signals[i].At = from
		}
		s = c.Step(from, pace.Input{Spent: min(c.Rate(), demand), Held: c.Rate() < demand, Signals: signals})
	}
	return s, from
}

func TestADeadGroupLeavesTheFloor(t *testing.T) {
	c := pace.New(careful())
	dead := pace.Signal{Kind: pace.Lag, Object: "dead", Value: 1e9, Limit: 1}
	s, now := hold(c, time.Unix(0, 0), 600, 1<<30, dead)
	if s.Rate != pace.DefaultConfig().Floor || !s.AtFloor || !s.Now {
		t.Errorf("after ten minutes of a dead group: %+v", s)
	}
	if s, _ = hold(c, now, 600, 1<<30); s.Rate < 8<<20 {
		t.Errorf("%.0f a second ten minutes after it is back", s.Rate)
	}
}

func TestOneCutForOneRoundTrip(t *testing.T) {
	c := pace.New(pace.DefaultConfig())
	_, now := hold(c, time.Unix(0, 0), 60, 64<<20)
	slow := pace.Signal{Kind: pace.SlowDown, Value: 10}
	s, now := hold(c, now, 5, 64<<20, slow)
	if s.Cuts[pace.SlowDown] != 1 || math.Abs(s.Rate-32<<20) > 1<<20 {
		t.Errorf("%+v after five seconds, want half of 64 MiB/s", s)
	}
	if s, _ = hold(c, now, 1, 64<<20, slow); s.Cuts[pace.SlowDown] != 2 {
		t.Errorf("%d cuts after a second round trip", s.Cuts[pace.SlowDown])
	}
}

func TestABacklogThatDrainsIsNotCutFor(t *testing.T) {
	for _, c := range []struct {
		name string
		less float64 // at each look
		cuts int64
	}{{"it drains", 200, 1}, {"it hardly does", 1, 5}} {
		control, now := pace.New(careful()), time.Unix(0, 0)
		var s pace.State
		for i := range 14 {
			now = now.Add(2 * time.Second)
			s = control.Step(now, pace.Input{Spent: 1 << 40, Held: true, Signals: []pace.Signal{
				{Kind: pace.Lag, Object: "g", Value: 3000 - c.less*float64(i), Limit: 100, At: now}}})
		}
		if s.Cuts[pace.Lag] != c.cuts || !s.Now {
			t.Errorf("%s: %+v, want %d cuts and the reason still there", c.name, s, c.cuts)
		}
	}
}

func TestNobodyIsBoundedBeforeSomebodySuffers(t *testing.T) {
	c := pace.New(pace.DefaultConfig())
	s, now := hold(c, time.Unix(0, 0), 60, 1<<40)
	if s.Bounded() {
		t.Fatalf("bounded to %.0f", s.Rate)
	}
	s, now = hold(c, now, 1, 10<<20, pace.Signal{Kind: pace.Throttled, Value: 1})
	if !s.Bounded() || s.Why.Kind != pace.Throttled {
		t.Fatalf("not bounded: %+v", s)
	}
	if s, _ = hold(c, now, 300, 1<<20); s.Bounded() || s.Why.Kind != pace.None {
		t.Errorf("bounded after minutes in which nobody suffered or waited: %+v", s)
	}
}

func TestItDoesNotRiseWhileNobodyWaitsOrSomethingCanNotBeSeen(t *testing.T) {
	for name, in := range map[string]pace.Input{
		"nobody waits": {Spent: 1000},
		"unseen":       {Spent: 1 << 20, Held: true, Signals: []pace.Signal{{Kind: pace.Lag, Object: "g", Unseen: "denied"}}},
	} {
		c := pace.New(careful())
		now := time.Unix(0, 0)
		was := c.Rate()
		for range 1000 {
			now = now.Add(time.Second)
			if s := c.Step(now, in); s.Rate > was {
				t.Fatalf("%s: rose to %.0f", name, s.Rate)
			}
		}
	}
}

func TestAPauseBeginsAnew(t *testing.T) {
	c := pace.New(careful())
	s, now := hold(c, time.Unix(0, 0), 100, 1<<40)
	if s.Rate < 100<<20 {
		t.Fatalf("only %.0f after 100 s without a signal", s.Rate)
	}
	now = now.Add(time.Minute)
	if s, now = hold(c, now, 1, 1<<40); s.Rate > 2<<20 {
		t.Errorf("%.0f a second after a pause", s.Rate)
	}
	if s, _ = hold(c, now, 60, 1<<40); s.Rate < 100<<20 {
		t.Errorf("%.0f a second a minute after the pause", s.Rate)
	}
}
