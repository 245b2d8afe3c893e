package fsm

import "backstitch/partition"

// RejectPlan says no to a plan that waits. What it would have written is remembered: no later plan writes it without a person.
//
// Since: 4. Proposed by: the API. Refused: UnknownPlan, WrongState (it does not wait), Exists (Hash is that of another plan). Rejecting
// what was rejected already is OK.
type RejectPlan struct {
	ID   partition.JobID
	Hash [32]byte
}

// Op returns 66.
func (RejectPlan) Op() uint16 { return 66 }

func (c RejectPlan) subject() string { return "plan " + string(c.ID) }

func (c RejectPlan) apply(t *tx) Result {
	return t.decide(c.ID, c.Hash, PlanRejected, func(p Plan, m *MadePlan) Result {
		t.noteTried(p, m, "", t.env.Actor)
		t.rejectedFollow(p)
		t.drop(p, PlanRejected, t.env.Actor, clip(t.env.Reason, maxPlanWhy))
		namespace, _ := p.Dataset.Split()
		t.tell(NoticeCancelled, Job{ID: p.ID, Name: m.Name, Namespace: namespace}, clip(t.env.Reason, maxPlanWhy), "")
		return t.ok()
	})
}
