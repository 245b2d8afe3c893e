package fsm

import (
	"fmt"

	"backstitch/fsm/flow"
)

// RetryFlow takes a failed flow up again from what failed: steps that failed or were skipped may begin anew, with as many attempts as at first.
// Steps that succeeded stay so. Of one whose rollback failed only the rollback is taken up: what went forward stays given up.
//
// Since: 7. Proposed by: the API. Refused: UnknownFlow, WrongState.
type RetryFlow struct{ ID FlowID }

// Op returns 87.
func (RetryFlow) Op() uint16 { return 87 }

func (c RetryFlow) subject() string { return "flow " + string(c.ID) }

func (c RetryFlow) apply(t *tx) Result {
	return t.changeFlow(c.ID, func(f Flow, g FlowGraph) Result {
		if f.State != FlowFailed && f.State != FlowRollbackFailed {
			return t.wrongFlow(f)
		}
		var run FlowRun
		if t.read(flowKey(kindFlowRun, f.ID), &run) {
			if going := t.going(run.Schedule); going != "" {
				return t.refuse(WrongState, fmt.Sprintf("run %s of flow %s is going, and one goes at a time", going, run.Schedule))
			}
		}
		graph := t.graph(f.ID, g)
		for i := range f.States {
			if f.State == FlowRollbackFailed && !graph.Back(i) {
				continue
			}
			if st := &f.States[i]; st.Status == flow.Broken || st.Status == flow.Skipped {
				st.Status, st.Tries, st.NotBeforeUnixNanos, st.EndedUnixNanos = flow.Pending, 0, 0, 0
				st.Class, st.Why, st.By = 0, "", ""
			}
		}
		f.State, f.Why, f.FinishedUnixNanos, f.Lost = FlowRunning, clip(t.env.Reason, maxFlowWhy), 0, 0
		t.write(flowKey(kindFlowActive, f.ID), mark{})
		t.putFlow(f)
		t.tellFlow(f, NoticeStarted, "", t.env.Reason)
		return t.ok()
	})
}
