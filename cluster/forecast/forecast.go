// Package forecast says when a job will be done, from how fast it was, and how it stands with its deadline. It is pure: the caller brings progress, rates
// and the time.
//
// Invariants:
//   - A forecast is a range or nothing: below MinWindows measured stretches of time nothing is known, and says so.
//   - Stretches in which a blackout was on, or the job did not run, are no measurement.
//   - Missed and at risk are told by the clock alone where nothing was measured: at risk from Terms.AlertPercent of the time on.
//
// What is not here: who measures (cluster), who hears of it (metrics, cluster/admin), what a calendar means (partition/calendar).
//
// Reading order: forecast.go, rates.go.
package forecast

import (
	"fmt"
	"time"

	"backstitch/fsm"
	"backstitch/partition/calendar"
)

// State is how a job stands with its deadline.
type State uint8

// The states, the better ones first.
const (
	Met     State = iota // done in time, as completely as was asked for
	OnTrack              // even at the slow end it will be done in time
	Unknown              // too little was measured
	AtRisk               // at the slow end it will not, or AlertPercent of the time is over
	Missed               // the deadline has passed, or less is in the target than was asked for
)

// String is the word that the API uses.
func (s State) String() string {
	return [...]string{"met", "on-track", "unknown", "at-risk", "missed"}[s]
}

// Case is what a judgement depends on.
type Case struct {
	Now      time.Time
	Terms    fsm.Terms
	Calendar *calendar.Calendar // nil where it can not be read
	Job      fsm.Job
	Done     int64 // planned records that are in the target
	Gone     int64 // and that were set aside: they will not be
	// Low and High are records a second, at which the job worked in its slow and in its fast stretches; Measured is false where too little is known.
	Low, High float64
	Measured  bool
}

// Judgement is how a job stands.
type Judgement struct {
	State   State
	Why     string
	AlertAt time.Time
	// Earliest and Latest are when all will be written at High and at Low, blackouts counted in; zero where that is not known. The comparison comes
	// after that.
	Earliest, Latest time.Time
}

// Judge says how a job stands with its deadline.
func Judge(c Case) Judgement {
	x := c.Terms
	deadline := time.Unix(0, x.DeadlineUnixNanos)
	alert := time.Unix(0, x.DetectedUnixNanos+(x.DeadlineUnixNanos-x.DetectedUnixNanos)/100*int64(x.AlertPercent))
	out := Judgement{AlertAt: alert}
	state := func(s State, format string, args ...any) Judgement {
		out.State, out.Why = s, fmt.Sprintf(format, args...)
		return out
	}
	if most := c.Job.Records - c.Gone; c.Job.Records > 0 && below(most, c.Job.Records, x.CompletePPM) {
		return state(Missed, "%d of %d records were set aside, which is more than the goal allows", c.Gone, c.Job.Records)
	}
	if c.Job.State == fsm.JobSucceeded && c.Job.FinishedUnixNanos <= x.DeadlineUnixNanos {
		return state(Met, "proved %s before the deadline", short(time.Duration(x.DeadlineUnixNanos-c.Job.FinishedUnixNanos)))
	}
	if c.Job.State == fsm.JobSucceeded {
		return state(Missed, "proved %s after the deadline", short(time.Duration(c.Job.FinishedUnixNanos-x.DeadlineUnixNanos)))
	}
	if !c.Now.Before(deadline) {
		return state(Missed, "the deadline passed %s ago", short(c.Now.Sub(deadline)))
	}
	if c.Job.State == fsm.JobRunning && c.Measured && c.Calendar != nil && c.High > 0 {
		left := float64(c.Job.Records - c.Gone - c.Done)
		out.Earliest = after(c.Calendar, c.Now, left/c.High)
		if c.Low > 0 {
			out.Latest = after(c.Calendar, c.Now, left/c.Low)
		}
		switch {
		case out.Latest.IsZero():
			return state(AtRisk, "it stood still for a part of its last minutes")
		case out.Latest.After(deadline):
			return state(AtRisk, "at the slow end of its last minutes it is written %s after the deadline", short(out.Latest.Sub(deadline)))
		}
	}
	switch {
	case !c.Now.Before(alert):
		return state(AtRisk, "%d %% of the time are over", x.AlertPercent)
	case out.Latest.IsZero():
		return state(Unknown, "too little was measured to say more than that there are %s left", short(deadline.Sub(c.Now)))
	}
	return state(OnTrack, "at the slow end of its last minutes it is written %s before the deadline", short(deadline.Sub(out.Latest)))
}

// below reports whether n of all is less than so many millionths.
func below(n, all int64, millionths uint32) bool {
	return float64(n)*1e6 < float64(all)*float64(millionths)
}

// after is when so many seconds of work are over that begin at now, with the blackouts between.
func after(c *calendar.Calendar, now time.Time, seconds float64) time.Time {
	left := time.Duration(min(seconds, calendar.Horizon.Seconds()) * float64(time.Second))
	t := now
	for horizon := now.Add(calendar.Horizon); t.Before(horizon); {
		s := c.At(t)
		if !s.Blackout.IsZero() {
			t = s.Blackout
			continue
		}
		if end := t.Add(left); !end.After(s.Until) {
			return end
		}
		left -= s.Until.Sub(t)
		t = s.Until
	}
	return t
}

// short is a length of time that people can take in.
func short(d time.Duration) string {
	if d >= time.Minute {
		d = d.Truncate(time.Minute)
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return d.Truncate(time.Second).String()
}
