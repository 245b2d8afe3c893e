package fsm

// ResumeFlow lets a paused flow go on.
//
// Since: 7. Proposed by: the API. Refused: UnknownFlow, WrongState. Resuming a flow that runs is OK.
type ResumeFlow struct{ ID FlowID }

// Op returns 85.
func (ResumeFlow) Op() uint16 { return 85 }

func (c ResumeFlow) subject() string { return "flow " + string(c.ID) }

func (c ResumeFlow) apply(t *tx) Result {
	return t.turnFlow(c.ID, FlowPaused, FlowRunning)
}
