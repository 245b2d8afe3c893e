package fsm

import (
	"fmt"

	"backstitch/partition"
)

// PutBudget bounds a scope, replaces its bound, or removes it when the rate is unlimited.
//
// Since: 6. Proposed by: the API. Refused: UnknownJob (a job that there is not), WrongState (a job that will not run again), Invalid (among
// others: too many budgets). The same rate again, and the removal of what is not there, are OK and change nothing.
type PutBudget struct {
	Scope Scope
	Rate  partition.Rate
}

// Op returns 67.
func (PutBudget) Op() uint16 { return 67 }

func (c PutBudget) subject() string { return "budget of " + string(c.Scope) }

func (c PutBudget) apply(t *tx) Result {
	if why := c.invalid(); why != "" {
		return t.refuse(Invalid, why)
	}
	if id, ok := c.Scope.Job(); ok {
		switch j, known := t.job(id); {
		case !known:
			return t.refuse(UnknownJob, string(id))
		case j.State == JobSucceeded || j.State == JobCancelled:
			return t.wrongState(j)
		}
	}
	var b Budget
	known := t.read(budgetKey(c.Scope), &b)
	switch {
	case c.Rate.Unlimited() && !known, known && b.Rate == c.Rate:
		return t.ok()
	case c.Rate.Unlimited():
		t.remove(budgetKey(c.Scope))
		return t.ok()
	case !known && len(t.keys(key(kindBudget))) >= MaxBudgets:
		return t.refuse(Invalid, fmt.Sprintf("%s: there are %d budgets already", c.subject(), MaxBudgets))
	}
	t.write(budgetKey(c.Scope), &Budget{
		Scope: c.Scope, Rate: c.Rate, PutBy: t.env.Actor, Why: t.env.Reason, PutUnixNanos: t.env.UnixNanos, ModifyIndex: t.index,
	})
	return t.ok()
}

func (c PutBudget) invalid() string {
	if c.Rate.Negative() {
		return fmt.Sprintf("%s: a negative rate", c.subject())
	}
	return c.Scope.invalid()
}
