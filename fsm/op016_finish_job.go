package fsm

import (
	"fmt"

	"backstitch/partition"
)

// FinishJob ends a running or verifying job. Succeeded needs that every slice is done and that Proof is a recorded passing
// proof of this job; Failed needs a failed slice, or that Proof is one that did not pass. All leases and locks end.
//
// Since: 1. Proposed by: the leader. Refused: UnknownJob, WrongState, UnknownProof, Incomplete, Invalid. A job that ended in
// State already is OK. A scan is ended by FinishScan, what makes a plan by KeepPlan; both are in the
// wrong state for this.
type FinishJob struct {
	ID    partition.JobID
	State JobState // JobSucceeded or JobFailed
	Proof ProofID  // "" only when State is JobFailed
}

// Op returns 16.
func (FinishJob) Op() uint16 { return 16 }

func (c FinishJob) subject() string { return "job " + string(c.ID) }

func (c FinishJob) apply(t *tx) Result {
	return t.changeJob(c.ID, func(j Job) Result {
		if c.State != JobSucceeded && c.State != JobFailed {
			return t.refuse(Invalid, fmt.Sprintf("a job can not be finished as %s", c.State))
		}
		switch j.State {
		case c.State:
			return t.ok()
		case JobRunning, JobVerifying:
		default:
			return t.wrongState(j)
		}
		if reads := t.reads(j.ID); reads != "" {
			return t.refuse(WrongState, reads)
		}
		var proof Proof
		if c.Proof != "" {
			if !t.read(key(kindProof, []byte(c.Proof)), &proof) {
				return t.refuse(UnknownProof, string(c.Proof))
			}
			if proof.Job != j.ID {
				return t.refuse(Invalid, fmt.Sprintf("proof %s is one of job %s", proof.ID, proof.Job))
			}
		}
		if why := c.missing(j, proof); why != "" {
			return t.refuse(Incomplete, why)
		}
		t.retire(j, c.State)
		t.tell(endNotice(c.State), j, t.env.Reason, c.Proof)
		return t.ok()
	})
}

// missing says what the job lacks to end in c.State.
func (c FinishJob) missing(j Job, proof Proof) string {
	switch {
	case c.State == JobFailed:
		if j.FailedSlices == 0 && (c.Proof == "" || proof.Verdict == Pass) {
			return fmt.Sprintf("job %s has no failed slice and no proof against it", j.ID)
		}
	case j.State != JobVerifying || j.VerifyDone != j.VerifySlices || j.FillDone != j.FillSlices:
		return fmt.Sprintf("job %s has filled %d of %d slices and compared %d of %d",
			j.ID, j.FillDone, j.FillSlices, j.VerifyDone, j.VerifySlices)
	case c.Proof == "" || proof.Verdict != Pass:
		return fmt.Sprintf("job %s has no passing proof", j.ID)
	}
	return ""
}
