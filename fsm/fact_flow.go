package fsm

import (
	"fmt"
	"slices"
	"strings"

	"backstitch/fsm/flow"
	"backstitch/partition"
)

// A flow is a graph of steps. All of its state is here: each attempt of a step is written down, with the token that its other end will know
// it by, before anything is done about it, and what came of it is written down before anything that needs it begins. What is due is decided
// by the leader (fsm/flow, cluster/conductor); here it is checked against the book as it is now.

// FlowID names a flow, "fl-" followed by lower-case base32.
type FlowID string

func (id FlowID) invalid() string {
	rest, ok := strings.CutPrefix(string(id), "fl-")
	if !ok || rest == "" || len(rest) > 32 || strings.Trim(rest, "abcdefghijklmnopqrstuvwxyz234567") != "" {
		return fmt.Sprintf("flow id %q: want fl- followed by 1 to 32 of a-z and 2-7", string(id))
	}
	return ""
}

// FlowState is where a flow is in its life. The numbers are stored; never reuse one.
type FlowState uint8

const (
	FlowRunning   FlowState = 1
	FlowPaused    FlowState = 2 // no step begins; what runs goes on
	FlowSucceeded FlowState = 3 // every step that may not fail has succeeded
	FlowFailed    FlowState = 4
	FlowCancelled FlowState = 5
	// From cluster version 8 on: it failed, and what its steps say how to take back was taken back, or some of it was not.
	FlowRolledBack     FlowState = 6
	FlowRollbackFailed FlowState = 7
)

// String returns the word that the API uses.
func (s FlowState) String() string {
	switch s {
	case FlowRunning:
		return "running"
	case FlowPaused:
		return "paused"
	case FlowSucceeded:
		return "succeeded"
	case FlowFailed:
		return "failed"
	case FlowCancelled:
		return "cancelled"
	case FlowRolledBack:
		return "rolled-back"
	case FlowRollbackFailed:
		return "rollback-failed"
	}
	return "unknown"
}

// Ended reports whether no step runs any more. A failed flow, or a failed rollback, can be retried.
func (s FlowState) Ended() bool { return s >= FlowSucceeded }

// notice is what is told of a flow that has come to s.
func (s FlowState) notice() NoticeKind {
	switch s {
	case FlowSucceeded:
		return NoticeSucceeded
	case FlowCancelled:
		return NoticeCancelled
	case FlowRolledBack:
		return NoticeRolledBack
	case FlowRollbackFailed:
		return NoticeRollbackFailed
	}
	return NoticeFailed
}

// Flow is one submitted graph.
type Flow struct {
	ID        FlowID
	Name      string
	Namespace string
	State     FlowState
	Why       string
	// Lost counts the steps that may fail and did not succeed, of a flow that has succeeded.
	Lost   uint32
	States []flow.State // as Steps

	CreatedBy         string
	CreatedUnixNanos  int64
	FinishedUnixNanos int64 // 0 before
	CreateIndex       uint64
	ModifyIndex       uint64
}

// waits reports whether a step waits for a person.
func (f Flow) waits() bool {
	return slices.ContainsFunc(f.States, func(st flow.State) bool { return st.Status == flow.Waiting })
}

// FlowGraph is the part of a flow that never changes.
type FlowGraph struct {
	Steps []flow.Step
	// Document is what was submitted, for people. The book does not read it.
	Document []byte
}

// FlowUndo is which steps of a flow take back what others have done. A flow without has none.
type FlowUndo struct {
	Edges []flow.Undo
}

const (
	// FlowsKept is how many flows are kept that have ended.
	FlowsKept = 200
	// MaxFlowBytes bounds document and bodies of a flow together.
	MaxFlowBytes = 1 << 20
	maxFlowWhy   = 2048
	maxStepName  = 63
	maxAttempts  = 100
)

func flowKey(k kind, id FlowID) []byte { return key(k, []byte(id)) }

func workKey(id FlowID, step int) []byte { return key(kindFlowWork, ended(id), u32(uint32(step))) }

func (t *tx) flow(id FlowID) (f Flow, g FlowGraph, ok bool) {
	ok = t.read(flowKey(kindFlow, id), &f) && t.read(flowKey(kindFlowGraph, id), &g)
	return f, g, ok
}

// graph is the steps of a flow with the edges back between them.
func (t *tx) graph(id FlowID, g FlowGraph) flow.Graph {
	var u FlowUndo
	t.read(flowKey(kindFlowUndo, id), &u)
	return flow.Graph{Steps: g.Steps, Undo: u.Edges}
}

func (t *tx) putFlow(f Flow) {
	f.ModifyIndex = t.index
	t.write(flowKey(kindFlow, f.ID), &f)
}

// changeFlow reads a flow and hands it to change, which returns a refusal or writes.
func (t *tx) changeFlow(id FlowID, change func(f Flow, g FlowGraph) Result) Result {
	f, g, ok := t.flow(id)
	if !ok {
		return t.refuse(UnknownFlow, string(id))
	}
	return change(f, g)
}

func (t *tx) wrongFlow(f Flow) Result {
	return t.refuse(WrongState, fmt.Sprintf("flow %s is %s", f.ID, f.State))
}

// attempt finds the attempt of a step that a command is about, which has to be the newest.
func (t *tx) attempt(f Flow, g FlowGraph, step string, attempt uint32) (int, *Result) {
	for i, s := range g.Steps {
		if s.Name != step {
			continue
		}
		if f.States[i].Attempt != attempt {
			r := t.refuse(WrongState, fmt.Sprintf("step %s of flow %s is at attempt %d", step, f.ID, f.States[i].Attempt))
			return i, &r
		}
		return i, nil
	}
	r := t.refuse(UnknownFlow, fmt.Sprintf("step %s of flow %s", step, f.ID))
	return 0, &r
}

func (t *tx) wrongStep(f Flow, step string, st flow.State) Result {
	return t.refuse(WrongState, fmt.Sprintf("step %s of flow %s is %s", step, f.ID, st.Status))
}

// conclude notes that a step has ended, and forgets the plan that it kept.
func (t *tx) conclude(f *Flow, i int, status flow.Status, class flow.Class, why string) {
	st := &f.States[i]
	st.Status, st.Class, st.Why, st.EndedUnixNanos = status, class, clip(why, maxFlowWhy), t.env.UnixNanos
	if t.read(workKey(f.ID, i), &MadePlan{}) {
		t.remove(workKey(f.ID, i))
		t.keepTerms(stepTermsKey(f.ID, i), nil)
	}
}

// endFlow writes a flow that has ended.
func (t *tx) endFlow(f Flow, state FlowState, why string) {
	f.State, f.Why, f.FinishedUnixNanos = state, clip(why, maxFlowWhy), t.env.UnixNanos
	t.putFlow(f)
	t.remove(flowKey(kindFlowActive, f.ID))
	t.tellFlow(f, state.notice(), "", f.because())
	t.forgetFlows()
}

// because says why a flow has ended as it has: by the first step that failed, if one did.
func (f Flow) because() string {
	for _, st := range f.States {
		if st.Status == flow.Broken && st.Why != "" && f.State != FlowSucceeded && f.State != FlowCancelled {
			return st.Why
		}
	}
	return f.Why
}

// forgetFlows forgets the oldest of the flows that have ended. Their jobs stay.
func (t *tx) forgetFlows() {
	var over []Flow
	for _, k := range t.keys(key(kindFlow)) {
		var f Flow
		if t.read(k, &f); f.State.Ended() {
			over = append(over, f)
		}
	}
	for ; len(over) > FlowsKept; over = over[1:] {
		oldest := 0
		for i, f := range over {
			if f.CreateIndex < over[oldest].CreateIndex {
				oldest = i
			}
		}
		t.remove(flowKey(kindFlow, over[oldest].ID))
		t.remove(flowKey(kindFlowGraph, over[oldest].ID))
		t.forgetNotes(over[oldest])
		if t.read(flowKey(kindFlowUndo, over[oldest].ID), &FlowUndo{}) {
			t.remove(flowKey(kindFlowUndo, over[oldest].ID))
		}
		outbox := t.outboxOf(over[oldest].ID)
		if t.read(flowKey(kindFlowRun, over[oldest].ID), &FlowRun{}) {
			t.remove(flowKey(kindFlowRun, over[oldest].ID))
		}
		t.leaveOutbox(outbox)
		over[oldest] = over[0]
	}
}

// stopJob ends the job of a step that is given up, so that it can be taken up again.
func (t *tx) stopJob(id partition.JobID, state JobState, why string) {
	if j, ok := t.job(id); ok && !j.State.Terminal() {
		t.retireFor(j, state, why)
		notice := NoticeFailed
		if state == JobCancelled {
			notice = NoticeCancelled
		}
		t.tell(notice, j, why, "")
	}
}

// startPlanned starts the job of a plan that a step has made, or takes up the one of the same plan that there is.
func (t *tx) startPlanned(f Flow, m *MadePlan, terms *JobTerms) *Result {
	refuse := func(c Code, why string) *Result {
		r := t.refuse(c, why)
		return &r
	}
	if _, voided := t.void(m.Job); voided {
		return refuse(WrongState, fmt.Sprintf("job %s of this very plan was rolled back", m.Job))
	}
	switch j, ok := t.job(m.Job); {
	case ok && j.PlanHash != m.Hash:
		return refuse(Exists, fmt.Sprintf("job %s is of another plan", m.Job))
	case ok && (j.State == JobPlanned || j.State == JobCancelled):
		return refuse(WrongState, fmt.Sprintf("job %s of this very plan is %s", m.Job, j.State))
	case ok && j.State == JobSucceeded && m.Records > 0 && j.CreateIndex < f.CreateIndex && t.read(flowKey(kindFlowRun, f.ID), &FlowRun{}):
		// A run would write what an earlier one has written and proved, again and again if somebody takes it away each time.
		return refuse(WrongState, fmt.Sprintf("job %s of this very plan has succeeded before this run: what it wrote is missing again", m.Job))
	case ok && j.State == JobFailed:
		return t.within(RetryJob{ID: m.Job}, f)
	case ok:
		return nil
	}
	if lock, by, locked := t.lockedBy(m.Job, m.Locks); locked {
		return refuse(Overlap, fmt.Sprintf("%s is held by job %s", lock, by))
	}
	for _, c := range []op{m.submit(f.Namespace), AddSlices{Job: m.Job, Slices: m.Slices}, StartJob{ID: m.Job}} {
		if r := t.within(c, f); r != nil && t.err == nil {
			t.err = fmt.Errorf("start job %s of flow %s: %s %s", m.Job, f.ID, r.Code, r.Object) // what PlanStep lets pass starts
		}
	}
	if terms != nil {
		t.onTerms(terms, m.Job, terms.DetectedUnixNanos)
	}
	return nil
}

// within applies a command for a flow and returns its refusal, nil for none.
func (t *tx) within(c op, f Flow) *Result {
	env := t.env
	t.env.Actor, t.env.Reason = "flow:"+string(f.ID), fmt.Sprintf("flow %s", f.Name)
	r := c.apply(t)
	t.env = env
	if r.Code != OK {
		return &r
	}
	return nil
}

// Flow returns a flow by its id.
func (v *View) Flow(id FlowID) (f Flow, g FlowGraph, ok bool, err error) {
	if ok, err = v.read(flowKey(kindFlow, id), &f); err != nil || !ok {
		return f, g, false, err
	}
	ok, err = v.read(flowKey(kindFlowGraph, id), &g)
	return f, g, ok, err
}

// FlowGraph returns the steps of a flow with the edges back between them.
func (v *View) FlowGraph(id FlowID, g FlowGraph) (flow.Graph, error) {
	var u FlowUndo
	_, err := v.read(flowKey(kindFlowUndo, id), &u)
	return flow.Graph{Steps: g.Steps, Undo: u.Edges}, err
}

// Flows returns all flows that are kept, by id.
func (v *View) Flows() ([]Flow, error) {
	var out []Flow
	for f, err := range each[Flow](v, key(kindFlow), nil) {
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// ActiveFlows returns the ids of the flows that have not ended. It costs nothing per flow that has.
func (v *View) ActiveFlows() ([]FlowID, error) {
	if v.err != nil {
		return nil, v.err
	}
	var out []FlowID
	for e, err := range v.scan(key(kindFlowActive), nil) {
		if err == nil {
			err = unseal(e.key, e.value, nil)
		}
		if err != nil {
			return nil, v.failed(err)
		}
		out = append(out, FlowID(e.key[1:]))
	}
	return out, nil
}
