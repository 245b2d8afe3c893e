package fsm

import (
	"fmt"

	"backstitch/fsm/flow"
)

// CancelFlow ends a flow and every step that has not ended, with the jobs that they run. What was done stays, and a call that is on its way can
// not be taken back.
//
// Since: 7. Proposed by: the API. Refused: UnknownFlow, WrongState. Cancelling a cancelled flow is OK.
type CancelFlow struct{ ID FlowID }

// Op returns 86.
func (CancelFlow) Op() uint16 { return 86 }

func (c CancelFlow) subject() string { return "flow " + string(c.ID) }

func (c CancelFlow) apply(t *tx) Result {
	return t.changeFlow(c.ID, func(f Flow, _ FlowGraph) Result {
		switch {
		case f.State == FlowCancelled:
			return t.ok()
		case f.State.Ended():
			return t.wrongFlow(f)
		}
		for i, st := range f.States {
			if st.Status.Ended() {
				continue
			}
			if st.Status == flow.Running && st.Job != "" {
				t.stopJob(st.Job, JobCancelled, fmt.Sprintf("flow %s was cancelled", f.ID))
			}
			t.conclude(&f, i, flow.Cancelled, 0, t.env.Reason)
		}
		t.endFlow(f, FlowCancelled, t.env.Reason)
		return t.ok()
	})
}
