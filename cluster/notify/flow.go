package notify

import (
	"fmt"
	"strings"
	"time"

	"backstitch/fsm"
)

// What is told of flows. A flow that waits for a person stands still until somebody reads this, so what a waiting one says is what to type.

// Flow is what an event is about that is of a flow and of no dataset.
type Flow struct {
	ID   fsm.FlowID
	Name string
	Step string // that it is about, "" for the flow itself
	Runs bool   // it is a run of a schedule, and Name that of the schedule's flow
}

// NewFlowEvent makes the event of a notice of a flow. Like every event of one notice it has the same id, whoever makes it.
func NewFlowEvent(cluster, program string, o fsm.FlowOutbox, n fsm.Notice) Event {
	e := NewEvent(cluster, program, fsm.Dataset{Name: n.Dataset, Annotations: o.Annotations}, n, nil, nil)
	e.Namespace, e.Dataset = o.Namespace, ""
	e.Flow = &Flow{ID: fsm.FlowID(n.Job), Name: o.Flow, Step: n.JobName, Runs: o.OfRuns()}
	return e
}

// about is how people call what an event is about.
func (e Event) about() string {
	if e.Flow != nil {
		return e.Namespace + "/" + e.Flow.Name
	}
	return e.Namespace + "/" + e.Dataset
}

// flowDoes says what a kind of notice says of a flow.
var flowDoes = map[fsm.NoticeKind]string{
	fsm.NoticeStarted: "runs", fsm.NoticeSucceeded: "has succeeded", fsm.NoticeFailed: "has failed", fsm.NoticeCancelled: "was cancelled",
	fsm.NoticeWaiting: "waits for a person", fsm.NoticeAnswered: "waits for nobody any more",
	fsm.NoticeRolledBack: "has failed and was rolled back", fsm.NoticeRollbackFailed: "has failed, and not all of it could be rolled back",
}

// ofFlow is one line for people.
func (e Event) ofFlow() string {
	text := fmt.Sprintf("%s: flow %s %s", e.about(), e.Flow.ID, flowDoes[e.Kind])
	switch {
	case e.Flow.Step != "" && e.Why != "":
		text += fmt.Sprintf(": step %s: %s", e.Flow.Step, e.Why)
	case e.Flow.Step != "":
		text += ": step " + e.Flow.Step
	case e.Why != "":
		text += ": " + e.Why
	}
	switch e.Kind {
	case fsm.NoticeWaiting:
		text += "   Look: " + e.flowTyped("show") + "   Say yes: " + e.flowTyped("approve") + "   Say no: " + e.flowTyped("reject")
	case fsm.NoticeFailed, fsm.NoticeRollbackFailed:
		text += "   Look: " + e.flowTyped("show") + "   With the cause gone: " + e.flowTyped("retry")
	case fsm.NoticeRolledBack:
		text += "   Look: " + e.flowTyped("show")
	}
	return text
}

// flowTyped is a command about the event's flow.
func (e Event) flowTyped(verb string) string {
	text := fmt.Sprintf("backstitch flow %s %s", verb, e.Flow.ID)
	if verb == "approve" || verb == "reject" {
		text += " " + e.Flow.Step
	}
	return text
}

// flowAlarms are the alerts that an event of a flow raises or resolves. One that waits is resolved by the answer, and by every end.
func flowAlarms(k fsm.NoticeKind) []alarm {
	switch k {
	case fsm.NoticeWaiting, fsm.NoticeAnswered:
		return []alarm{{flowWaiting, "warning", k == fsm.NoticeWaiting}}
	case fsm.NoticeFailed, fsm.NoticeRolledBack, fsm.NoticeRollbackFailed:
		return []alarm{{flowFailed, "critical", true}, {flowWaiting, "warning", false}}
	case fsm.NoticeSucceeded, fsm.NoticeCancelled:
		return []alarm{{flowFailed, "critical", false}, {flowWaiting, "warning", false}}
	}
	return nil
}

// labels are what an alert is told apart by: of a dataset its name, and of a flow its id besides, since two of one name may run at the same time. Of the runs of a schedule one
// goes at a time, and the next one that succeeds resolves what the one before it has raised.
func (e Event) labels() map[string]string {
	out := map[string]string{"namespace": e.Namespace}
	if f := e.Flow; f != nil {
		if out["flow"] = f.Name; !f.Runs {
			out["flow_id"] = string(f.ID)
		}
	} else {
		out["dataset"] = e.Dataset
	}
	return out
}

// flowData is the data of dev.backstitch.flow.*.v1. Fields are only added.
type flowData struct {
	Namespace   string            `json:"namespace"`
	Flow        string            `json:"flow"`
	ID          string            `json:"id"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Index       uint64            `json:"index"` // of the cluster's log: events of one flow are in its order
	Step        string            `json:"step,omitempty"`
	Why         string            `json:"why,omitempty"`
	Show        string            `json:"show"` // what to type
	Approve     string            `json:"approve,omitempty"`
	Reject      string            `json:"reject,omitempty"`
	Retry       string            `json:"retry,omitempty"`
}

var flowTypes = map[fsm.NoticeKind]string{
	fsm.NoticeStarted: "dev.backstitch.flow.started.v1", fsm.NoticeSucceeded: "dev.backstitch.flow.completed.v1",
	fsm.NoticeFailed: "dev.backstitch.flow.failed.v1", fsm.NoticeCancelled: "dev.backstitch.flow.cancelled.v1",
	fsm.NoticeWaiting: "dev.backstitch.flow.waiting.v1", fsm.NoticeAnswered: "dev.backstitch.flow.answered.v1",
	fsm.NoticeRolledBack: "dev.backstitch.flow.rolled-back.v1", fsm.NoticeRollbackFailed: "dev.backstitch.flow.rollback-failed.v1",
}

func (e Event) flowData() flowData {
	d := flowData{Namespace: e.Namespace, Flow: e.Flow.Name, ID: string(e.Flow.ID), Annotations: e.annotations(), Index: e.Index, Step: e.Flow.Step, Why: e.Why,
		Show: e.flowTyped("show")}
	switch e.Kind {
	case fsm.NoticeWaiting:
		d.Approve, d.Reject = e.flowTyped("approve"), e.flowTyped("reject")
	case fsm.NoticeFailed, fsm.NoticeRollbackFailed:
		d.Retry = e.flowTyped("retry")
	}
	return d
}

// annotations are those of the event by their keys, nil for none.
func (e Event) annotations() map[string]string {
	var out map[string]string
	for _, a := range e.Annotations {
		if out == nil {
			out = map[string]string{}
		}
		out[a.Key] = a.Value
	}
	return out
}

// flowLineage are the events of a run that a flow is: the specification has no word for one that waits, so its tags say it.
var flowLineage = map[fsm.NoticeKind]string{
	fsm.NoticeStarted: "START", fsm.NoticeSucceeded: "COMPLETE", fsm.NoticeFailed: "FAIL", fsm.NoticeCancelled: "ABORT",
	fsm.NoticeRolledBack: "FAIL", fsm.NoticeRollbackFailed: "FAIL", fsm.NoticeWaiting: "OTHER", fsm.NoticeAnswered: "OTHER",
}

// flowRun is the run event of a flow. It has neither inputs nor outputs: its jobs have, and tell of them as jobs.
func flowRun(e Event) lineage {
	producer := "urn:backstitch:program:" + e.Program
	of := func(schema string) facet { return facet{producer, schema} }
	out := lineage{
		EventType: flowLineage[e.Kind], EventTime: e.Time, Producer: producer, SchemaURL: lineageEvent,
		Run: lineageRun{RunID: runID(e.Cluster, e.Job)},
		Job: lineageJob{Namespace: "backstitch:" + e.Cluster, Name: e.about(), Facets: map[string]any{
			"jobType": jobTypeFacet{of(facetJobType), "BATCH", "BACKSTITCH", "FLOW"},
		}},
		Inputs: []lineageDataset{}, Outputs: []lineageDataset{},
	}
	switch e.Kind {
	case fsm.NoticeFailed, fsm.NoticeRolledBack, fsm.NoticeRollbackFailed:
		out.Run.Facets = map[string]any{"errorMessage": errorFacet{of(facetError), strings.TrimSuffix(flowDoes[e.Kind]+": "+e.Why, ": "), "Go"}}
	case fsm.NoticeWaiting, fsm.NoticeAnswered:
		out.Run.Facets = map[string]any{"tags": tagsFacet{of(facetTags), []tag{
			{"backstitch.flow", e.Kind.String(), "BACKSTITCH"}, {"backstitch.step", e.Flow.Step, "BACKSTITCH"}}}}
	}
	return out
}

// flowLasts is how long an alert of a flow is shown that nothing resolves: a step may wait for days.
const flowLasts = 15 * 24 * time.Hour
