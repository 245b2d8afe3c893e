package sla

import (
	"backstitch/cluster/forecast"
	"backstitch/cluster/maintenance"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/calendar"
	"time"
)

// Clock is a job with a deadline, and how far it is.
type Clock struct {
	Job        fsm.Job
	Terms      fsm.Terms
	Calendar   *calendar.Calendar // with the windows of maintenance that concern it; nil where it can not be read
	Done, Gone int64              // records in the target, and set aside
	Told       fsm.Told           // what was said of this deadline
}

// Read is how far a job is that has terms x.
func Read(v *fsm.View, job fsm.Job, x fsm.Terms) (Clock, error) {
	out := Clock{Job: job, Terms: x}
	windows, err := v.Maintenance()
	if err != nil {
		return out, err
	}
	if c, err := maintenance.Calendar(x.Calendar, maintenance.Concerning(windows, job.Scopes())); err == nil {
		out.Calendar = c
	}
	told, ok, err := v.Told(job.ID)
	if err != nil {
		return out, err
	}
	if ok && told.DeadlineUnixNanos == x.DeadlineUnixNanos {
		out.Told = told
	}
	for s, err := range v.SliceStates(job.ID) {
		if err != nil {
			return out, err
		}
		if s.Kind == partition.SliceFill {
			out.Done += s.Checkpoint.Records + s.Checkpoint.Suppressed
			out.Gone += s.Checkpoint.Quarantined
		}
	}
	return out, nil
}

// Case is what a judgement of it depends on. low and high are records a second, where that was measured.
func (c Clock) Case(now time.Time, low, high float64, measured bool) forecast.Case {
	return forecast.Case{
		Now: now, Terms: c.Terms, Calendar: c.Calendar, Job: c.Job, Done: c.Done, Gone: c.Gone, Low: low, High: high, Measured: measured,
	}
}
