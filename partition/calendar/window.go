package calendar

import (
	"slices"
	"time"

	"backstitch/partition"
	"backstitch/partition/due"
)

// This file turns wall clock times into moments. The cron line is asked in a time without zone, and each of its answers is looked up in the zone,
// where it is there once, twice, or not at all. Asking the line in the zone itself would leave to the library what happens in the nights
// in which clocks go.

// window is one of a calendar.
type window struct {
	line due.Line
	span time.Duration
	rate partition.Rate
	zone *time.Location
	once time.Time // when it begins, of one that does not come again; then line is empty
	name string    // of a closure, "" of a window of the calendar itself
}

// slack is by how much a zone may set its clocks back, with room: what is later on the wall may be earlier by that much.
const slack = 4 * time.Hour

// wall is what the clock on a wall shows at t, as if it were UTC.
func wall(t time.Time, zone *time.Location) time.Time {
	_, offset := t.In(zone).Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// moments are those at which the clock on a wall shows w: two of a time that is there twice, the end of the gap of one that is skipped.
func moments(w time.Time, zone *time.Location) []time.Time {
	// Whichever offset holds at w is one that held a little before or after.
	var out []time.Time
	for _, around := range [...]time.Duration{-36 * time.Hour, -slack, 0, slack, 36 * time.Hour} {
		_, offset := w.Add(around).In(zone).Zone()
		t := w.Add(-time.Duration(offset) * time.Second)
		if wall(t, zone).Equal(w) && !slices.ContainsFunc(out, t.Equal) {
			out = append(out, t)
		}
	}
	if len(out) > 0 {
		slices.SortFunc(out, time.Time.Compare)
		return out
	}
	// Halve the time until only the jump is left between what shows less and what shows more.
	low, high := w.Add(-36*time.Hour).Unix(), w.Add(36*time.Hour).Unix()
	for high-low > 1 {
		if mid := low + (high-low)/2; wall(time.Unix(mid, 0), zone).Before(w) {
			low = mid
		} else {
			high = mid
		}
	}
	return []time.Time{time.Unix(high, 0).UTC()}
}

// last is the latest start in (from, t], zero when there is none.
func (w *window) last(from, t time.Time) (latest time.Time) {
	// Only the latest matters, so a short look back comes first.
	for back := 2 * time.Hour; ; back *= 16 {
		begin := later(from, t.Add(-back))
		if offset, steady := w.steady(begin, t); steady {
			for at := w.line.Next(begin.UTC().Add(offset)); !at.IsZero() && !at.Add(-offset).After(t); at = w.line.Next(at) {
				latest = at.Add(-offset)
			}
			if !latest.IsZero() || !begin.After(from) {
				return latest
			}
			continue
		}
		end := wall(t, w.zone).Add(slack)
		for at := w.line.Next(wall(begin, w.zone).Add(-slack)); !at.IsZero() && !at.After(end); at = w.line.Next(at) {
			for _, m := range moments(at, w.zone) {
				if m.After(begin) && !m.After(t) {
					latest = later(latest, m)
				}
			}
		}
		if !latest.IsZero() || !begin.After(from) {
			return latest
		}
	}
}

// steady reports whether the zone leaves its clocks alone in (from, t] and around it, and how far they are ahead. It spares most of the looking up.
func (w *window) steady(from, t time.Time) (offset time.Duration, ok bool) {
	if t.Sub(from) > 48*time.Hour {
		return 0, false // they may have been set forward and back again
	}
	_, before := from.Add(-slack).In(w.zone).Zone()
	_, after := t.Add(slack).In(w.zone).Zone()
	return time.Duration(before) * time.Second, before == after
}

// open says until when the window is open that is at t.
func (w *window) open(t time.Time) (until time.Time, open bool) {
	if !w.once.IsZero() {
		until = w.once.Add(w.span)
		return until, !t.Before(w.once) && t.Before(until)
	}
	start := w.last(t.Add(-w.span), t)
	if start.IsZero() {
		return time.Time{}, false
	}
	until = start.Add(w.span)
	// It begins anew before it ends, or just then. Steps are bounded, since there may be one a minute.
	for horizon, steps := t.Add(Horizon), 0; until.Before(horizon) && steps < maxSteps; steps++ {
		again := w.last(start, until)
		if again.IsZero() {
			return until, true
		}
		start, until = again, again.Add(w.span)
	}
	return t.Add(Horizon), true
}

// maxSteps bounds how often a window is followed that begins again before it ends: more than a month of one that does each minute.
const maxSteps = 50_000

// next is the first start after t, zero when there is none within Horizon.
func (w *window) next(t time.Time) (first time.Time) {
	if !w.once.IsZero() {
		if w.once.After(t) && !w.once.After(t.Add(Horizon)) {
			return w.once
		}
		return time.Time{}
	}
	limit := wall(t, w.zone).Add(Horizon)
	for at := w.line.Next(wall(t, w.zone).Add(-slack)); !at.IsZero() && !at.After(limit); at = w.line.Next(at) {
		for _, m := range moments(at, w.zone) {
			if m.After(t) && (first.IsZero() || m.Before(first)) {
				first = m
				limit = earlier(limit, at.Add(slack)) // a later wall may be an earlier moment, but not by more
			}
		}
	}
	return first
}
