package fsm

import (
	"fmt"

	"backstitch/fsm/flow"
)

// SettleStep says what came of an attempt: it succeeded, it failed and is tried again after a pause or not at all, or the step is skipped. The
// job of an attempt whose time was over is stopped as failed. Whether a job's proof is a pass is read from the book, never believed.
//
// Since: 7. Proposed by: the leader. Refused: UnknownFlow, WrongState (the flow has ended, another attempt, nothing to settle, or a job that has
// not succeeded), Invalid. Settling an attempt again as it was settled is OK and changes nothing.
type SettleStep struct {
	Flow    FlowID
	Step    string
	Attempt uint32
	Status  flow.Status // Succeeded, Broken, or Skipped
	Class   flow.Class  // of Broken
	Why     string
	// Again, with Broken, is another attempt, not before NotBeforeUnixNanos.
	Again              bool
	NotBeforeUnixNanos int64
}

// Op returns 82.
func (SettleStep) Op() uint16 { return 82 }

func (c SettleStep) subject() string { return fmt.Sprintf("step %s of flow %s", c.Step, c.Flow) }

func (c SettleStep) apply(t *tx) Result {
	if c.Status != flow.Succeeded && c.Status != flow.Skipped && (c.Status != flow.Broken || c.Class == 0) || c.Again && c.Status != flow.Broken {
		return t.refuse(Invalid, fmt.Sprintf("%s: settled as %s for %q", c.subject(), c.Status, c.Class))
	}
	return t.changeFlow(c.Flow, func(f Flow, g FlowGraph) Result {
		i, refusal := t.attempt(f, g, c.Step, c.Attempt)
		if refusal != nil {
			return *refusal
		}
		st := &f.States[i]
		runs := st.Status == flow.Running || st.Status == flow.Waiting
		switch {
		case st.Status == c.Status && !c.Again:
			return t.ok()
		case f.State.Ended():
			return t.wrongFlow(f)
		case runs && c.Status == flow.Skipped, !runs && (st.Status != flow.Pending || c.Status == flow.Succeeded || c.Again):
			return t.wrongStep(f, c.Step, *st)
		}
		if st.Job != "" && runs {
			j, _ := t.job(st.Job)
			if c.Status == flow.Succeeded && j.State != JobSucceeded {
				return t.wrongState(j)
			}
			var p Proof
			st.Proof = string(j.Proof)
			st.Proved = c.Status == flow.Succeeded && j.Proof != "" && t.read(key(kindProof, []byte(j.Proof)), &p) && p.Verdict == Pass
			if c.Class == flow.TimedOut {
				t.stopJob(st.Job, JobFailed, fmt.Sprintf("%s: %s", c.subject(), c.Why))
			}
		}
		waited := st.Status == flow.Waiting
		if t.conclude(&f, i, c.Status, c.Class, c.Why); c.Again {
			st.Status, st.NotBeforeUnixNanos = flow.Pending, c.NotBeforeUnixNanos
		}
		t.putFlow(f)
		if waited {
			t.tellAnswered(f, c.Step, c.Why)
		}
		return t.ok()
	})
}
