package fsm

import (
	"fmt"

	"backstitch/partition"
)

// DiscardRecords gives up records that a job has set aside or that its plan has left out, for the reason of the envelope. It changes neither job
// nor proof. One that is given up already keeps who said so first.
//
// Since: 5. Proposed by: the API. Refused: UnknownJob, WrongState (no slice of the job lists one of them), Invalid (none or too many, out of
// order, no reason or one that is too long).
type DiscardRecords struct {
	Job       partition.JobID
	Positions []Position // by partition and offset
	// Planned says of each whether the plan left it out. The book does not read recipes, so it takes the proposer's word.
	Planned []bool
}

// Op returns 72.
func (DiscardRecords) Op() uint16 { return 72 }

func (c DiscardRecords) subject() string { return "job " + string(c.Job) }

func (c DiscardRecords) apply(t *tx) Result {
	if _, ok := t.job(c.Job); !ok {
		return t.refuse(UnknownJob, string(c.Job))
	}
	if why := c.invalid(t.env.Reason); why != "" {
		return t.refuse(Invalid, fmt.Sprintf("%s: %s", c.subject(), why))
	}
	have := len(t.keys(key(kindDiscarded, ended(c.Job))))
	var made []Discarded
	var lane partition.Lane
	var listed map[partition.Offset]bool
	for i, p := range c.Positions {
		if t.read(discardedKey(c.Job, p), new(Discarded)) {
			continue
		}
		if l := (partition.Lane{Job: c.Job, Partition: p.Partition}); !c.Planned[i] && (listed == nil || l != lane) {
			lane, listed = l, t.listed(l)
		}
		if !c.Planned[i] && !listed[p.Offset] {
			return t.refuse(WrongState, fmt.Sprintf("no slice of job %s has set aside %s", c.Job, p))
		}
		made = append(made, Discarded{
			Job: c.Job, Position: p, Planned: c.Planned[i], By: t.env.Actor, Why: t.env.Reason, UnixNanos: t.env.UnixNanos, Index: t.index,
		})
	}
	if n := have + len(made); n > MaxDiscarded {
		return t.refuse(Invalid, fmt.Sprintf("%s: %d records would be discarded, at most %d can be", c.subject(), n, MaxDiscarded))
	}
	for i := range made {
		t.write(discardedKey(c.Job, made[i].Position), &made[i])
	}
	return t.ok()
}

func (c DiscardRecords) invalid(reason string) string {
	switch {
	case reason == "" || len(reason) > MaxDiscardWhy:
		return fmt.Sprintf("a reason of %d bytes, want 1 to %d", len(reason), MaxDiscardWhy)
	case len(c.Planned) != len(c.Positions):
		return fmt.Sprintf("%d positions, and a word on %d of them", len(c.Positions), len(c.Planned))
	}
	return invalidPositions(c.Positions)
}
