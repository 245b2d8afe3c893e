package fsm

import (
	"fmt"
	"strings"
	"time"

	"backstitch/fsm/flow"
)

// PutFlowSchedule makes or replaces the schedule of a flow, pauses it or lets it go on, or removes it. Runs that it has begun stay, and one that goes goes on to
// its end. An order that is replaced is that of the next run.
//
// Since: 8. Proposed by: the API. Refused: UnknownSchedule (there is none to pause or to remove), Invalid (among others: not exactly one of EveryNanos and Cron, a
// next due time that has passed, too many schedules, an order that is no flow). The same content again is OK and changes nothing, the next due time included.
type PutFlowSchedule struct {
	Flow        SubmitFlow // without an id; without steps the schedule is kept as it is, but for what follows
	Undo        []flow.Undo
	Annotations []Annotation
	Endpoints   []Endpoint
	MaxRecords  int64
	MaxBytes    int64
	EveryNanos  int64
	Cron        string
	Zone        string
	// NextUnixNanos is when the next run is due: with an order the first one, and when it goes on after a pause.
	NextUnixNanos int64
	Paused        bool // without steps: no run begins any more
	Remove        bool // without steps
}

// Op returns 98.
func (PutFlowSchedule) Op() uint16 { return 98 }

func (c PutFlowSchedule) id() string { return FlowScheduleID(c.Flow.Namespace, c.Flow.Name) }

func (c PutFlowSchedule) subject() string { return "schedule of flow " + c.id() }

func (c PutFlowSchedule) apply(t *tx) Result {
	s, known := t.flowSchedule(c.id())
	if len(c.Flow.Steps) == 0 {
		return c.turn(t, s, known)
	}
	o := FlowOrder{Graph: FlowGraph{Steps: c.Flow.Steps, Document: c.Flow.Document}, Undo: c.Undo, Annotations: c.Annotations, Endpoints: c.Endpoints, MaxRecords: c.MaxRecords, MaxBytes: c.MaxBytes}
	if why := c.invalid(o, t.env.UnixNanos); why != "" {
		return t.refuse(Invalid, fmt.Sprintf("%s: %s", c.subject(), why))
	}
	var have FlowOrder
	switch {
	case !known && len(t.keys(key(kindFlowSchedule))) >= MaxFlowSchedules:
		return t.refuse(Invalid, fmt.Sprintf("%s: there are %d schedules of flows already", c.subject(), MaxFlowSchedules))
	case known && s.EveryNanos == c.EveryNanos && s.Cron == c.Cron && s.Zone == c.Zone && !s.Paused && t.read(flowScheduleKey(kindFlowOrder, c.id()), &have) && t.hash(&have) == t.hash(&o):
		return t.ok()
	}
	s.Name, s.Namespace, s.EveryNanos, s.Cron, s.Zone, s.NextUnixNanos, s.Paused = c.Flow.Name, c.Flow.Namespace, c.EveryNanos, c.Cron, c.Zone, c.NextUnixNanos, false
	s.PutBy, s.PutUnixNanos = t.env.Actor, t.env.UnixNanos
	t.putFlowSchedule(s)
	t.write(flowScheduleKey(kindFlowOrder, c.id()), &o)
	t.matchOutbox(FlowOutbox{Name: OutboxOfRuns(c.id()), Flow: c.Flow.Name, Namespace: c.Flow.Namespace, Annotations: c.Annotations, Endpoints: c.Endpoints})
	return t.ok()
}

// turn pauses a schedule, lets it go on, or removes it.
func (c PutFlowSchedule) turn(t *tx, s FlowSchedule, known bool) Result {
	switch {
	case !known:
		return t.refuse(UnknownSchedule, c.id())
	case c.Remove:
		t.remove(flowScheduleKey(kindFlowSchedule, c.id()))
		t.remove(flowScheduleKey(kindFlowOrder, c.id()))
		t.leaveOutbox(OutboxOfRuns(c.id()))
		return t.ok()
	case s.Paused == c.Paused:
		return t.ok()
	case !c.Paused && c.NextUnixNanos <= t.env.UnixNanos:
		return t.refuse(Invalid, fmt.Sprintf("%s: it would be due at %d, and it is %d already", c.subject(), c.NextUnixNanos, t.env.UnixNanos))
	}
	if s.Paused = c.Paused; !c.Paused {
		s.NextUnixNanos = c.NextUnixNanos
	}
	t.putFlowSchedule(s)
	return t.ok()
}

func (c PutFlowSchedule) invalid(o FlowOrder, now int64) string {
	run := c.Flow
	run.ID = FlowRunID(c.id(), 0)
	if why := run.invalid(c.Undo); why != "" {
		return why
	}
	switch {
	case c.Flow.ID != "":
		return "it has the id of a run"
	case c.Paused || c.Remove:
		return "it is handed in, and to be paused or removed"
	case c.Flow.Namespace == "" || strings.ContainsAny(c.id(), "\x00") || strings.Count(c.id(), "/") != 1 || len(FlowRunName(c.Flow.Name, 0)) > maxNameBytes:
		return "namespace and name are needed, without slash, and the name leaves room for that of a run"
	case (c.EveryNanos == 0) == (c.Cron == ""):
		return "want either a time between runs or a cron line"
	case c.Cron == "" && c.EveryNanos < int64(MinEvery):
		return fmt.Sprintf("%s between runs, want at least %s", time.Duration(c.EveryNanos), MinEvery)
	case len(c.Cron) > maxCronBytes || len(c.Zone) > maxIDBytes || c.Cron == "" && c.Zone != "":
		return fmt.Sprintf("a cron line of %d bytes, at most %d are allowed, or a time zone without one", len(c.Cron), maxCronBytes)
	case c.NextUnixNanos <= now:
		return fmt.Sprintf("the first run would be due at %d, and it is %d already", c.NextUnixNanos, now)
	case o.MaxRecords < 0 || o.MaxBytes < 0:
		return "a negative limit"
	case len(o.Endpoints) > 0:
		return FlowOutbox{Annotations: o.Annotations, Endpoints: o.Endpoints}.invalid()
	}
	return invalidAnnotations(o.Annotations)
}
