package fsm

import (
	"fmt"

	"backstitch/fsm/flow"
)

// BeginFlow makes a flow that runs, of which steps may undo others: one that is handed in and whose endpoints hear of it, or the run of a schedule that is due,
// which takes everything from the book and moves the schedule to its next due time. A time at which a run of the schedule is still going begins nothing: it is counted as
// skipped, and the next due time comes all the same. What was begun is told with it.
//
// Since: 8. Proposed by: the API, and the leader for a schedule. Refused: Exists (same id, another flow), UnknownSchedule, WrongState (the schedule is due at
// another time, or is paused), Invalid (among others: due later than now, and a next due time that has passed, which would make up for one missed time twice). The
// same flow again under its id, and a due time that was met already, are OK and change nothing.
type BeginFlow struct {
	Flow        SubmitFlow
	Undo        []flow.Undo
	Annotations []Annotation // by key
	Endpoints   []Endpoint
	// Schedule and the times are those of a run that is due, as FlowSchedule.ID. Then Flow.ID is FlowRunID of them, and the rest is empty.
	Schedule      string
	DueUnixNanos  int64
	NextUnixNanos int64 // when the schedule is due again
}

// Op returns 97.
func (BeginFlow) Op() uint16 { return 97 }

func (c BeginFlow) subject() string {
	if c.Schedule != "" {
		return fmt.Sprintf("run %s of flow %s", c.Flow.ID, c.Schedule)
	}
	return c.Flow.subject()
}

func (c BeginFlow) apply(t *tx) Result {
	if c.Schedule != "" || c.DueUnixNanos != 0 || c.NextUnixNanos != 0 {
		return c.due(t)
	}
	o := FlowOutbox{Name: OutboxOf(c.Flow.ID), Flow: c.Flow.Name, Namespace: c.Flow.Namespace, Annotations: c.Annotations, Endpoints: c.Endpoints}
	if why := o.invalid(); why != "" {
		return t.refuse(Invalid, fmt.Sprintf("%s: %s", c.subject(), why))
	}
	return c.Flow.submit(t, c.Undo, &o)
}

// due begins the run of a schedule, or skips it.
func (c BeginFlow) due(t *tx) Result {
	if why := c.invalidRun(t.env.UnixNanos); why != "" {
		return t.refuse(Invalid, fmt.Sprintf("%s: %s", c.subject(), why))
	}
	s, ok := t.flowSchedule(c.Schedule)
	var o FlowOrder
	switch {
	case !ok || !t.read(flowScheduleKey(kindFlowOrder, c.Schedule), &o):
		return t.refuse(UnknownSchedule, c.Schedule)
	case s.LastUnixNanos == c.DueUnixNanos:
		return t.ok()
	case s.Paused:
		return t.refuse(WrongState, fmt.Sprintf("schedule %s is paused", c.Schedule))
	case s.NextUnixNanos != c.DueUnixNanos:
		return t.refuse(WrongState, fmt.Sprintf("schedule %s is due at %d", c.Schedule, s.NextUnixNanos))
	}
	s.LastUnixNanos, s.NextUnixNanos = c.DueUnixNanos, c.NextUnixNanos
	if going := t.going(c.Schedule); going != "" {
		s.Skipped++
		s.SkippedUnixNanos, s.SkippedFor = c.DueUnixNanos, going
		t.putFlowSchedule(s)
		return t.ok()
	}
	if _, _, there := t.flow(c.Flow.ID); !there { // a schedule that was removed and put again may have begun it
		t.write(flowKey(kindFlowRun, c.Flow.ID), &FlowRun{Schedule: c.Schedule, DueUnixNanos: c.DueUnixNanos, MaxRecords: o.MaxRecords, MaxBytes: o.MaxBytes})
		run := SubmitFlow{ID: c.Flow.ID, Name: FlowRunName(s.Name, c.DueUnixNanos), Namespace: s.Namespace, Document: o.Graph.Document, Steps: o.Graph.Steps}
		env := t.env
		t.env.Actor = s.PutBy // whoever handed it in answers for it, and is not the second person who says yes
		r := run.submit(t, o.Undo, nil)
		t.env = env
		if r.Code != OK && t.err == nil {
			t.err = fmt.Errorf("begin %s: %s %s", c.subject(), r.Code, r.Object) // what PutFlowSchedule lets pass begins
		}
		s.Runs++
	}
	s.Last = c.Flow.ID
	t.putFlowSchedule(s)
	return t.ok()
}

func (c BeginFlow) invalidRun(now int64) string {
	switch {
	case len(c.Schedule) > 2*maxNameBytes:
		return "the name of the schedule is too long"
	case c.Flow.Name != "" || c.Flow.Namespace != "" || len(c.Flow.Document)+len(c.Flow.Steps)+len(c.Undo)+len(c.Annotations)+len(c.Endpoints) > 0:
		return "a run of a schedule has the schedule's order"
	case c.Flow.ID != FlowRunID(c.Schedule, c.DueUnixNanos):
		return fmt.Sprintf("it is not the one that is due at %d", c.DueUnixNanos)
	case c.DueUnixNanos > now:
		return fmt.Sprintf("it is due at %d, and it is %d", c.DueUnixNanos, now)
	case c.NextUnixNanos <= now:
		return fmt.Sprintf("the schedule would be due again at %d, and it is %d already", c.NextUnixNanos, now)
	}
	return ""
}
