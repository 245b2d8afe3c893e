package baseline

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// begin is a Thursday.
const begin = 2922 * hoursOfWeek

// usual is a count with seasons of the day and of the week, and a little noise.
func usual(r *rand.Rand, h int) float64 {
	mean := 1000 * (1 + 0.5*math.Sin(2*math.Pi*float64(h)/hoursOfDay))
	if d := h % hoursOfWeek / hoursOfDay; d == 2 || d == 3 {
		mean *= 0.5
	}
	return math.Round(mean * (1 + 0.03*r.NormFloat64()))
}

func observe(t *testing.T, s *Series, h int, count float64) Judgement {
	t.Helper()
	j, err := s.Observe(Observation{Hour: int64(begin + h), Count: count})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestAnOutageDoesNotBecomeUsual(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	s := New(Counts)
	const from, to, end = 5 * hoursOfWeek, 5*hoursOfWeek + 5*hoursOfDay, 8 * hoursOfWeek
	var expected [end]float64
	for h := range end {
		count := usual(r, h)
		if h >= from && h < to {
			count = math.Round(count / 2)
		}
		j := observe(t, s, h, count)
		expected[h] = j.Expected
		want := Usual
		switch {
		case h < WarmHours:
			want = Learning
		case h >= from && h < from+5, h >= to && h < to+calm:
			continue // evidence adds up, and wears off
		case h >= from && h < to:
			want = Low
		}
		if j.State != want {
			t.Fatalf("hour %d: got %s, want %s: %s", h-from, j.State, want, j.Text("records"))
		}
		if want == Low && j.SinceHour != begin+from {
			t.Fatalf("hour %d: since %d, want the first hour of the outage, %d", h-from, j.SinceHour-begin, from)
		}
	}
	var before, after float64
	for h := to; h < to+hoursOfDay; h++ {
		before, after = before+expected[h-hoursOfWeek], after+expected[h]
	}
	if math.Abs(after/before-1) > 0.015 {
		t.Errorf("expected %.0f on the day after the outage, and %.0f a week before", after, before)
	}
}

func TestAQuietTopicIsNoAlarm(t *testing.T) {
	alarms := 0
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 3))
		s := New(Counts)
		was := Usual
		for h := range 10 * hoursOfWeek {
			count := 0.0
			for range 20 { // in the mean 0.8, or 0.3 after weeks of nothing
				if seed%2 == 0 && r.Float64() < 0.04 || seed%2 == 1 && h > WarmHours && r.Float64() < 0.015 {
					count++
				}
			}
			j := observe(t, s, h, count)
			if j.State != was && (j.State == Low || j.State == High) {
				alarms++
			}
			was = j.State
		}
	}
	if alarms > 2 {
		t.Errorf("got %d alarms in 160 weeks of few records, want 2 at most", alarms)
	}
}

func TestNoSingleHourIsAnAlarm(t *testing.T) {
	for _, count := range []float64{0, 1e6} {
		r := rand.New(rand.NewPCG(4, 5))
		s := New(Counts)
		for h := range 4 * hoursOfWeek {
			x := usual(r, h)
			if h == 3*hoursOfWeek {
				x = count
			}
			if j := observe(t, s, h, x); j.State == Low || j.State == High {
				t.Errorf("an hour of %.0f: %s after %d hours", count, j.State, h-3*hoursOfWeek)
			}
		}
	}
}

func TestANewLevelIsTakenOver(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 7))
	s := New(Counts)
	relearned := 0
	for h := range 8 * hoursOfWeek {
		x := usual(r, h)
		if h >= 4*hoursOfWeek {
			x = math.Round(0.4 * x)
		}
		j := observe(t, s, h, x)
		if j.Relearned {
			if relearned++; h < 5*hoursOfWeek || h > 5*hoursOfWeek+5 {
				t.Errorf("taken over in hour %d of the alarm", h-4*hoursOfWeek)
			}
		}
		if h > 5*hoursOfWeek+5 && j.State != Usual {
			t.Fatalf("hour %d after the change: %s, %s", h-4*hoursOfWeek, j.State, j.Text("records"))
		}
	}
	if relearned != 1 {
		t.Errorf("taken over %d times, want once", relearned)
	}
}

func TestHoursThatNobodySawAreNotZero(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	s := New(Counts)
	for h := range 6 * hoursOfWeek {
		x := usual(r, h)
		if h >= 4*hoursOfWeek && h < 4*hoursOfWeek+4*hoursOfDay {
			continue
		}
		if j := observe(t, s, h, x); j.State == Low || j.State == High {
			t.Fatalf("hour %d: %s, %s", h, j.State, j.Text("records"))
		}
	}
}

func TestSharesThatRise(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 11))
	s := New(Shares)
	first := 0
	for h := range 4 * hoursOfWeek {
		all := usual(r, h)
		share := 0.02
		if h >= 3*hoursOfWeek {
			share = 0.08
		}
		j, err := s.Observe(Observation{Hour: int64(begin + h), Count: math.Round(all * share), Of: all})
		if err != nil {
			t.Fatal(err)
		}
		if j.State == High && first == 0 {
			first = h
		}
		if j.State == Low {
			t.Fatalf("hour %d: low, %s", h, j.Text("nulls"))
		}
	}
	if first < 3*hoursOfWeek || first > 3*hoursOfWeek+6 {
		t.Errorf("first alarm in hour %d, want it within 6 of %d", first, 3*hoursOfWeek)
	}
}

func TestHoursAscend(t *testing.T) {
	s := New(Counts)
	observe(t, s, 5, 1)
	for _, h := range []int64{begin + 5, begin + 4} {
		if _, err := s.Observe(Observation{Hour: h}); !errors.Is(err, ErrOrder) {
			t.Errorf("hour %d after %d: got %v", h, begin+5, err)
		}
	}
}

func TestTextExplains(t *testing.T) {
	j := Judgement{Hour: begin + 24 + 3, Count: 30120, From: 41234, To: 52499, Weeks: 6}
	const want = "expected 41,200 to 52,500 records for Fridays 03:00 to 04:00 UTC (6 weeks), saw 30,120"
	if got := j.Text("records"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := (Judgement{From: 0, To: 7.4, Weeks: 1}).Text("records"); !strings.Contains(got, "expected 0 to 7 records") || !strings.Contains(got, "(1 week)") {
		t.Errorf("got %s", got)
	}
}
