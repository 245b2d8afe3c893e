package fsm

import (
	"fmt"

	"backstitch/partition"
)

// ApprovePlan starts the job of a plan that waits: exactly that plan, which the hash names too, and nothing newer.
//
// Since: 4. Proposed by: the API. Refused: UnknownPlan, WrongState (it does not wait), Exists (its job was submitted by somebody else, or
// Hash is that of another plan), Overlap. Approving what was started already is OK.
type ApprovePlan struct {
	ID   partition.JobID
	Hash [32]byte
}

// Op returns 65.
func (ApprovePlan) Op() uint16 { return 65 }

func (c ApprovePlan) subject() string { return "plan " + string(c.ID) }

func (c ApprovePlan) apply(t *tx) Result {
	return t.decide(c.ID, c.Hash, PlanStarted, func(p Plan, m *MadePlan) Result {
		if _, ok := t.job(m.Job); ok {
			return t.refuse(Exists, t.standsAgainst(m))
		}
		if why := t.standsAgainst(m); why != "" {
			return t.refuse(Overlap, why)
		}
		why := t.env.Reason
		if why == "" {
			why = "approved"
		}
		t.run(p, m, t.env.Actor, clip(why, maxPlanWhy))
		return t.ok()
	})
}

// decide hands a plan that waits to do, which a person has said yes or no to. One that is in state already is left alone.
func (t *tx) decide(id partition.JobID, hash [32]byte, state PlanState, do func(p Plan, m *MadePlan) Result) Result {
	p, ok := t.planOf(id)
	switch {
	case !ok:
		return t.refuse(UnknownPlan, string(id))
	case p.State == PlanMaking:
		return t.refuse(WrongState, fmt.Sprintf("plan %s is not made", id))
	case p.Hash != hash:
		return t.refuse(Exists, fmt.Sprintf("plan %s has hash %x", id, p.Hash))
	case p.State == state:
		return t.ok()
	case p.State != PlanWaiting:
		return t.refuse(WrongState, fmt.Sprintf("plan %s is %s", id, p.State))
	}
	var m MadePlan
	t.read(jobKey(kindPlanWork, id), &m)
	return do(p, &m)
}
