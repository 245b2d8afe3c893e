package fsm

import (
	"fmt"

	"backstitch/partition"
)

// What several job commands share: locks, and the ways into and out of the set of active jobs.

// lockedBy returns the lock that keeps job from running and who holds it.
func (t *tx) lockedBy(job partition.JobID, locks []string) (lock string, by partition.JobID, locked bool) {
	for _, name := range locks {
		var h lockHolder
		if t.read(key(kindLock, []byte(name)), &h) && h.Job != job {
			return name, h.Job, true
		}
	}
	return "", "", false
}

// activate takes the locks of a job and lists it as active.
func (t *tx) activate(job partition.JobID, locks []string) {
	for _, name := range locks {
		t.write(key(kindLock, []byte(name)), lockHolder{Job: job})
	}
	t.write(jobKey(kindJobActive, job), mark{})
}

// retire ends leases and locks of a job that became terminal.
func (t *tx) retire(j Job, state JobState) {
	t.releaseJob(j.ID)
	var f jobFrozen
	t.read(jobKey(kindJobFrozen, j.ID), &f)
	for _, name := range f.Locks {
		t.remove(key(kindLock, []byte(name)))
	}
	t.remove(jobKey(kindJobActive, j.ID))
	j.State, j.ResumeState, j.Why, j.FinishedUnixNanos = state, 0, t.env.Reason, t.env.UnixNanos
	t.putJob(j)
}

// changeJob reads a job and hands it to change, which returns a refusal or writes.
func (t *tx) changeJob(id partition.JobID, change func(j Job) Result) Result {
	j, ok := t.job(id)
	if !ok {
		return t.refuse(UnknownJob, string(id))
	}
	return change(j)
}

// wrongState refuses a command that does not fit the state of the job.
func (t *tx) wrongState(j Job) Result {
	return t.refuse(WrongState, fmt.Sprintf("job %s is %s", j.ID, j.State))
}

// runs reports whether slices of a kind may run in the present state of the job.
func (j Job) runs(k partition.SliceKind) bool {
	return j.State == JobRunning && k == partition.SliceFill || j.State == JobVerifying && k == partition.SliceVerify
}
