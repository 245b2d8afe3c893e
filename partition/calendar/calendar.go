// Package calendar says which windows of a partition.Calendar are open at a time, and until when. It is pure but for the zones, which it
// reads where the system has them, and brings along where not.
//
// Invariants:
//   - A window is half-open: it is open at its start and not at its end. Windows that touch or overlap are one.
//   - Cron lines are in wall clock time of the calendar's zone, and durations are elapsed time: two hours are two hours, also in the
//     night in which clocks go.
//   - A start that the zone skips (02:30 where 02:00 is followed by 03:00) is at the moment after the gap. One that is there twice is at both. Both
//     err on the side of what a window protects: there is never less of it than its words say.
//   - State.Until is the first moment at which anything may differ, so that whoever keeps a State until then is never wrong.
//
// What is not here: who acts on it (cluster/leader, cluster), what a cron line is (partition/due).
//
// Reading order: calendar.go, window.go, closure.go, check.go, memo.go.
package calendar

import (
	"fmt"
	"time"
	_ "time/tzdata" // images without zones have these

	"backstitch/partition"
)

// Calendar is one that was read. It is safe for concurrent use.
type Calendar struct {
	zone      *time.Location
	peaks     []window
	blackouts []window
}

// State is what a calendar says of a stretch of time.
type State struct {
	From, Until time.Time // the stretch that it is true of, half-open; Until is far away where nothing will change
	// Blackout is when the blackout ends that is on, zero where none is.
	Blackout time.Time
	// Peak is when the peak hours end that are on, zero where none are. Rate is the smallest of theirs.
	Peak time.Time
	Rate partition.Rate
	// Next is when the next blackout or peak hours begin, zero where none do within Horizon.
	Next time.Time
	// NextIsBlackout says which of the two it is. A blackout goes first.
	NextIsBlackout bool
	// Closure is the name of the closure that is on, of several the one that ends last; "" where an own blackout lasts as long. NextClosure is that of Next.
	Closure, NextClosure string
}

// Horizon is how far this package looks: a window that is open for longer counts as always open, and one that does not begin within it as
// one that does not begin.
const Horizon = 400 * 24 * time.Hour

// New reads c. What is wrong with it is an *Error.
func New(c partition.Calendar) (*Calendar, error) {
	out := &Calendar{}
	var err error
	if out.zone, err = Zone(c.Zone); err != nil {
		return nil, err
	}
	if out.peaks, err = read(c.Peaks, Peaks, out.zone); err != nil {
		return nil, err
	}
	if out.blackouts, err = read(c.Blackouts, Blackouts, out.zone); err != nil {
		return nil, err
	}
	return out, nil
}

// Zone is the zone of an IANA name. That of the machine is none: each node may have another.
func Zone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, &Error{List: "timezone", Index: -1, Why: fmt.Sprintf("%q is no time zone", name)}
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, &Error{List: "timezone", Index: -1, Why: fmt.Sprintf("there is no time zone %q", name)}
	}
	return zone, nil
}

// Zone is that of the calendar.
func (c *Calendar) Zone() *time.Location { return c.zone }

// At says what holds at t.
func (c *Calendar) At(t time.Time) State {
	s := State{From: t, Until: t.Add(Horizon)}
	var own, closed time.Time
	look := func(ws []window, end *time.Time, blackout bool) {
		for i := range ws {
			w := &ws[i]
			if until, open := w.open(t); open {
				*end = later(*end, until)
				s.Until = earlier(s.Until, until)
				switch {
				case !blackout:
					s.Rate = smaller(s.Rate, w.rate)
				case w.name == "":
					own = later(own, until)
				case until.After(closed):
					closed, s.Closure = until, w.name
				}
			} else if next := w.next(t); !next.IsZero() {
				s.Until = earlier(s.Until, next)
				if s.Next.IsZero() || next.Before(s.Next) {
					s.Next, s.NextIsBlackout, s.NextClosure = next, blackout, w.name
				}
			}
		}
	}
	look(c.blackouts, &s.Blackout, true)
	look(c.peaks, &s.Peak, false)
	if !s.Blackout.IsZero() {
		// Another window may go on where this one ends.
		s.Blackout = union(c.blackouts, s.Blackout, t.Add(Horizon))
		if !own.Before(closed) {
			s.Closure = "" // the job's own blackout lasts as long
		}
	}
	return s
}

// union is when the last of windows closes that go on where the one before ends, from one that is open until end.
func union(ws []window, end, horizon time.Time) time.Time {
	for end.Before(horizon) {
		before := end
		for i := range ws {
			if until, open := ws[i].open(end); open {
				end = later(end, until)
			}
		}
		if end.Equal(before) {
			break
		}
	}
	return end
}

// Met is a window that a time meets.
type Met struct {
	From, To time.Time
	Blackout bool
	Closure  string         // that the blackout is of, "" for the calendar's own
	Rate     partition.Rate // of peak hours
}

// Meets lists what lies in [from, to), by its beginning, at most limit of them.
func (c *Calendar) Meets(from, to time.Time, limit int) []Met {
	var out []Met
	for t := from; t.Before(to) && len(out) < limit; {
		s := c.At(t)
		switch {
		case !s.Blackout.IsZero():
			out = append(out, Met{From: t, To: s.Blackout, Blackout: true, Closure: s.Closure})
			t = s.Blackout
			continue
		case !s.Peak.IsZero():
			if n := len(out); n > 0 && !out[n-1].Blackout && out[n-1].Rate == s.Rate && out[n-1].To.Equal(t) {
				out[n-1].To = s.Until
			} else {
				out = append(out, Met{From: t, To: s.Until, Rate: s.Rate})
			}
		}
		t = s.Until
	}
	return out
}

// Free is how much of [from, to) no blackout takes.
func (c *Calendar) Free(from, to time.Time) time.Duration {
	var free time.Duration
	for t := from; t.Before(to); {
		s := c.At(t)
		if !s.Blackout.IsZero() {
			t = s.Blackout
			continue
		}
		free += earlier(s.Until, to).Sub(t)
		t = s.Until
	}
	return free
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// smaller is what two rates allow together: of each unit the smaller one that is a limit.
func smaller(a, b partition.Rate) partition.Rate { return a.Within(b) }
