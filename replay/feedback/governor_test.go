package feedback_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/fsm"
	"backstitch/replay/feedback"
	"backstitch/replay/pace"
	"backstitch/replay/record"
	"backstitch/replay/throttle"
)

// world is a job that writes as fast as it may, and a group that reads so many records of 1 KiB a second of what it writes.
type world struct {
	t        *testing.T
	meter    *throttle.Meter
	governor *feedback.Governor
	stop     func()

	mu      sync.Mutex
	reads   int   // a second
	lag     int   // of the group
	fails   error // of a look
	looked  int
	written int
	asked   int // of written, at the look before
	took    func(bytesPerSecond float64) time.Duration
	beside  *world       // which writes to the same broker
	rate    atomic.Int64 // bytes a second before the last look
}

func newWorld(t *testing.T, rules feedback.Rules, group bool) *world {
	w := &world{t: t, meter: throttle.NewQuota(time.Now).Meter([]fsm.Scope{fsm.ScopeCluster}), reads: 4 << 10}
	w.governor = feedback.New(w.meter, feedback.NewLooks(time.Now), time.Now)
	ctx, cancel := context.WithCancel(t.Context())
	var look *feedback.Look
	if group {
		look = &feedback.Look{Key: "k", Do: w.look}
	}
	var all sync.WaitGroup
	all.Go(func() { w.governor.Run(ctx, rules, look) })
	all.Go(func() { w.write(ctx) })
	w.stop = func() {
		cancel()
		all.Wait()
	}
	return w
}

func (w *world) look(context.Context, func() time.Time) feedback.Reading {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looked++
	if w.took != nil {
		rate := float64(w.written-w.asked) * 1024 / feedback.LookEvery.Seconds()
		w.asked = w.written
		w.rate.Store(int64(rate))
		if w.beside != nil {
			rate += float64(w.beside.rate.Load())
		}
		n := w.took(rate)
		return feedback.Reading{Took: map[string]feedback.Measure{"1": {N: int64(n), Err: w.fails}}}
	}
	return feedback.Reading{Lags: map[string]feedback.Measure{"billing": {N: int64(w.lag), Err: w.fails}}}
}

// write is two lanes, and the group that reads.
func (w *world) write(ctx context.Context) {
	lanes := []*throttle.Lane{w.meter.Lane(), w.meter.Lane()}
	defer lanes[0].Close()
	defer lanes[1].Close()
	rs := make([]record.Record, 1<<10)
	for i := range rs {
		rs[i].Value = make([]byte, 1<<10)
	}
	for ctx.Err() == nil {
		for _, l := range lanes {
			n, _ := l.Take(rs)
			w.mu.Lock()
			w.lag += n
			w.written += n
			w.mu.Unlock()
		}
		time.Sleep(50 * time.Millisecond)
		w.mu.Lock()
		w.lag -= min(w.lag, w.reads/20)
		w.mu.Unlock()
	}
}

func (w *world) state() feedback.State {
	w.t.Helper()
	s, on := w.governor.State()
	if !on {
		w.t.Error("the governor does not run")
	}
	return s
}

func (w *world) all() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return int64(w.written)
}

// over is how many records a second were written in d.
func (w *world) over(d time.Duration) int {
	w.mu.Lock()
	before := w.written
	w.mu.Unlock()
	time.Sleep(d)
	w.mu.Lock()
	defer w.mu.Unlock()
	return int(float64(w.written-before) / d.Seconds())
}

func TestTheRateFollowsTheLagOfAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, feedback.Rules{MaxLagIncrease: 10_000}, true)
		defer w.stop()
		time.Sleep(3 * time.Minute) // it has found what the group can take, 4 MiB/s
		if n := w.over(time.Minute); n < 2<<10 || n > 6<<10 {
			t.Errorf("%d records a second beside a group that reads 4,096", n)
		}
		w.mu.Lock()
		w.reads = 0 // the group stands still
		w.mu.Unlock()
		time.Sleep(30 * time.Second)
		if n := w.over(10 * time.Second); n > 300 {
			t.Errorf("%d records a second half a minute after the group stopped, want the floor of 256", n)
		}
		s := w.state()
		if text := s.Text(); !s.AtFloor || !strings.Contains(text, "lag of group billing grew by ") || !strings.Contains(text, "(limit 10,000)") || !strings.Contains(text, "the least") {
			t.Errorf("it says %q: %+v", text, s.State)
		}
		w.mu.Lock()
		w.reads = 16 << 10
		w.mu.Unlock()
		time.Sleep(time.Minute)
		if s := w.state(); s.Now || !strings.Contains(s.Text(), "that is over") {
			t.Errorf("a minute after the group reads again: %q", s.Text())
		}
		if n := w.over(2 * time.Minute); n < 2<<10 {
			t.Errorf("%d records a second after the group has caught up", n)
		}
		if limit := int(time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))/feedback.LookEvery) + 2; w.looked > limit || w.looked < 100 {
			t.Errorf("%d looks, want one in two seconds, that is at most %d", w.looked, limit)
		}
	})
}

func TestWhatAGroupLaggedBeforeIsNobodysFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, feedback.Rules{MaxLagIncrease: 10_000}, true)
		defer w.stop()
		w.mu.Lock()
		w.lag, w.reads = 1<<30, 1<<20
		w.mu.Unlock()
		time.Sleep(time.Minute)
		if s := w.state(); len(s.Cuts) != 0 {
			t.Errorf("cuts for a lag that was there before, and shrinks: %+v", s.State)
		}
	})
}

func TestAGroupThatCanNotBeSeenHoldsTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, feedback.Rules{MaxLagIncrease: 10_000}, true)
		defer w.stop()
		w.mu.Lock()
		w.fails = errors.New("not authorized")
		w.mu.Unlock()
		time.Sleep(time.Second)
		was := w.state().Rate
		time.Sleep(5 * time.Minute)
		if s := w.state(); s.Rate > was*1.2 || !strings.Contains(s.Text(), "lag of group billing can not be seen, so the rate does not rise: not authorized") {
			t.Errorf("%.0f after %.0f: %q", s.Rate, was, s.Text())
		}
	})
}

// Whoever looks at nobody is not bounded until its target complains.
func TestAnswersOfAStoreLowerTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, feedback.Rules{}, false)
		defer w.stop()
		time.Sleep(10 * time.Second)
		s := w.state()
		if before := w.over(10 * time.Second); s.Bounded() || before < 30<<10 {
			t.Fatalf("bounded before anybody complained, at %d a second: %+v", before, s.State)
		}
		w.meter.Answered(200)
		w.meter.Answered(404)
		time.Sleep(time.Second)
		if s = w.state(); s.Bounded() {
			t.Fatalf("bounded by answers that say nothing: %+v", s.State)
		}
		w.meter.Answered(503)
		w.meter.Answered(429)
		time.Sleep(time.Second)
		if s = w.state(); s.Cuts[pace.SlowDown] != 1 || s.Why.Value != 2 || s.Rate > 25<<20 || s.Rate < 15<<20 {
			t.Errorf("after two refusals, want half of 40 MiB/s: %+v", s.State)
		}
		if n := w.over(time.Second); n > 27<<10 {
			t.Errorf("%d records a second, held to %.0f bytes", n, s.Rate)
		}
		time.Sleep(2 * time.Minute)
		if n := w.over(10 * time.Second); n < 30<<10 {
			t.Errorf("%d records a second two minutes after the store has complained", n)
		}
	})
}

func TestOffIsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, feedback.Rules{Off: true}, true)
		defer w.stop()
		w.meter.Answered(503)
		time.Sleep(time.Minute)
		if _, on := w.governor.State(); on || w.looked > 0 {
			t.Errorf("runs: %t, looks: %d", on, w.looked)
		}
		if n := w.over(10 * time.Second); n < 30<<10 {
			t.Errorf("%d records a second", n)
		}
	})
}

func TestJobsShareALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks, n := feedback.NewLooks(time.Now), 0
		look := func(key string) *feedback.Look {
			return &feedback.Look{Key: key, Do: func(context.Context, func() time.Time) feedback.Reading {
				n++
				time.Sleep(100 * time.Millisecond)
				return feedback.Reading{Lags: map[string]feedback.Measure{"g": {N: int64(n)}}}
			}}
		}
		var group sync.WaitGroup
		for range 10 {
			group.Go(func() { looks.See(t.Context(), look("a")) })
		}
		group.Wait()
		if n != 1 {
			t.Errorf("%d looks of ten jobs at once", n)
		}
		time.Sleep(feedback.LookEvery)
		if r := looks.See(t.Context(), look("a")); n != 2 || r.Lags["g"].N != 2 {
			t.Errorf("%d looks, and it saw %+v", n, r)
		}
		if looks.See(t.Context(), look("b")); n != 3 {
			t.Errorf("%d looks: another group is another look", n)
		}
	})
}

// hurried answers in calm, and in half a millisecond more for each MiB/s above four.
func hurried(calm time.Duration) func(float64) time.Duration {
	return func(rate float64) time.Duration {
		return calm + time.Duration(max(0, rate/(1<<20)-4)*float64(500*time.Microsecond))
	}
}

func TestBrokersAnswerAsUsual(t *testing.T) {
	for _, calm := range []time.Duration{300 * time.Microsecond, 5 * time.Millisecond, 100 * time.Millisecond} { // idle, busy, far away
		synctest.Test(t, func(t *testing.T) {
			afterARest()
			w := newWorld(t, feedback.Rules{}, true)
			defer w.stop()
			w.mu.Lock()
			w.took = hurried(calm)
			w.mu.Unlock()
			time.Sleep(3 * time.Second)
			if s := w.state(); s.Rate > 1.2*(1<<20) || !strings.Contains(s.Text(), "how busy broker 1 is can not be seen") {
				t.Errorf("%s: after two looks it writes %.0f a second: %q", calm, s.Rate, s.Text())
			}
			time.Sleep(5 * time.Minute)
			// What is as usual is a quarter more, and a quarter of a millisecond.
			most := 4 + (calm/4+250*time.Microsecond).Seconds()/0.0005
			if n := float64(w.over(3*time.Minute)) / 1024; n < 0.45*min(most, 40) || n > 1.1*most {
				t.Errorf("%s: %.1f MiB/s beside a broker that answers as usual up to %.1f", calm, n, most)
			}
		})
	}
}

// Who begins while others write at full speed takes that for usual until all rest, and no longer.
func TestWhoComesLateIsNoWorse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := newWorld(t, feedback.Rules{}, true)
		defer first.stop()
		first.mu.Lock()
		first.took = hurried(2 * time.Millisecond)
		first.mu.Unlock()
		time.Sleep(4*time.Minute + 30*time.Second)
		late := newWorld(t, feedback.Rules{}, true)
		defer late.stop()
		late.mu.Lock()
		loud, alone := time.Now().Add(time.Minute), hurried(2*time.Millisecond) // more of them than there will be later
		late.beside, late.took = first, func(rate float64) time.Duration {
			if time.Now().Before(loud) {
				return 10 * time.Millisecond
			}
			return alone(rate)
		}
		late.mu.Unlock()
		first.mu.Lock()
		first.beside = late
		first.mu.Unlock()
		time.Sleep(30 * time.Minute)
		const span = 9 * time.Minute
		from := [2]int64{first.all(), late.all()}
		time.Sleep(span)
		var n [2]float64
		for i, w := range []*world{first, late} {
			n[i] = float64(w.all()-from[i]) / 1024 / span.Seconds()
		}
		// It answers as usual up to 5.5 MiB/s.
		if sum := n[0] + n[1]; sum < 0.5*5.5 || sum > 1.15*5.5 || n[0] < 0.5*n[1] || n[1] < 0.5*n[0] {
			t.Errorf("%.1f and %.1f MiB/s beside a broker that answers as usual up to 5.5", n[0], n[1])
		}
	})
}

// afterARest waits until the next rest is over.
func afterARest() {
	now := time.Now()
	time.Sleep(now.Truncate(feedback.RestEvery).Add(feedback.RestEvery + feedback.RestFor).Sub(now))
}

func TestARestIsSaidAndKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		afterARest()
		w := newWorld(t, feedback.Rules{}, true)
		defer w.stop()
		w.mu.Lock()
		w.took = hurried(time.Millisecond)
		w.mu.Unlock()
		time.Sleep(feedback.RestEvery - feedback.RestFor - time.Second)
		if s := w.state(); s.Rest || s.Rate < 2<<20 {
			t.Errorf("before a rest: %.0f: %q", s.Rate, s.Text())
		}
		time.Sleep(2 * time.Second)
		if n, s := w.over(feedback.RestFor-2*time.Second), w.state(); !s.Rest || s.Rate != feedback.DefaultFloor || n > 300 || !strings.Contains(s.Text(), "it rests for a moment") {
			t.Errorf("in a rest: %d records a second, %.0f: %q", n, s.Rate, s.Text())
		}
		time.Sleep(2 * time.Second)
		if s := w.state(); s.Rest || s.Rate < 2<<20 || s.Rate > 8<<20 {
			t.Errorf("after a rest: %.0f: %q", s.Rate, s.Text())
		}
	})
}

// What others do is not the job's fault for ever: what the broker takes while it rests is usual.
func TestABrokerThatIsBusyWithOthersIsSparedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, feedback.Rules{}, true)
		defer w.stop()
		w.mu.Lock()
		w.took = hurried(time.Millisecond)
		w.mu.Unlock()
		time.Sleep(2 * time.Minute)
		w.mu.Lock()
		w.took = hurried(20 * time.Millisecond)
		w.mu.Unlock()
		time.Sleep(20 * time.Second)
		s := w.state()
		if n := w.over(5 * time.Second); n > 600 || s.Cuts[pace.Busy] == 0 || !strings.Contains(s.Text(), "broker 1 takes 20ms to answer, where 1.5ms is as usual while the job rests") {
			t.Errorf("%d records a second beside a broker that is busy with others: %q", n, s.Text())
		}
		time.Sleep(3 * time.Minute)
		if n := w.over(time.Minute); n < 4<<10 {
			t.Errorf("%d records a second three minutes later, want what is harmless there, 4,096 and more", n)
		}
	})
}

func TestABrokerThatCanNotBeAskedHoldsTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, feedback.Rules{}, true)
		defer w.stop()
		w.mu.Lock()
		w.took, w.fails = hurried(time.Millisecond), errors.New("not authorized")
		w.mu.Unlock()
		time.Sleep(5 * time.Minute)
		if s := w.state(); s.Rate > 1.2*(1<<20) || !strings.Contains(s.Text(), "how busy broker 1 is can not be seen, so the rate does not rise: not authorized") {
			t.Errorf("%.0f: %q", s.Rate, s.Text())
		}
	})
}
