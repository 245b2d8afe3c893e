package calendar

import (
	"fmt"
	"slices"
	"time"

	"backstitch/partition"
	"backstitch/partition/due"
)

// Lists of a calendar, as a spec calls them.
const (
	Peaks     = "peakHours"
	Blackouts = "blackout"
)

// Limits of a calendar.
const (
	MinDuration = time.Minute
	MaxDuration = 366 * 24 * time.Hour
	MaxWindows  = 32 // of each list
)

// Error says what is wrong with a calendar, and where.
type Error struct {
	List  string // Peaks, Blackouts or "timezone"
	Index int    // of the window, -1 for the whole list
	Field string // "cron", "duration", "throttle", "" for the window
	Why   string
}

// Error names the place as a spec does.
func (e *Error) Error() string {
	at := e.List
	if e.Index >= 0 {
		at = fmt.Sprintf("%s.%d", at, e.Index)
	}
	if e.Field != "" {
		at += "." + e.Field
	}
	return at + ": " + e.Why
}

// read is the windows of one list.
func read(ws []partition.Window, list string, zone *time.Location) ([]window, error) {
	if len(ws) > MaxWindows {
		return nil, &Error{List: list, Index: -1, Why: fmt.Sprintf("%d windows, at most %d are allowed", len(ws), MaxWindows)}
	}
	var out []window
	for i, w := range ws {
		fail := func(field, why string) ([]window, error) {
			return nil, &Error{List: list, Index: i, Field: field, Why: why}
		}
		line, err := due.ParseLine(w.Cron)
		switch {
		case err != nil:
			return fail("cron", err.Error())
		case w.Duration < MinDuration || w.Duration > MaxDuration:
			return fail("duration", fmt.Sprintf("a window of %s, want %s to 366 days", w.Duration, MinDuration))
		case w.Rate.Negative():
			return fail("throttle", "a negative limit")
		case list == Peaks && w.Rate.Unlimited():
			return fail("throttle", "peak hours without a limit change nothing")
		case list == Blackouts && !w.Rate.Unlimited():
			return fail("throttle", "nothing runs in a blackout, so there is nothing to limit")
		}
		out = append(out, window{line: line, span: w.Duration, rate: w.Rate, zone: zone})
	}
	return out, nil
}

// Check is New, and refuses besides what a person can not have meant, as seen from now: a window twice, blackouts that never end, peak hours that
// never end, and peak hours that overlap and name different limits.
func Check(c partition.Calendar, now time.Time) (*Calendar, error) {
	out, err := New(c)
	if err != nil {
		return nil, err
	}
	if err := twice(Peaks, c.Peaks); err != nil {
		return nil, err
	}
	if err := twice(Blackouts, c.Blackouts); err != nil {
		return nil, err
	}
	for i := range out.peaks {
		w := &out.peaks[i]
		if start := w.next(now); !start.IsZero() && w.endless(start) {
			return nil, &Error{List: Peaks, Index: i, Field: "duration", Why: "these peak hours begin again before they end, so there is no other time"}
		}
		for k := range i {
			if out.peaks[k].rate != w.rate {
				if at, meet := overlap(w, &out.peaks[k], now); meet {
					return nil, &Error{List: Peaks, Index: i, Field: "throttle",
						Why: fmt.Sprintf("it overlaps with %s.%d at %s, which has another limit", Peaks, k, Moment(at, out.zone))}
				}
			}
		}
	}
	for i := range out.blackouts {
		w := &out.blackouts[i]
		if start := w.next(now); !start.IsZero() && !union(out.blackouts, start.Add(w.span), start.Add(Horizon)).Before(start.Add(Horizon)) {
			return nil, &Error{List: Blackouts, Index: i, Field: "duration", Why: "a blackout that never ends: the job would never run"}
		}
	}
	return out, nil
}

// twice refuses a window that is there before in its list.
func twice(list string, ws []partition.Window) error {
	for i, w := range ws {
		if k := slices.Index(ws[:i], w); k >= 0 {
			return &Error{List: list, Index: i, Why: fmt.Sprintf("the same window as %s.%d", list, k)}
		}
	}
	return nil
}

// endless reports whether the window that begins at start does not end within Horizon.
func (w *window) endless(start time.Time) bool {
	until, open := w.open(start)
	return open && !until.Before(start.Add(Horizon))
}

// overlap finds a moment at which both are open, among the next starts of each.
func overlap(a, b *window, now time.Time) (time.Time, bool) {
	for range 2 {
		t := now
		for range 64 {
			start := a.next(t)
			if start.IsZero() {
				break
			}
			if _, open := b.open(start); open {
				return start, true
			}
			t = start
		}
		a, b = b, a
	}
	return time.Time{}, false
}

// Moment is t for people: "02:00 Europe/Berlin (00:00Z)", with the day where it is not that of UTC's now.
func Moment(t time.Time, zone *time.Location) string {
	if zone == time.UTC || zone.String() == "UTC" {
		return t.UTC().Format("2006-01-02 15:04") + "Z"
	}
	return fmt.Sprintf("%s %s (%sZ)", t.In(zone).Format("2006-01-02 15:04"), zone, t.UTC().Format("15:04"))
}
