package admin

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"time"

	"backstitch/cluster/client"
	"backstitch/cluster/forecast"
	"backstitch/cluster/maintenance"
	"backstitch/cluster/sla"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/calendar"
)

// When a job may work, and how it stands with its deadline. The book keeps the words, and each node says what they mean of now.

// terms are those of a submission as the book keeps them, nil for none. They are looked at here, since the book reads no cron line.
func (s *Server) terms(id partition.JobID, in client.Submission) (*fsm.Terms, error) {
	t := in.Terms
	if t == nil {
		return nil, nil
	}
	now := s.clock()
	hours, err := hoursOf(t, now, "mend spec.schedule and make a new plan: backstitch plan -f SPEC")
	if err != nil {
		return nil, err
	}
	out := &fsm.Terms{Job: id, Calendar: hours}
	if t.SLA == nil {
		return out, nil
	}
	view, err := s.node.View()
	if err != nil {
		return nil, s.failed(err)
	}
	defer view.Close()
	found, err := sla.Detected(view, in.Namespace, in.Name, now.UnixNano())
	if err != nil {
		return nil, s.failed(err)
	}
	out.DetectedUnixNanos, out.AlertPercent, out.CompletePPM = found, t.SLA.AlertPercent, t.SLA.CompletePPM
	out.DeadlineUnixNanos = found + t.SLA.RecoverWithinMs*int64(time.Millisecond)
	return out, nil
}

// hoursOf is a calendar that can be meant. next says what to do about one that can not.
func hoursOf(t *client.Terms, now time.Time, next string) (partition.Calendar, error) {
	out := partition.Calendar{Zone: t.Timezone, Peaks: windows(t.PeakHours), Blackouts: windows(t.Blackout)}
	if out.Zone == "" {
		out.Zone = "UTC"
	}
	if _, err := calendar.Check(out, now); err != nil {
		return out, newProblem(http.StatusUnprocessableEntity, client.CodeCalendar, "the hours of the job can not be meant", err.Error(), next)
	}
	return out, nil
}

// jobTerms are the terms of jobs that a dataset starts.
func (s *Server) jobTerms(t *client.Terms) (fsm.JobTerms, error) {
	hours, err := hoursOf(t, s.clock(), "mend spec.hours: backstitch spec explain --kind Dataset spec.hours")
	if err != nil {
		return fsm.JobTerms{}, err
	}
	out := fsm.JobTerms{Calendar: hours}
	if t.SLA != nil {
		out.WithinNanos, out.AlertPercent, out.CompletePPM = t.SLA.RecoverWithinMs*int64(time.Millisecond), t.SLA.AlertPercent, t.SLA.CompletePPM
	}
	return out, nil
}

// describeJobTerms is the other way round.
func describeJobTerms(x fsm.JobTerms) *client.Terms {
	read := func(ws []partition.Window) (out []client.Window) {
		for _, w := range ws {
			c := client.Window{Cron: w.Cron, DurationMs: w.Duration.Milliseconds()}
			if r := w.Rate; !r.Unlimited() {
				c.Rate = &client.Rate{Bytes: r.Bytes, Records: r.Records, Requests: r.Requests}
			}
			out = append(out, c)
		}
		return out
	}
	out := &client.Terms{PeakHours: read(x.Calendar.Peaks), Blackout: read(x.Calendar.Blackouts)}
	if !x.Calendar.Empty() {
		out.Timezone = x.Calendar.Zone
	}
	if x.WithinNanos != 0 {
		out.SLA = &client.SLA{RecoverWithinMs: x.WithinNanos / int64(time.Millisecond), AlertPercent: x.AlertPercent, CompletePPM: x.CompletePPM}
	}
	return out
}

func windows(ws []client.Window) (out []partition.Window) {
	for _, w := range ws {
		d := partition.Window{Cron: w.Cron, Duration: time.Duration(w.DurationMs) * time.Millisecond}
		if r := w.Rate; r != nil {
			d.Rate = partition.Rate{Bytes: r.Bytes, Records: r.Records, Requests: r.Requests}
		}
		out = append(out, d)
	}
	return out
}

// describeTerms adds what a job's hours and its deadline are at now, and which windows of maintenance concern it.
func (s *Server) describeTerms(view *fsm.View, out *client.Job, job fsm.Job) error {
	x, ok, err := view.Terms(job.ID)
	if err != nil {
		return err
	}
	all, err := view.Maintenance()
	if err != nil {
		return err
	}
	windows := maintenance.Concerning(all, job.Scopes())
	if !ok && len(windows) == 0 {
		return nil
	}
	now := s.clock()
	if hours := !x.Calendar.Empty() || len(windows) > 0; hours && !job.State.Terminal() {
		cal, err := maintenance.Calendar(x.Calendar, windows)
		out.Hours = describeHours(cmp.Or(x.Calendar.Zone, "UTC"), cal, err, now)
	}
	if x.DeadlineUnixNanos == 0 {
		return nil
	}
	clock, err := sla.Read(view, job, x)
	if err != nil {
		return err
	}
	low, high, measured := s.node.Rates(job.ID)
	d := forecast.Judge(clock.Case(now, low, high, measured))
	out.Deadline = &client.Deadline{
		DetectedAt: time.Unix(0, x.DetectedUnixNanos).UTC(), At: time.Unix(0, x.DeadlineUnixNanos).UTC(), AlertAt: d.AlertAt.UTC(),
		State: d.State.String(), Why: d.Why, CompletePPM: x.CompletePPM, Earliest: moment(d.Earliest), Latest: moment(d.Latest),
		RiskTold: told(clock.Told.AtRiskUnixNanos), MissedTold: told(clock.Told.MissedUnixNanos),
	}
	return nil
}

func describeHours(zone string, cal *calendar.Calendar, err error, now time.Time) *client.Hours {
	out := &client.Hours{Timezone: zone}
	if err != nil {
		if wrong := (*calendar.Error)(nil); errors.As(err, &wrong) {
			out.Problem = fmt.Sprintf("%v", wrong)
		}
		return out
	}
	st := cal.At(now)
	out.Blackout, out.Peak, out.Next = moment(st.Blackout), moment(st.Peak), moment(st.Next)
	out.Maintenance, out.NextMaintenance = st.Closure, st.NextClosure
	if !st.Rate.Unlimited() {
		out.Rate = &client.Rate{Bytes: st.Rate.Bytes, Records: st.Rate.Records, Requests: st.Rate.Requests}
	}
	if out.Next != nil {
		out.NextKind = calendar.Peaks
		if st.NextIsBlackout {
			out.NextKind = calendar.Blackouts
		}
	}
	return out
}

// told is nil for what was not.
func told(unixNanos int64) *time.Time {
	if unixNanos == 0 {
		return nil
	}
	t := time.Unix(0, unixNanos).UTC()
	return &t
}

// moment is nil for the zero time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
