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

// retire ends leases and locks of a job that became terminal, for the reason of the command.
func (t *tx) retire(j Job, state JobState) { t.retireFor(j, state, t.env.Reason) }

func (t *tx) retireFor(j Job, state JobState, why string) {
	t.releaseJob(j.ID)
	var f jobFrozen
	t.read(jobKey(kindJobFrozen, j.ID), &f)
	for _, name := range f.Locks {
		t.remove(key(kindLock, []byte(name)))
	}
	t.remove(jobKey(kindJobActive, j.ID))
	if state != JobFailed { // that one can be retried
		t.dropBudget(j.ID)
	}
	j.State, j.ResumeState, j.Why, j.FinishedUnixNanos = state, 0, why, t.env.UnixNanos
	t.putJob(j)
	t.over = true
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

// Runs reports whether slices of a kind may run in the present state of the job. Those of a scan, which never verifies, run and are
// counted as fill slices are.
func (j Job) Runs(k partition.SliceKind) bool {
	if k == partition.SliceVerify {
		return j.State == JobVerifying
	}
	return j.State == JobRunning
}
