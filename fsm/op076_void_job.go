package fsm

import (
	"fmt"
	"strings"

	"backstitch/partition"
)

// VoidJob begins the rollback of a job that wrote into files, and takes the job's locks: nobody else writes there, and no publication, retry or new
// submission of the job is possible from then on. With Done it says that every partition's log says so, and gives the locks free.
//
// Since: 5. Proposed by: the API. Refused: UnknownJob, WrongState (the job is not over; its data are published; Done of what was not begun),
// Overlap (another job holds one of the locks), Invalid (a job that wrote into Kafka, or nothing). What was begun or done already is OK.
type VoidJob struct {
	Job     partition.JobID
	Done    bool
	Records int64 // that readers do not see any more, with Done
}

// Op returns 76.
func (VoidJob) Op() uint16 { return 76 }

func (c VoidJob) subject() string { return "job " + string(c.Job) }

func (c VoidJob) apply(t *tx) Result {
	j, ok := t.job(c.Job)
	switch reads := t.reads(c.Job); {
	case !ok:
		return t.refuse(UnknownJob, string(c.Job))
	case reads != "":
		return t.refuse(Invalid, reads+": it writes nothing")
	case c.Records < 0 || c.Records > 0 && !c.Done:
		return t.refuse(Invalid, fmt.Sprintf("%d records", c.Records))
	case !j.State.Terminal():
		return t.wrongState(j)
	}
	var f jobFrozen
	t.read(jobKey(kindJobFrozen, c.Job), &f)
	have, begun := t.void(c.Job)
	switch {
	case begun && (have.Done || !c.Done):
		return t.ok()
	case c.Done && !begun:
		return t.refuse(WrongState, fmt.Sprintf("the rollback of job %s was not begun", c.Job))
	case c.Done:
		for _, name := range f.Locks {
			t.remove(key(kindLock, []byte(name)))
		}
		have.Done, have.Records, have.DoneUnixNanos = true, c.Records, t.env.UnixNanos
		t.write(jobKey(kindVoid, c.Job), &have)
		return t.ok()
	}
	if place, ok := PlaceOfLocks(f.Locks); !ok || strings.HasPrefix(place, "kafka:") {
		return t.refuse(Invalid, fmt.Sprintf("job %s wrote %s: only what lies in files can be made void", c.Job, orNowhere(place)))
	}
	if names := t.aliasesOf(c.Job); len(names) > 0 {
		return t.refuse(WrongState, fmt.Sprintf("job %s is published as %s", c.Job, strings.Join(names, ", ")))
	}
	if lock, by, locked := t.lockedBy(c.Job, f.Locks); locked {
		return t.refuse(Overlap, fmt.Sprintf("%s is held by job %s", lock, by))
	}
	for _, name := range f.Locks {
		t.write(key(kindLock, []byte(name)), lockHolder{Job: c.Job})
	}
	t.write(jobKey(kindVoid, c.Job), &JobVoid{Job: c.Job, By: t.env.Actor, Why: t.env.Reason, UnixNanos: t.env.UnixNanos})
	return t.ok()
}
