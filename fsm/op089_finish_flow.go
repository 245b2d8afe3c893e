package fsm

// FinishFlow ends a flow of which every step has ended. How is a matter of its steps: it failed if one failed that may not, and
// it was rolled back, or could not be, if there was something to take back.
//
// Since: 7. Proposed by: the leader. Refused: UnknownFlow, WrongState (it has ended), Incomplete (a step has not).
type FinishFlow struct{ ID FlowID }

// Op returns 89.
func (FinishFlow) Op() uint16 { return 89 }

func (c FinishFlow) subject() string { return "flow " + string(c.ID) }

func (c FinishFlow) apply(t *tx) Result {
	return t.changeFlow(c.ID, func(f Flow, g FlowGraph) Result {
		if f.State.Ended() {
			return t.wrongFlow(f)
		}
		out := t.graph(f.ID, g).Outcome(f.States)
		if !out.Done {
			return t.refuse(Incomplete, c.subject())
		}
		state := FlowFailed
		switch {
		case out.OK:
			state = FlowSucceeded
			f.Lost = uint32(out.Lost)
		case out.Undone:
			state = FlowRolledBack
		case out.Stuck:
			state = FlowRollbackFailed
		}
		t.endFlow(f, state, t.env.Reason)
		return t.ok()
	})
}
