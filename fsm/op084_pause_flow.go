package fsm

// PauseFlow lets no step begin any more. What runs goes on; jobs are paused by themselves (PauseJob).
//
// Since: 7. Proposed by: the API. Refused: UnknownFlow, WrongState. Pausing a paused flow is OK.
type PauseFlow struct{ ID FlowID }

// Op returns 84.
func (PauseFlow) Op() uint16 { return 84 }

func (c PauseFlow) subject() string { return "flow " + string(c.ID) }

func (c PauseFlow) apply(t *tx) Result {
	return t.turnFlow(c.ID, FlowRunning, FlowPaused)
}

// turnFlow moves a flow that has not ended from one state to another.
func (t *tx) turnFlow(id FlowID, from, to FlowState) Result {
	return t.changeFlow(id, func(f Flow, _ FlowGraph) Result {
		switch f.State {
		case to:
			return t.ok()
		case from:
			f.State, f.Why = to, clip(t.env.Reason, maxFlowWhy)
			t.putFlow(f)
			return t.ok()
		}
		return t.wrongFlow(f)
	})
}
