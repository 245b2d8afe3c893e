package fsm

import (
	"fmt"

	"backstitch/partition"
)

// SetPriority changes when a job, or a scan, gets its turn. Slices that run go on; the next free lane goes by the new number.
//
// Since: 6. Proposed by: the API. Refused: UnknownJob, WrongState (it has ended), Invalid. The same number again is OK and changes nothing.
type SetPriority struct {
	ID       partition.JobID
	Priority uint8
}

// Op returns 18.
func (SetPriority) Op() uint16 { return 18 }

func (c SetPriority) subject() string { return "job " + string(c.ID) }

func (c SetPriority) apply(t *tx) Result {
	if c.Priority > maxPriority {
		return t.refuse(Invalid, fmt.Sprintf("priority %d, want 0 to %d", c.Priority, maxPriority))
	}
	return t.changeJob(c.ID, func(j Job) Result {
		switch {
		case j.State.Terminal():
			return t.wrongState(j)
		case j.Priority == c.Priority:
			return t.ok()
		}
		j.Priority = c.Priority
		t.putJob(j)
		return t.ok()
	})
}
