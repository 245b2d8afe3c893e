package recovery

import (
	"fmt"
	"strings"
	"time"

	"backstitch/partition"
	"backstitch/partition/calendar"
	"backstitch/replay/gap"
	"backstitch/replay/spec"
)

// Terms are when a job may work, and until when it has to be done. The leader keeps them; a recipe has them so that they are a part of what was read and
// approved, and so that a program that does not know them does not run the job.
type Terms struct {
	Timezone        string   `json:"timezone,omitempty"`
	PeakHours       []Window `json:"peakHours,omitempty"`
	Blackout        []Window `json:"blackout,omitempty"`
	RecoverWithinMs int64    `json:"recoverWithinMs,omitempty"` // from the detection of the loss, 0 for no deadline
	AlertPercent    uint8    `json:"alertPercent,omitempty"`    // of that time
	CompletePPM     uint32   `json:"completePPM,omitempty"`     // millionths of the planned records
}

// Window is a time that comes again. A number of 0 is no limit.
type Window struct {
	Cron              string `json:"cron"`
	DurationMs        int64  `json:"durationMs"`
	BytesPerSecond    int64  `json:"bytesPerSecond,omitempty"`
	RecordsPerSecond  int64  `json:"recordsPerSecond,omitempty"`
	RequestsPerSecond int64  `json:"requestsPerSecond,omitempty"`
}

// TermsOf is nil where the spec, which has its defaults, has neither hours nor a deadline.
func TermsOf(s *spec.Spec) (*Terms, error) {
	cal, err := s.Schedule.Calendar()
	if err != nil {
		return nil, fmt.Errorf("spec.schedule: %w", err)
	}
	if cal.Empty() && s.SLA == nil {
		return nil, nil
	}
	out := &Terms{PeakHours: windows(cal.Peaks), Blackout: windows(cal.Blackouts)}
	if !cal.Empty() {
		out.Timezone = cal.Zone
	}
	if s.SLA == nil {
		return out, nil
	}
	within, err := s.SLA.RecoverWithin.Parse()
	if err != nil {
		return nil, err
	}
	if out.CompletePPM, err = s.SLA.Completeness.Millionths(); err != nil {
		return nil, err
	}
	alert, err := s.SLA.AlertAt.Millionths()
	if err != nil {
		return nil, err
	}
	out.RecoverWithinMs, out.AlertPercent = within.Milliseconds(), uint8(alert/10_000)
	return out, nil
}

func windows(ws []partition.Window) (out []Window) {
	for _, w := range ws {
		out = append(out, Window{
			Cron: w.Cron, DurationMs: w.Duration.Milliseconds(), BytesPerSecond: w.Rate.Bytes, RecordsPerSecond: w.Rate.Records, RequestsPerSecond: w.Rate.Requests,
		})
	}
	return out
}

// Calendar is that of t; a nil t has none.
func (t *Terms) Calendar() partition.Calendar {
	if t == nil {
		return partition.Calendar{Zone: "UTC"}
	}
	read := func(ws []Window) (out []partition.Window) {
		for _, w := range ws {
			out = append(out, partition.Window{
				Cron: w.Cron, Duration: time.Duration(w.DurationMs) * time.Millisecond,
				Rate: partition.Rate{Bytes: w.BytesPerSecond, Records: w.RecordsPerSecond, Requests: w.RequestsPerSecond},
			})
		}
		return out
	}
	out := partition.Calendar{Zone: t.Timezone, Peaks: read(t.PeakHours), Blackouts: read(t.Blackout)}
	if out.Zone == "" {
		out.Zone = "UTC"
	}
	return out
}

// ends is when work of so many seconds is over that begins at now, given the calendar: a blackout stops it, and in peak hours it is not faster than
// their limits allow for what they count: what is written, and what is read back for the proof. It looks as far as calendar.Horizon.
func (p *Plan) ends(c *calendar.Calendar, now time.Time, seconds int64) time.Time {
	bytes, records := p.paced()
	t, left := now, 1.0 // of the work
	for horizon := now.Add(calendar.Horizon); left > 0 && t.Before(horizon); {
		s := c.At(t)
		if !s.Blackout.IsZero() {
			t = s.Blackout
			continue
		}
		perSecond := 1 / float64(max(seconds, 1))
		for _, limit := range [...]struct{ rate, all int64 }{{s.Rate.Bytes, bytes}, {s.Rate.Records, records}} {
			if limit.rate > 0 && limit.all > 0 {
				perSecond = min(perSecond, float64(limit.rate)/float64(limit.all))
			}
		}
		need := time.Duration(min(left/perSecond, calendar.Horizon.Seconds()) * float64(time.Second))
		if end := t.Add(need); !end.After(s.Until) {
			return end
		}
		left -= s.Until.Sub(t).Seconds() * perSecond
		t = s.Until
	}
	return t
}

// deadline refuses a plan that can not be done in time, as far as anybody knows: at the fastest that is thought possible, within its own hours. The clock
// starts when the loss is detected, which is not later than now.
func (b *builder) deadline(p *Plan) error {
	t := p.Recipe.Terms
	if t == nil || t.RecoverWithinMs == 0 || p.Empty() {
		return nil
	}
	c, err := calendar.New(t.Calendar())
	if err != nil {
		return fmt.Errorf("spec.schedule: %w", err)
	}
	now, within := b.opt.Now(), time.Duration(t.RecoverWithinMs)*time.Millisecond
	if end := p.ends(c, now, p.Totals.LowSeconds); end.Sub(now) > within {
		return &Error{Code: CodeDeadline, Title: fmt.Sprintf("the job can not be done within %s", lasting(within)), Exit: exitUsage,
			Why: fmt.Sprintf("Of %s to write and to compare, and its hours, it ends %s from now at the earliest, at %s.", size(p), lasting(end.Sub(now)),
				calendar.Moment(end.Truncate(time.Second), c.Zone())),
			Hint: "give it more time in spec.sla.recoverWithin, or other hours in spec.schedule", Field: "spec.sla.recoverWithin"}
	}
	if refused := p.Recipe.Refused(); refused > 0 {
		all := p.Totals.Records + refused
		if p.Totals.Records*1_000_000/all < int64(t.CompletePPM) {
			return &Error{Code: CodeIncomplete, Title: "the plan can not reach the completeness that is asked for", Exit: exitUsage,
				Why:  fmt.Sprintf("%d of %d records are refused by a step or a rule, so at most %d can be written.", refused, all, p.Totals.Records),
				Hint: "mend the rules, or lower spec.sla.completeness", Field: "spec.sla.completeness"}
		}
	}
	return nil
}

func size(p *Plan) string { return plural(int(p.Totals.Records), "record") }

// lasting is a length of time with its two greatest units.
func lasting(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	case d >= time.Minute:
		return strings.TrimSuffix(d.Truncate(time.Minute).String(), "0s")
	}
	return d.String()
}

// maxMet is how many windows a plan prints.
const maxMet = 5

// writeTerms prints what the terms, and windows of maintenance, mean for a run that starts at now.
func (p *Plan) writeTerms(line func(name, text string), now time.Time, windows []calendar.Closure) {
	t := p.Recipe.Terms
	if t == nil && len(windows) == 0 {
		return
	}
	c, err := calendar.New(t.Calendar())
	if err == nil {
		c, err = c.Close(windows)
	}
	if err != nil {
		line("Hours", err.Error())
		return
	}
	if t == nil {
		t = new(Terms)
	}
	if n := len(t.PeakHours) + len(t.Blackout); n > 0 {
		line("Hours", fmt.Sprintf("%s and %s, in %s", plural(len(t.PeakHours), "peak window"), plural(len(t.Blackout), "blackout"), t.Timezone))
	}
	if t.RecoverWithinMs > 0 {
		within := time.Duration(t.RecoverWithinMs) * time.Millisecond
		line("SLA", fmt.Sprintf("%s %% within %s of the detection, alert after %d %%", ppmText(t.CompletePPM), lasting(within), t.AlertPercent))
	}
	if now.IsZero() || p.Empty() {
		return
	}
	low, high := p.ends(c, now, p.Totals.LowSeconds), p.ends(c, now, p.Totals.HighSeconds)
	met := c.Meets(now, high, maxMet+1)
	for i, m := range met {
		if i == maxMet {
			line("", "and more")
			break
		}
		what := "blackout"
		if m.Closure != "" {
			what = "maintenance " + m.Closure
		}
		if !m.Blackout {
			what = "peak hours, at most " + rateText(m.Rate)
		}
		line("Started now", fmt.Sprintf("it meets %s until %s", what, calendar.Moment(m.To, c.Zone())))
	}
	if len(met) > 0 {
		from, to := calendar.Moment(low, c.Zone()), calendar.Moment(high, c.Zone())
		when := "about " + from
		if from != to {
			when = "between " + from + " and " + to
		}
		line("Ends", when+", started now, with the comparison")
	}
	if t.RecoverWithinMs > 0 && high.Sub(now) > time.Duration(t.RecoverWithinMs)*time.Millisecond {
		line("At risk", fmt.Sprintf("at the slow end of the estimate it takes %s", lasting(high.Sub(now))))
	}
}

// ppmText is millionths as percent, without zeros at the end.
func ppmText(n uint32) string {
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%d.%04d", n/10_000, n%10_000), "0"), ".")
}

func rateText(r partition.Rate) string {
	var out []string
	if r.Bytes > 0 {
		out = append(out, gap.Size(r.Bytes)+"/s")
	}
	if r.Records > 0 {
		out = append(out, fmt.Sprintf("%d records/s", r.Records))
	}
	if r.Requests > 0 {
		out = append(out, fmt.Sprintf("%d requests/s", r.Requests))
	}
	return strings.Join(out, ", ")
}
