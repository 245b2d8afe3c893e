package fsm

import "fmt"

// PlanStepOnTerms is PlanStep for a plan whose job has terms: it has them from the command on that starts it, be that this one or a person's yes.
//
// Since: 8. Proposed by: the leader. Refused: as PlanStep is, and Invalid for terms that can not be meant. A job that is there already keeps its own.
type PlanStepOnTerms struct {
	Plan  PlanStep
	Terms JobTerms
}

// Op returns 78.
func (PlanStepOnTerms) Op() uint16 { return 78 }

func (c PlanStepOnTerms) subject() string { return c.Plan.subject() }

func (c PlanStepOnTerms) apply(t *tx) Result {
	why := c.Terms.invalid()
	if why == "" && c.Terms.WithinNanos != 0 && c.Terms.DetectedUnixNanos == 0 {
		why = "a deadline whose clock does not start"
	}
	if why != "" {
		return t.refuse(Invalid, fmt.Sprintf("%s: %s", c.subject(), why))
	}
	return c.Plan.on(t, &c.Terms)
}
