package fsm

import (
	"fmt"
	"strings"

	"backstitch/partition"
)

// KeepPlan ends the slice of a plan with what its owner made. Under policy run, and when nothing stands against it, the job of the plan
// is started by the same command; otherwise the plan waits for a person, with the reasons.
//
// Since: 4. Proposed by: the owner. Refused: UnknownSlice, StaleEpoch, WrongState, Invalid (a slice of another kind; a plan that is not about
// the dataset, is too large, or has slices that no job takes). Keeping a plan again under the epoch that kept it is OK.
type KeepPlan struct {
	Slice      partition.SliceID
	Owner      partition.NodeID
	Epoch      partition.Epoch
	Checkpoint Checkpoint // what was read
	Made       *MadePlan  // nil when nothing is left to write
}

// Op returns 64.
func (KeepPlan) Op() uint16 { return 64 }

func (c KeepPlan) subject() string { return "plan " + string(c.Slice.Job) }

func (c KeepPlan) apply(t *tx) Result {
	s, answer := t.ending(c.Slice, c.Owner, c.Epoch, c.subject())
	if answer != nil {
		return *answer
	}
	p, ok := t.planOf(c.Slice.Job)
	if !ok || s.Kind != partition.SlicePlan {
		return t.refuse(Invalid, fmt.Sprintf("%s: a %s slice makes no plan", c.subject(), s.Kind))
	}
	if why := c.invalid(s, p); why != "" {
		return t.refuse(Invalid, fmt.Sprintf("%s: %s", c.subject(), why))
	}
	t.end(s, c.Checkpoint)
	j, _ := t.job(p.ID)
	j.FillDone++
	t.retireFor(j, JobSucceeded, "")
	d, _ := t.dataset(p.Dataset)
	policy := t.policy(p.Dataset)
	switch {
	case c.Made == nil:
		t.drop(p, PlanEmpty, "", "nothing is missing any more that can be put back")
	case policy.Act == PolicyNotify:
		t.drop(p, PlanWithdrawn, "", "the policy is notify now")
	case !d.orders(p.Pair):
		t.drop(p, PlanWithdrawn, "", "the dataset compares another pair now")
	default:
		t.keep(p, c.Made, policy)
	}
	return t.ok()
}

// keep decides about a plan that was made.
func (t *tx) keep(p Plan, m *MadePlan, policy Policy) {
	t.write(jobKey(kindPlanText, p.ID), &planText{Document: m.Document})
	p.Job, p.Hash, p.Records, p.Bytes = m.Job, m.Hash, m.Records, m.Bytes
	why := t.obstacles(p, m, policy)
	if len(why) == 0 {
		t.run(p, m, policyActor(p.Dataset), fmt.Sprintf("policy run: %d records and %d bytes are within its limits", m.Records, m.Bytes))
		return
	}
	work := *m
	work.Document = nil
	t.write(jobKey(kindPlanWork, p.ID), &work)
	p.State, p.Why = PlanWaiting, waitsFor(why)
	t.putPlan(p)
	if len(why) == 1 && why[0] == t.standsAgainst(m) && t.version() >= followsSince {
		t.write(jobKey(kindPlanLocked, p.ID), &lockedPlan{ID: p.ID})
	}
	namespace, _ := p.Dataset.Split()
	t.tell(NoticePlanned, Job{ID: p.ID, Name: m.Name, Namespace: namespace}, p.Why, "")
}

// waitsFor is one text of what a plan waits for.
func waitsFor(why []string) string { return clip(strings.Join(why, "; "), maxPlanWhy) }

func (c KeepPlan) invalid(s SliceState, p Plan) string {
	switch {
	case c.Checkpoint.Epoch != c.Epoch:
		return fmt.Sprintf("checkpoint of epoch %d under epoch %d", c.Checkpoint.Epoch, c.Epoch)
	case c.Checkpoint.Cursor < s.Checkpoint.Cursor:
		return fmt.Sprintf("cursor falls from %d to %d", s.Checkpoint.Cursor, c.Checkpoint.Cursor)
	case c.Made == nil:
		return ""
	}
	return c.Made.invalid(p.Dataset)
}
