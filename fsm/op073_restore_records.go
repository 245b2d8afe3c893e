package fsm

import (
	"fmt"

	"backstitch/partition"
)

// RestoreRecords takes DiscardRecords back: the records are open again, and may be put back.
//
// Since: 5. Proposed by: the API. Refused: UnknownJob, WrongState (one of them is not discarded), Invalid (none or too many, out of order).
type RestoreRecords struct {
	Job       partition.JobID
	Positions []Position // by partition and offset
}

// Op returns 73.
func (RestoreRecords) Op() uint16 { return 73 }

func (c RestoreRecords) subject() string { return "job " + string(c.Job) }

func (c RestoreRecords) apply(t *tx) Result {
	if _, ok := t.job(c.Job); !ok {
		return t.refuse(UnknownJob, string(c.Job))
	}
	if why := invalidPositions(c.Positions); why != "" {
		return t.refuse(Invalid, fmt.Sprintf("%s: %s", c.subject(), why))
	}
	for _, p := range c.Positions {
		if !t.read(discardedKey(c.Job, p), new(Discarded)) {
			return t.refuse(WrongState, fmt.Sprintf("%s of job %s is not discarded", p, c.Job))
		}
	}
	for _, p := range c.Positions {
		t.remove(discardedKey(c.Job, p))
	}
	return t.ok()
}
