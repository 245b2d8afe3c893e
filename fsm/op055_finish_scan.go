package fsm

import (
	"fmt"

	"backstitch/partition"
)

// FinishScan ends a running scan that has no slice left to do. The book says how it ended, by its counts: a scan that compared nothing has
// not succeeded. From version 4 on it also begins the plan that the policy of the scan's dataset wants. Ended scans of the same group are forgotten as ScansKept says.
//
// Since: 3. Proposed by: the leader. Refused: UnknownJob (also for a job that is no scan), WrongState, Incomplete (a partition is neither
// done nor failed for good). A scan that succeeded or failed already is OK.
type FinishScan struct {
	ID partition.JobID
}

// Op returns 55.
func (FinishScan) Op() uint16 { return 55 }

func (c FinishScan) subject() string { return "scan " + string(c.ID) }

func (c FinishScan) apply(t *tx) Result {
	scan, ok := t.scanOf(c.ID)
	if !ok {
		return t.refuse(UnknownJob, string(c.ID))
	}
	return t.changeJob(c.ID, func(j Job) Result {
		switch {
		case j.State == JobSucceeded || j.State == JobFailed:
			return t.ok()
		case j.State != JobRunning:
			return t.wrongState(j)
		case j.FillDone+j.FailedSlices != j.FillSlices:
			return t.refuse(Incomplete, fmt.Sprintf("scan %s has done %d of %d slices, and %d failed", j.ID, j.FillDone, j.FillSlices, j.FailedSlices))
		}
		state, why := scan.verdict(j)
		t.retireFor(j, state, why)
		j.State = state
		if note := t.followUp(scan, j); note != "" {
			why = note
		}
		t.tell(endNotice(state), j, why, "")
		t.forgetScans(scan.group(), (&ScanOrder{Keep: scan.Keep}).kept())
		return t.ok()
	})
}
