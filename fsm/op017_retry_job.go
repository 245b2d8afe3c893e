package fsm

import (
	"fmt"

	"backstitch/partition"
)

// RetryJob takes a failed job up again and its locks with it: failed slices wait again, and every verify
// slice is run anew. It runs if a fill slice is left to do, and verifies otherwise.
//
// Since: 1. Proposed by: the API. Refused: UnknownJob, WrongState (also for the making of a plan while another one of its pair is open), Overlap.
type RetryJob struct {
	ID partition.JobID
}

// Op returns 17.
func (RetryJob) Op() uint16 { return 17 }

func (c RetryJob) subject() string { return "job " + string(c.ID) }

func (c RetryJob) apply(t *tx) Result {
	return t.changeJob(c.ID, func(j Job) Result {
		if j.State != JobFailed {
			return t.wrongState(j)
		}
		if t.isScan(j.ID) && j.FailedSlices == 0 {
			return t.refuse(WrongState, fmt.Sprintf("scan %s compared everything there was; a new scan looks again", j.ID))
		}
		if _, voided := t.void(j.ID); voided {
			return t.refuse(WrongState, fmt.Sprintf("job %s was rolled back", j.ID))
		}
		p, plans := t.planOf(j.ID)
		if plans {
			if open := t.openOf(p.Dataset, p.Pair, p.ID); open != "" {
				return t.refuse(WrongState, open)
			}
		}
		var f jobFrozen
		t.read(jobKey(kindJobFrozen, j.ID), &f)
		if lock, by, locked := t.lockedBy(j.ID, f.Locks); locked {
			return t.refuse(Overlap, fmt.Sprintf("%s is held by job %s", lock, by))
		}
		t.activate(j.ID, f.Locks)
		for _, k := range t.keys(key(kindSliceState, ended(j.ID))) {
			if s, ok := t.state(partition.SliceID{Job: j.ID, N: trailingNumber(k)}); ok {
				t.retrySlice(s)
			}
		}
		j.State, j.VerifyDone, j.FailedSlices = JobRunning, 0, 0
		if j.FillDone == j.FillSlices {
			j.State = JobVerifying
		}
		j.Why, j.FinishedUnixNanos = t.env.Reason, 0
		t.putJob(j)
		if plans {
			p.Why = ""
			t.putPlan(p)
		}
		t.tell(NoticeStarted, j, t.env.Reason, "")
		return t.ok()
	})
}

func (t *tx) retrySlice(s SliceState) {
	verify := s.Kind == partition.SliceVerify
	if !verify && s.Status != SliceFailed {
		return
	}
	if verify {
		s.Checkpoint, s.Comparison, s.Quarantine = Checkpoint{}, nil, nil
		t.rewind(s)
	}
	s.Status, s.Attempts, s.NotBeforeUnixNanos, s.Err = SliceWaiting, 0, 0, ""
	t.putState(s)
}
