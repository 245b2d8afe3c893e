package fsm

import (
	"fmt"

	"backstitch/fsm/flow"
)

// ApproveStep is a person's yes or no to a step that waits. Yes ends a step that only waits, and starts the job of one that has a plan; no
// ends either as failed.
//
// Since: 7. Proposed by: the API. Refused: UnknownFlow, WrongState (another attempt, the flow has ended, or the step does not wait, also because
// somebody has said the other thing; the job of the plan can not run), Exists, Overlap. Saying the same again is OK and changes nothing.
type ApproveStep struct {
	Flow    FlowID
	Step    string
	Attempt uint32
	No      bool
}

// Op returns 83.
func (ApproveStep) Op() uint16 { return 83 }

func (c ApproveStep) subject() string { return fmt.Sprintf("step %s of flow %s", c.Step, c.Flow) }

func (c ApproveStep) apply(t *tx) Result {
	return t.changeFlow(c.Flow, func(f Flow, g FlowGraph) Result {
		i, refusal := t.attempt(f, g, c.Step, c.Attempt)
		if refusal != nil {
			return *refusal
		}
		st := &f.States[i]
		switch said := st.By != ""; {
		case said && c.No == (st.Status == flow.Broken):
			return t.ok()
		case f.State.Ended():
			return t.wrongFlow(f)
		case st.Status != flow.Waiting:
			return t.wrongStep(f, c.Step, *st)
		}
		var m MadePlan
		switch planned := t.read(workKey(f.ID, i), &m); {
		case c.No:
			t.conclude(&f, i, flow.Broken, flow.Refused, "rejected: "+t.env.Reason)
		case planned:
			if r := t.startPlanned(f, &m, t.jobTerms(stepTermsKey(f.ID, i))); r != nil {
				return *r
			}
			t.remove(workKey(f.ID, i))
			t.keepTerms(stepTermsKey(f.ID, i), nil)
			st.Status, st.Job, st.Why = flow.Running, m.Job, ""
		default:
			t.conclude(&f, i, flow.Succeeded, 0, t.env.Reason)
		}
		st.By = t.env.Actor
		t.putFlow(f)
		t.tellAnswered(f, c.Step, t.env.Reason)
		return t.ok()
	})
}
