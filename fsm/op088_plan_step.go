package fsm

import (
	"fmt"
	"slices"
	"strings"

	"backstitch/fsm/flow"
)

// PlanStep hands in the plan of a step that runs, and starts its job in the same command; a plan with warnings waits for a person instead. So
// a leader that dies between making a plan and starting it leaves either nothing or a job that the step knows.
//
// Since: 7. Proposed by: the leader. Refused: UnknownFlow, WrongState (another attempt, the step does not run, it has a job, or the job of this
// very plan can not run), Exists, Overlap, Invalid.
type PlanStep struct {
	Flow    FlowID
	Step    string
	Attempt uint32
	Made    *MadePlan
}

// Op returns 88.
func (PlanStep) Op() uint16 { return 88 }

func (c PlanStep) subject() string { return fmt.Sprintf("step %s of flow %s", c.Step, c.Flow) }

func (c PlanStep) apply(t *tx) Result { return c.on(t, nil) }

// on hands in the plan; its job has terms, nil for none.
func (c PlanStep) on(t *tx, terms *JobTerms) Result {
	return t.changeFlow(c.Flow, func(f Flow, g FlowGraph) Result {
		i, refusal := t.attempt(f, g, c.Step, c.Attempt)
		if refusal != nil {
			return *refusal
		}
		st := &f.States[i]
		switch {
		case f.State.Ended():
			return t.wrongFlow(f)
		case st.Status != flow.Running || st.Job != "":
			return t.wrongStep(f, c.Step, *st)
		}
		if why := c.invalid(f); why != "" {
			return t.refuse(Invalid, fmt.Sprintf("%s: %s", c.subject(), why))
		}
		warnings := c.Made.Warnings
		if over := t.exceeds(f.ID, c.Made); over != "" {
			warnings = append(slices.Clone(warnings), over)
		}
		if len(warnings) > 0 {
			work := *c.Made
			work.Document = nil
			t.write(workKey(f.ID, i), &work)
			t.keepTerms(stepTermsKey(f.ID, i), terms)
			st.Status, st.Why = flow.Waiting, clip("the plan has warnings: "+strings.Join(warnings, "; "), maxFlowWhy)
		} else {
			if r := t.startPlanned(f, c.Made, terms); r != nil {
				return *r
			}
			st.Job = c.Made.Job
		}
		t.putFlow(f)
		if st.Status == flow.Waiting {
			t.tellFlow(f, NoticeWaiting, c.Step, st.Why)
		}
		return t.ok()
	})
}

func (c PlanStep) invalid(f Flow) string {
	if c.Made == nil {
		return "no plan"
	}
	if why := c.Made.submit(f.Namespace).invalid(); why != "" {
		return why
	}
	if why := c.Made.TooLarge(); why != "" {
		return why
	}
	if len(c.Made.Warnings) > maxWarnings {
		return fmt.Sprintf("%d warnings, at most %d are allowed", len(c.Made.Warnings), maxWarnings)
	}
	_, why := c.Made.checkSlices()
	return why
}
