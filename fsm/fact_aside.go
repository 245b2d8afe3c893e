package fsm

import (
	"fmt"
	"iter"

	"backstitch/partition"
)

// Position names one record of a job's reference.
type Position struct {
	Partition int32
	Offset    partition.Offset
}

// String is p07@4711.
func (p Position) String() string { return fmt.Sprintf("p%02d@%d", p.Partition, p.Offset) }

// Discarded says that a record which a job has set aside, or which its plan has left out, is given up: nobody is going to put it back. The job,
// its counts and its proof stay what they are, for the record is in the target no more than before.
type Discarded struct {
	Job       partition.JobID
	Position  Position
	Planned   bool   // left out by the plan, which the book does not read: whoever proposed it has looked
	By        string // actor
	Why       string // never ""
	UnixNanos int64
	Index     uint64 // of the command
}

// aside is how many positions the done fill slices of a job have set aside. There is none of a job that has set nothing aside.
type aside struct{ Positions int64 }

const (
	// MaxDiscard bounds the positions of one command.
	MaxDiscard = 1000
	// MaxDiscarded bounds the discarded records of one job.
	MaxDiscarded = 100_000
	// MaxDiscardWhy bounds the reason, in bytes.
	MaxDiscardWhy = 1024
)

func discardedKey(job partition.JobID, p Position) []byte {
	return key(kindDiscarded, ended(job), u32(uint32(p.Partition)), u64(uint64(p.Offset)))
}

// Discarded yields the discarded records of a job, by partition and offset.
func (v *View) Discarded(job partition.JobID) iter.Seq2[Discarded, error] {
	return each[Discarded](v, key(kindDiscarded, ended(job)), nil)
}

// setAside is how many positions the done fill slices of a job have set aside. The first time it asks them.
func (t *tx) setAside(job partition.JobID) int64 {
	var sum aside
	if t.read(jobKey(kindAside, job), &sum) {
		return sum.Positions
	}
	for _, k := range t.keys(key(kindSliceState, ended(job))) {
		if s, ok := t.state(partition.SliceID{Job: job, N: trailingNumber(k)}); ok && s.Kind == partition.SliceFill && s.Status == SliceDone {
			sum.Positions += s.Checkpoint.Quarantined
		}
	}
	return sum.Positions
}

// listed are the positions of a partition that the slices of a job list as quarantined.
func (t *tx) listed(l partition.Lane) map[partition.Offset]bool {
	out := map[partition.Offset]bool{}
	for _, k := range t.keys(lanePrefix(l)) {
		s, _ := t.state(partition.SliceID{Job: l.Job, N: trailingNumber(k)})
		for _, q := range s.Quarantine {
			out[q.Offset] = true
		}
	}
	return out
}

// invalidPositions says what is wrong with the positions of a command.
func invalidPositions(all []Position) string {
	if len(all) == 0 || len(all) > MaxDiscard {
		return fmt.Sprintf("%d positions, want 1 to %d", len(all), MaxDiscard)
	}
	for i, p := range all {
		if p.Partition < 0 || p.Offset < 0 || i > 0 && !all[i-1].before(p) {
			return fmt.Sprintf("%s is out of order, or no position", p)
		}
	}
	return ""
}

func (p Position) before(q Position) bool {
	return p.Partition < q.Partition || p.Partition == q.Partition && p.Offset < q.Offset
}
