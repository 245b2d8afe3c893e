package fsm

import (
	"fmt"

	"backstitch/fsm/flow"
)

// BeginStep begins an attempt of a step. It is in the book before anything is done, so whoever leads next knows that something may have been
// done, and under which token. Wait is for a step that waits for a person. A job of an earlier attempt that has failed runs again.
//
// Since: 7. Proposed by: the leader. Refused: UnknownFlow, WrongState (the flow does not run, the step is not pending, an attempt of that number
// was begun, what it needs has not ended well, its gate is shut), Overlap (another job holds what the failed one writes).
type BeginStep struct {
	Flow    FlowID
	Step    string
	Attempt uint32 // one more than the newest
	Token   string // flow.State.NextToken
	Wait    bool
	Why     string // what it waits for
}

// Op returns 81.
func (BeginStep) Op() uint16 { return 81 }

func (c BeginStep) subject() string { return fmt.Sprintf("step %s of flow %s", c.Step, c.Flow) }

func (c BeginStep) apply(t *tx) Result {
	return t.changeFlow(c.Flow, func(f Flow, g FlowGraph) Result {
		i, refusal := t.attempt(f, g, c.Step, c.Attempt-1)
		switch {
		case refusal != nil:
			return *refusal
		case f.State != FlowRunning:
			return t.wrongFlow(f)
		case f.States[i].Status != flow.Pending:
			return t.wrongStep(f, c.Step, f.States[i])
		case !t.graph(f.ID, g).MayBegin(f.States, i):
			return t.refuse(WrongState, fmt.Sprintf("what step %s of flow %s needs has not ended well", c.Step, f.ID))
		}
		if why := flow.Gate(g.Steps, f.States, i); why != "" {
			return t.refuse(WrongState, why)
		}
		st := &f.States[i]
		switch j, ok := t.job(st.Job); {
		case ok && j.State == JobFailed:
			if r := t.within(RetryJob{ID: st.Job}, f); r != nil && r.Code == Overlap {
				return *r
			} else if r != nil {
				st.Job = "" // it was rolled back
			}
		case !ok || j.State == JobCancelled:
			st.Job = "" // a new plan
		}
		st.Status, st.Class, st.Why = flow.Running, 0, ""
		if c.Wait {
			st.Status, st.Why = flow.Waiting, clip(c.Why, maxFlowWhy)
		}
		st.Attempt, st.Token, st.By = c.Attempt, c.Token, ""
		st.Tries++
		st.BegunUnixNanos, st.EndedUnixNanos, st.NotBeforeUnixNanos = t.env.UnixNanos, 0, 0
		t.putFlow(f)
		if c.Wait {
			t.tellFlow(f, NoticeWaiting, c.Step, st.Why)
		}
		return t.ok()
	})
}
