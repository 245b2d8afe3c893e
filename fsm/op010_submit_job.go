package fsm

import (
	"fmt"

	"backstitch/partition"
)

// SubmitJob makes a job in state planned and takes its locks.
//
// Since: 1. Proposed by: the API. Refused: Exists (same id, other plan hash; the job was rolled back), Overlap, Invalid. The same plan again is OK and
// changes nothing. The job's CreatedBy is the actor of the envelope.
type SubmitJob struct {
	ID        partition.JobID
	Name      string
	Namespace string
	Recipe    []byte
	PlanHash  [32]byte
	Locks     []string
	Priority  uint8
	Records   int64
	Bytes     int64
	Slices    uint32
}

// Op returns 10.
func (SubmitJob) Op() uint16 { return 10 }

const (
	maxNameBytes   = 256
	maxRecipeBytes = 1 << 20
	maxLocks       = 100_000
	maxPriority    = 100
)

func (c SubmitJob) subject() string { return "job " + string(c.ID) }

func (c SubmitJob) apply(t *tx) Result {
	if why := c.invalid(); why != "" {
		return t.refuse(Invalid, why)
	}
	if have, ok := t.job(c.ID); ok {
		if have.PlanHash != c.PlanHash {
			return t.refuse(Exists, c.subject())
		}
		if _, voided := t.void(c.ID); voided {
			return t.refuse(Exists, fmt.Sprintf("%s was rolled back: only a new plan can write that again", c.subject()))
		}
		return t.ok()
	}
	if lock, by, locked := t.lockedBy(c.ID, c.Locks); locked {
		return t.refuse(Overlap, fmt.Sprintf("%s is held by job %s", lock, by))
	}
	t.write(jobKey(kindJobFrozen, c.ID), &jobFrozen{Recipe: c.Recipe, Locks: c.Locks})
	t.activate(c.ID, c.Locks)
	t.noteWriters(c.ID)
	t.putJob(Job{
		ID: c.ID, Name: c.Name, Namespace: c.Namespace, State: JobPlanned, PlanHash: c.PlanHash, Priority: c.Priority,
		Records: c.Records, Bytes: c.Bytes, Slices: c.Slices, Why: t.env.Reason,
		CreatedBy: t.env.Actor, CreatedUnixNanos: t.env.UnixNanos, CreateIndex: t.index,
	})
	return t.ok()
}

func (c SubmitJob) invalid() string {
	if _, err := partition.ParseJobID(string(c.ID)); err != nil {
		return err.Error()
	}
	switch {
	case len(c.Name) > maxNameBytes || len(c.Namespace) > maxNameBytes:
		return fmt.Sprintf("name and namespace take at most %d bytes", maxNameBytes)
	case len(c.Recipe) > maxRecipeBytes:
		return fmt.Sprintf("recipe has %d bytes, at most %d are allowed", len(c.Recipe), maxRecipeBytes)
	case len(c.Locks) > maxLocks:
		return fmt.Sprintf("%d locks, at most %d are allowed", len(c.Locks), maxLocks)
	case c.Priority > maxPriority:
		return fmt.Sprintf("priority %d, want 0 to %d", c.Priority, maxPriority)
	case c.Slices == 0:
		return "a job without slices"
	case c.Records < 0 || c.Bytes < 0:
		return "a negative size"
	}
	for _, lock := range c.Locks {
		if lock == "" || len(lock) > maxLockBytes {
			return fmt.Sprintf("a lock of %d bytes, want 1 to %d", len(lock), maxLockBytes)
		}
	}
	return ""
}
