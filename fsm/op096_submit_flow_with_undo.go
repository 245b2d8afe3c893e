package fsm

import "backstitch/fsm/flow"

// SubmitFlowWithUndo makes a flow that runs, of which steps may undo others.
//
// Since: 8. Proposed by: the API. Refused: Exists (same id, another flow), Invalid. The same flow again under its id is OK and changes nothing.
type SubmitFlowWithUndo struct {
	Flow SubmitFlow
	Undo []flow.Undo
}

// Op returns 96.
func (SubmitFlowWithUndo) Op() uint16 { return 96 }

func (c SubmitFlowWithUndo) subject() string { return c.Flow.subject() }

func (c SubmitFlowWithUndo) apply(t *tx) Result { return c.Flow.submit(t, c.Undo, nil) }
