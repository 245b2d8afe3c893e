package fsm

import (
	"fmt"
	"slices"

	"backstitch/fsm/flow"
)

// SubmitFlow makes a flow that runs.
//
// Since: 7. Proposed by: the API. Refused: Exists (same id, another flow), Invalid. The same flow again under its id is OK and changes nothing.
type SubmitFlow struct {
	ID        FlowID
	Name      string
	Namespace string
	Document  []byte
	Steps     []flow.Step
}

// Op returns 80.
func (SubmitFlow) Op() uint16 { return 80 }

func (c SubmitFlow) subject() string { return "flow " + string(c.ID) }

func (c SubmitFlow) apply(t *tx) Result { return c.submit(t, nil, nil) }

// submit makes a flow with edges back, and says who hears of it; nil for nobody.
func (c SubmitFlow) submit(t *tx, undo []flow.Undo, outbox *FlowOutbox) Result {
	if why := c.invalid(undo); why != "" {
		return t.refuse(Invalid, why)
	}
	graph := FlowGraph{Steps: c.Steps, Document: c.Document}
	if f, g, ok := t.flow(c.ID); ok {
		if f.Name != c.Name || f.Namespace != c.Namespace || t.hash(&g) != t.hash(&graph) || !slices.Equal(t.graph(c.ID, g).Undo, undo) || !t.sameOutbox(c.ID, outbox) {
			return t.refuse(Exists, c.subject())
		}
		return t.ok()
	}
	if len(undo) > 0 {
		t.write(flowKey(kindFlowUndo, c.ID), &FlowUndo{Edges: undo})
	}
	states := make([]flow.State, len(c.Steps))
	for i := range states {
		states[i].Status = flow.Pending
	}
	t.write(flowKey(kindFlowGraph, c.ID), &graph)
	t.write(flowKey(kindFlowActive, c.ID), mark{})
	f := Flow{
		ID: c.ID, Name: c.Name, Namespace: c.Namespace, State: FlowRunning, Why: clip(t.env.Reason, maxFlowWhy), States: states,
		CreatedBy: t.env.Actor, CreatedUnixNanos: t.env.UnixNanos, CreateIndex: t.index,
	}
	t.putFlow(f)
	if outbox != nil {
		t.putOutbox(*outbox)
	}
	t.tellFlow(f, NoticeStarted, "", t.env.Reason)
	return t.ok()
}

func (c SubmitFlow) invalid(undo []flow.Undo) string {
	if why := c.ID.invalid(); why != "" {
		return why
	}
	size := len(c.Document)
	switch {
	case len(undo) > flow.MaxSteps:
		return fmt.Sprintf("%s: %d edges back, at most %d are kept", c.subject(), len(undo), flow.MaxSteps)
	case c.Name == "" || len(c.Name) > maxNameBytes || len(c.Namespace) > maxNameBytes:
		return fmt.Sprintf("%s: a name is needed, and name and namespace take at most %d bytes", c.subject(), maxNameBytes)
	case len(c.Steps) == 0 || len(c.Steps) > flow.MaxSteps:
		return fmt.Sprintf("%s: %d steps, want 1 to %d", c.subject(), len(c.Steps), flow.MaxSteps)
	}
	for _, s := range c.Steps {
		size += len(s.Body)
		r := s.Retry
		switch {
		case s.Name == "" || len(s.Name) > maxStepName || s.Kind == "" || len(s.Kind) > maxStepName || len(s.Needs) > flow.MaxSteps:
			return fmt.Sprintf("%s: a step of name %q and kind %q", c.subject(), s.Name, s.Kind)
		case s.TimeoutNanos < 0 || r.InitialNanos < 0 || r.MaxNanos < r.InitialNanos || r.Attempts > maxAttempts:
			return fmt.Sprintf("%s: step %s has a negative time, or more than %d attempts", c.subject(), s.Name, maxAttempts)
		}
	}
	if size > MaxFlowBytes {
		return fmt.Sprintf("%s: %d bytes, at most %d are kept", c.subject(), size, MaxFlowBytes)
	}
	// Which kinds leave a proof is for those who know kinds.
	if faults := flow.Check(flow.Graph{Steps: c.Steps, Undo: undo}, func(flow.Step) bool { return true }); len(faults) > 0 {
		return fmt.Sprintf("%s: %s", c.subject(), faults[0].Text)
	}
	return ""
}
