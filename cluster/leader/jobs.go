package leader

import (
	"fmt"

	"backstitch/fsm"
	"backstitch/partition"
)

// lane is one lane of an active job, as far as it has something left to do in the job's present state.
type lane struct {
	partition.Lane
	head   Slice // the first slice that is not done
	bytes  int64 // estimate of all that is left in the lane, head included
	reason string
	turn   int // of the job's lanes, those that run counted first
	// writers may have written what a verify slice reads. It goes to somebody else as long as there is somebody.
	writers []partition.NodeID
}

func (l lane) slice() partition.SliceID { return partition.SliceID{Job: l.Job, N: l.head.N} }

// job adds what j needs next: a change of its state, or its lanes to running and wanted.
func (d *decision) job(j Job) {
	switch {
	case j.scans() && j.FillDone+j.FailedSlices >= j.FillSlices:
		d.propose(Proposal{
			Command: fsm.FinishScan{ID: j.ID},
			Reason:  fmt.Sprintf("%d slices of the scan are done and %d failed for good", j.FillDone, j.FailedSlices),
		})
	case j.reads():
		d.lanes(j, &d.scans)
	case j.State == fsm.JobRunning && j.FillDone >= j.FillSlices:
		d.propose(Proposal{
			Command: fsm.BeginVerify{ID: j.ID},
			Reason:  fmt.Sprintf("all %d fill slices are done", j.FillSlices),
		})
	case j.State == fsm.JobVerifying && j.VerifyDone >= j.VerifySlices:
		if len(j.Comparisons) == int(j.VerifySlices) {
			d.finish(j)
		}
	case j.State == fsm.JobRunning || j.State == fsm.JobVerifying:
		d.lanes(j, &d.jobs)
	}
}

// lanes sorts the lanes of j by what they need. A failed slice blocks its own lane only: the others go on to their end, so
// that a retry has as little left to do as possible, and then the job fails.
func (d *decision) lanes(j Job, p *pool) {
	heads := map[int32]int{} // partition to index in lanes
	var lanes []lane
	for _, s := range j.Slices {
		if !j.Runs(s.Kind) || s.Status == fsm.SliceDone {
			continue
		}
		i, ok := heads[s.Partition]
		if !ok {
			i = len(lanes)
			heads[s.Partition] = i
			lanes = append(lanes, lane{Lane: partition.Lane{Job: j.ID, Partition: s.Partition}, head: s})
		}
		lanes[i].bytes += s.Bytes
	}
	if j.State == fsm.JobVerifying {
		for i := range lanes {
			lanes[i].writers = j.Writers.Of(lanes[i].Partition)
		}
	}
	var failed []lane
	rest, rests := j.rests()
	for _, l := range lanes {
		if rests && l.head.Status != fsm.SliceFailed && !j.reads() {
			d.rest(p, l, rest)
			continue
		}
		switch l.head.Status {
		case fsm.SliceFailed:
			failed = append(failed, l)
		case fsm.SliceLeased:
			if l.reason = d.lossOf(l.head.Owner); l.reason == "" {
				l.reason = d.overdue(l)
			}
			if l.reason != "" {
				p.wanted = append(p.wanted, l)
			} else {
				p.running = append(p.running, l)
			}
		case fsm.SliceWaiting:
			if d.mayStart(l.head) {
				p.wanted = append(p.wanted, l)
			}
		}
	}
	if len(failed) > 0 && len(failed) == len(lanes) && !j.reads() {
		d.propose(Proposal{
			Command: fsm.FinishJob{ID: j.ID, State: fsm.JobFailed},
			Reason:  fmt.Sprintf("%d %s slices failed for good, the first is %s, and nothing else is left to do", len(failed), failed[0].head.Kind, failed[0].slice()),
		})
	}
}

// mayStart reports whether the pause after a failure is over. The time was set by the owner's wall clock, so it is believed
// only up to MaxBackoff.
func (d *decision) mayStart(s Slice) bool {
	return s.NotBeforeUnixNanos <= d.in.Wall.UnixNano() || s.Waited >= d.in.Limits.MaxBackoff
}

// finish records the proof of a compared job, if the book does not have it yet, and ends the job by its verdict.
func (d *decision) finish(j Job) {
	p := makeProof(j, d.in.Self, d.in.Wall)
	if !j.ProofRecorded {
		d.propose(Proposal{
			Command: fsm.RecordProof{Proof: p},
			Reason:  fmt.Sprintf("all %d verify slices are done", j.VerifySlices),
		})
	}
	state := fsm.JobFailed
	if p.Verdict == fsm.Pass {
		state = fsm.JobSucceeded
	}
	d.propose(Proposal{
		Command: fsm.FinishJob{ID: j.ID, State: state, Proof: p.ID},
		Reason:  fmt.Sprintf("proof %s: %s at %s", p.ID, p.Verdict, p.Evidence),
	})
}
