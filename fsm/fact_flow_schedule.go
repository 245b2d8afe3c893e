package fsm

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	"backstitch/fsm/flow"
)

// A flow that was handed in with a schedule begins a run of its own at each of its times. When it is due next is a fact, and the run that is due has an id made of
// the two, so however leaders change, a time has one run. One run goes at a time: a time that comes while another one goes is counted as skipped, and that is
// decided here, where nobody can come between.

// FlowSchedule is when runs of a flow begin.
type FlowSchedule struct {
	Name       string // of the flow
	Namespace  string
	EveryNanos int64  // between two runs; 0 when Cron says when
	Cron       string // five fields, in Zone; the book does not read it
	Zone       string // IANA name, "" for UTC
	// NextUnixNanos is when the next run is due.
	NextUnixNanos int64
	Paused        bool // no run begins
	Last          FlowID
	LastUnixNanos int64 // the newest due time that was met, by a run or by skipping it
	Runs          uint64
	// Skipped counts the times that came while a run was going; the newest of them, and that run.
	Skipped          uint64
	SkippedUnixNanos int64
	SkippedFor       FlowID
	PutBy            string // who said yes to what the runs do
	PutUnixNanos     int64
	ModifyIndex      uint64
}

// FlowOrder is what each run of a schedule is. It is apart from the schedule, which is written with each run.
type FlowOrder struct {
	Graph       FlowGraph
	Undo        []flow.Undo
	Annotations []Annotation
	Endpoints   []Endpoint
	// MaxRecords and MaxBytes bound what one plan of a run writes without a person, 0 for an order that makes no plans.
	MaxRecords int64
	MaxBytes   int64
}

// FlowRun says of which schedule a flow is a run, and what was due. A flow that a person handed in has none.
type FlowRun struct {
	Schedule     string // FlowSchedule.ID
	DueUnixNanos int64
	MaxRecords   int64
	MaxBytes     int64
}

// MaxFlowSchedules bounds how many schedules of flows there are: the leader looks at all of them in each of its turns.
const MaxFlowSchedules = 100

// FlowScheduleID names a schedule: namespace and name of its flow.
func FlowScheduleID(namespace, name string) string { return namespace + "/" + name }

// ID is how a schedule is called.
func (s FlowSchedule) ID() string { return FlowScheduleID(s.Namespace, s.Name) }

// FlowRunID is the id of the run that a schedule begins for a due time. It depends on nothing else, so whoever leads gives it the same.
func FlowRunID(schedule string, dueUnixNanos int64) FlowID {
	sum := sha256.Sum256(fmt.Appendf(nil, "run %d:%s %d", len(schedule), schedule, dueUnixNanos))
	return FlowID("fl-" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:16]))
}

// FlowRunName is what the run is called.
func FlowRunName(name string, dueUnixNanos int64) string {
	return name + "-" + time.Unix(0, dueUnixNanos).UTC().Format("20060102-150405")
}

func flowScheduleKey(k kind, id string) []byte { return key(k, []byte(id)) }

func (t *tx) flowSchedule(id string) (s FlowSchedule, ok bool) {
	ok = t.read(flowScheduleKey(kindFlowSchedule, id), &s)
	return s, ok
}

func (t *tx) putFlowSchedule(s FlowSchedule) {
	s.ModifyIndex = t.index
	t.write(flowScheduleKey(kindFlowSchedule, s.ID()), &s)
}

// going returns a run of a schedule that has not ended, "" when there is none. A failed one that was retried goes again.
func (t *tx) going(schedule string) FlowID {
	for _, k := range t.keys(key(kindFlowActive)) {
		var r FlowRun
		if id := FlowID(k[1:]); t.read(flowKey(kindFlowRun, id), &r) && r.Schedule == schedule {
			return id
		}
	}
	return ""
}

// outboxOf is the name of a flow's outbox: its own, or that of the schedule whose run it is, so that endpoints hear of runs in their order.
func (t *tx) outboxOf(id FlowID) DatasetName {
	var r FlowRun
	if t.read(flowKey(kindFlowRun, id), &r) {
		return OutboxOfRuns(r.Schedule)
	}
	return OutboxOf(id)
}

// exceeds says why a plan of a run waits for a person, "" when it does not.
func (t *tx) exceeds(id FlowID, m *MadePlan) string {
	var r FlowRun
	if !t.read(flowKey(kindFlowRun, id), &r) {
		return ""
	}
	return Policy{MaxRecords: r.MaxRecords, MaxBytes: r.MaxBytes}.exceeds(m)
}

// runsOf reports whether a run of a schedule is kept.
func (t *tx) runsOf(schedule string) bool {
	for _, k := range t.keys(key(kindFlowRun)) {
		var r FlowRun
		if t.read(k, &r); r.Schedule == schedule {
			return true
		}
	}
	return false
}

// FlowRun returns of which schedule a flow is a run; ok is false for one that a person handed in.
func (v *View) FlowRun(id FlowID) (r FlowRun, ok bool, err error) {
	ok, err = v.read(flowKey(kindFlowRun, id), &r)
	return r, ok, err
}

// OutboxOfFlow is the name of the outbox that a flow has, or would have.
func (v *View) OutboxOfFlow(id FlowID) (DatasetName, error) {
	r, ok, err := v.FlowRun(id)
	if ok {
		return OutboxOfRuns(r.Schedule), err
	}
	return OutboxOf(id), err
}

// FlowSchedules returns all schedules of flows by namespace and name.
func (v *View) FlowSchedules() ([]FlowSchedule, error) {
	var out []FlowSchedule
	for s, err := range each[FlowSchedule](v, key(kindFlowSchedule), nil) {
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// FlowSchedule returns one with its order; ok is false when there is none.
func (v *View) FlowSchedule(id string) (s FlowSchedule, o FlowOrder, ok bool, err error) {
	if ok, err = v.read(flowScheduleKey(kindFlowSchedule, id), &s); err != nil || !ok {
		return s, o, false, err
	}
	ok, err = v.read(flowScheduleKey(kindFlowOrder, id), &o)
	return s, o, ok, err
}
