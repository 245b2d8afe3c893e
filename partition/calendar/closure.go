package calendar

import (
	"fmt"
	"time"

	"backstitch/partition"
	"backstitch/partition/due"
)

// Closure is a blackout that is none of the calendar's own: whoever works on something closes it for everybody. It comes again, or is there once.
type Closure struct {
	Name     string
	Zone     string // IANA name of the zone that Cron is in
	Cron     string // when it begins, "" of one that is there once
	From     time.Time
	Duration time.Duration
}

// Close returns the calendar with closures as blackouts beside its own, each in its own zone. What is wrong with one is an *Error whose List is its name.
func (c *Calendar) Close(closures []Closure) (*Calendar, error) {
	out := *c
	out.blackouts = append([]window(nil), c.blackouts...)
	for _, cl := range closures {
		w, err := cl.read()
		if err != nil {
			return nil, err
		}
		out.blackouts = append(out.blackouts, w)
	}
	return &out, nil
}

// read is a closure as a window.
func (c Closure) read() (window, error) {
	fail := func(field, why string) (window, error) {
		return window{}, &Error{List: c.Name, Index: -1, Field: field, Why: why}
	}
	zone, err := Zone(c.Zone)
	if err != nil {
		return fail("timezone", fmt.Sprintf("there is no time zone %q", c.Zone))
	}
	w := window{span: c.Duration, zone: zone, name: c.Name}
	switch {
	case c.Duration < MinDuration || c.Duration > MaxDuration:
		return fail("duration", fmt.Sprintf("a window of %s, want %s to 366 days", c.Duration, MinDuration))
	case (c.Cron == "") == c.From.IsZero():
		return fail("cron", "want either a cron line, or a time at which it begins once")
	case c.Cron == "":
		w.once = c.From
	default:
		if w.line, err = due.ParseLine(c.Cron); err != nil {
			return fail("cron", err.Error())
		}
	}
	return w, nil
}

// CheckClosure refuses a closure that nobody can have meant, as seen from now: one that can not be read, that is over, that never begins or never ends, and one that
// meets another of its kind, so that the one who set it does not know when it begins or ends. Of that the second result is the name.
func CheckClosure(c Closure, others []Closure, now time.Time) (meets string, err error) {
	w, err := c.read()
	if err != nil {
		return "", err
	}
	fail := func(field, why string) (string, error) {
		return "", &Error{List: c.Name, Index: -1, Field: field, Why: why}
	}
	start := w.next(now)
	until, open := w.open(now)
	switch {
	case !w.once.IsZero() && !w.once.Add(w.span).After(now):
		return fail("from", fmt.Sprintf("it is over since %s", Moment(w.once.Add(w.span), w.zone)))
	case start.IsZero() && !open:
		return fail("cron", "it begins at no time within 400 days")
	case w.once.IsZero() && !start.IsZero() && w.endless(start), open && !until.Before(now.Add(Horizon)):
		return fail("duration", "it begins again before it ends, so that nothing would ever run")
	}
	for _, o := range others {
		other, err := o.read()
		if err != nil {
			continue // another program has read it; what it means is not known here
		}
		_, both := other.open(now)
		at, meet := now, both && open
		if !meet {
			at, meet = overlap(&w, &other, now)
		}
		if meet {
			return o.Name, &Error{List: c.Name, Index: -1, Why: fmt.Sprintf("it meets window %s at %s, which concerns the same", o.Name, Moment(at, w.zone))}
		}
	}
	return "", nil
}

// Closed is the calendar with no windows of its own and those closures.
func Closed(closures []Closure) (*Calendar, error) {
	none, err := New(partition.Calendar{Zone: "UTC"})
	if err != nil {
		return nil, err
	}
	return none.Close(closures)
}
