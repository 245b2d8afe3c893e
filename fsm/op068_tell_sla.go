package fsm

import (
	"fmt"

	"backstitch/partition"
)

// TellSLA says of a job that it may miss its deadline, or that it has, to whom it concerns: once each, whoever leads. Who leads judges; the book
// remembers that it was said, so that the next leader does not say it again.
//
// Since: 8. Proposed by: the leader. Refused: UnknownJob, WrongState (a cancelled job), Invalid (among others: another deadline than the job has, one
// that is called missed and has not passed). What was said already of this deadline, and a risk of what was missed, are OK and change nothing.
type TellSLA struct {
	Job               partition.JobID
	Kind              NoticeKind // NoticeAtRisk or NoticeMissed
	DeadlineUnixNanos int64      // that it is about
	Why               string
}

// Op returns 68.
func (TellSLA) Op() uint16 { return 68 }

func (c TellSLA) subject() string { return "job " + string(c.Job) }

func (c TellSLA) apply(t *tx) Result {
	j, ok := t.job(c.Job)
	if !ok {
		return t.refuse(UnknownJob, string(c.Job))
	}
	if j.State == JobCancelled {
		return t.wrongState(j)
	}
	var x Terms
	t.read(jobKey(kindTerms, c.Job), &x)
	if why := c.invalid(j, x, t.env.UnixNanos); why != "" {
		return t.refuse(Invalid, c.subject()+": "+why)
	}
	var told Told
	if t.read(jobKey(kindTold, c.Job), &told); told.DeadlineUnixNanos != c.DeadlineUnixNanos {
		told = Told{Job: c.Job, DeadlineUnixNanos: c.DeadlineUnixNanos}
	}
	if told.Has(c.Kind) {
		return t.ok()
	}
	if c.Kind == NoticeMissed {
		told.MissedUnixNanos, told.MissedWhy = t.env.UnixNanos, c.Why
	} else {
		told.AtRiskUnixNanos, told.AtRiskWhy = t.env.UnixNanos, c.Why
	}
	told.ModifyIndex = t.index
	t.write(jobKey(kindTold, c.Job), &told)
	t.tell(c.Kind, j, c.Why, "")
	return t.ok()
}

func (c TellSLA) invalid(j Job, x Terms, now int64) string {
	switch {
	case c.Kind != NoticeAtRisk && c.Kind != NoticeMissed:
		return fmt.Sprintf("%s says nothing of a deadline", c.Kind)
	case c.DeadlineUnixNanos == 0 || c.DeadlineUnixNanos != x.DeadlineUnixNanos:
		return fmt.Sprintf("its deadline is %d and not %d", x.DeadlineUnixNanos, c.DeadlineUnixNanos)
	case c.Kind == NoticeMissed && now < x.DeadlineUnixNanos && j.State != JobSucceeded:
		return "its deadline has not passed"
	case c.Why == "" || len(c.Why) > maxToldWhy:
		return fmt.Sprintf("a reason of %d bytes, want 1 to %d", len(c.Why), maxToldWhy)
	}
	return ""
}
