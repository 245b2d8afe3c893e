package fsm

import "backstitch/partition"

// JobVoid says that what a job wrote into files does not count any more, or is about to: commits of its target's log name the job, and readers
// pass over what it wrote. Nothing is deleted. The commits are made by whoever rolls the job back; while they are, the job's locks are taken,
// so that nobody plans or writes over data that are going away.
type JobVoid struct {
	Job       partition.JobID
	Done      bool  // every partition says so, and the locks are free
	Records   int64 // that readers do not see any more; of what is Done
	By        string
	Why       string
	UnixNanos int64
	// DoneUnixNanos is when it was done, 0 before.
	DoneUnixNanos int64
}

func (t *tx) void(job partition.JobID) (v JobVoid, ok bool) {
	ok = t.read(jobKey(kindVoid, job), &v)
	return v, ok
}

// JobVoid returns whether a job was rolled back, or is being.
func (v *View) JobVoid(job partition.JobID) (out JobVoid, ok bool, err error) {
	ok, err = v.read(jobKey(kindVoid, job), &out)
	return out, ok, err
}
