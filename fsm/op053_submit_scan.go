package fsm

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"

	"backstitch/fsm/wire"
	"backstitch/partition"
)

// SubmitScan makes a job that scans, with its survey as the only slice, and lets it run. A person's scan brings its order; that of a
// schedule takes it from the book, and moves the schedule to its next due time.
//
// Since: 3. Proposed by: the API, and the leader for a schedule. Refused: Exists (the same id with another order), UnknownSchedule,
// WrongState (the schedule is due at another time, or its last scan has not ended), Invalid (among others: due later than now, and a next
// due time that has passed, which would make up for one missed time twice). The same order again, and a due time that was started
// already, are OK and change nothing. Ended scans of the same group are forgotten as ScansKept says.
type SubmitScan struct {
	ID    partition.JobID
	Order *ScanOrder // nil for a scan of a schedule
	// Schedule and the times are those of a scan that was due. Then ID is ScanID of them.
	Schedule      string
	DueUnixNanos  int64
	NextUnixNanos int64 // when the schedule is due again
}

// Op returns 53.
func (SubmitScan) Op() uint16 { return 53 }

func (c SubmitScan) subject() string {
	if c.Schedule != "" {
		return fmt.Sprintf("scan %s of schedule %s", c.ID, c.Schedule)
	}
	return "scan " + string(c.ID)
}

func (c SubmitScan) apply(t *tx) Result {
	if why := c.invalid(t.env.UnixNanos); why != "" {
		return t.refuse(Invalid, why)
	}
	order := c.Order
	var s Schedule
	if c.Schedule != "" {
		if !t.read(scheduleKey(c.Schedule), &s) {
			return t.refuse(UnknownSchedule, c.Schedule)
		}
		last, _ := t.job(s.Last)
		switch {
		case s.Last == c.ID:
			return t.ok()
		case s.NextUnixNanos != c.DueUnixNanos:
			return t.refuse(WrongState, fmt.Sprintf("schedule %s is due at %d", s.Name, s.NextUnixNanos))
		case last.ID != "" && !last.State.Terminal():
			return t.refuse(WrongState, fmt.Sprintf("scan %s of schedule %s is %s", last.ID, s.Name, last.State))
		}
		order = &s.Order
	}
	hash := t.hash(&SubmitScan{ID: c.ID, Order: order, Schedule: c.Schedule, DueUnixNanos: c.DueUnixNanos})
	if have, ok := t.job(c.ID); ok {
		if have.PlanHash != hash {
			return t.refuse(Exists, c.subject())
		}
		return t.ok()
	}
	t.beginScan(c, order, hash, t.env.Reason)
	t.tell(NoticeStarted, Job{ID: c.ID, Name: order.Name, Namespace: order.Namespace}, t.env.Reason, "")
	if c.Schedule != "" {
		s.Last, s.LastUnixNanos, s.NextUnixNanos, s.ModifyIndex = c.ID, c.DueUnixNanos, c.NextUnixNanos, t.index
		t.write(scheduleKey(s.Name), &s)
	}
	return t.ok()
}

// beginScan lets a scan run, and tells nobody.
func (t *tx) beginScan(c SubmitScan, o *ScanOrder, hash [32]byte, why string) {
	t.write(jobKey(kindJobFrozen, c.ID), &jobFrozen{Recipe: o.Recipe})
	t.activate(c.ID, nil)
	t.putJob(Job{
		ID: c.ID, Name: o.Name, Namespace: o.Namespace, State: JobRunning, PlanHash: hash, Priority: o.Priority,
		Slices: 1, Added: 1, FillSlices: 1, Why: why,
		CreatedBy: t.env.Actor, CreatedUnixNanos: t.env.UnixNanos, StartedUnixNanos: t.env.UnixNanos, CreateIndex: t.index,
	})
	t.addReading(partition.Slice{ID: partition.SliceID{Job: c.ID}, Kind: partition.SliceSurvey, Partition: partition.NoPartition})
	s := Scan{
		Job: c.ID, Dataset: o.Dataset, Pair: o.Pair, Schedule: c.Schedule, DueUnixNanos: c.DueUnixNanos,
		RateBytes: o.RateBytes, Whole: o.Whole, Keep: o.Keep,
	}
	t.putScan(s)
	t.write(key(kindScanGroup, ended(s.group()), u64(t.index)), scanRef{Job: c.ID})
	t.forgetScans(s.group(), o.kept())
}

func (c SubmitScan) invalid(now int64) string {
	if _, err := partition.ParseJobID(string(c.ID)); err != nil {
		return err.Error()
	}
	if c.Schedule == "" {
		switch {
		case c.Order == nil:
			return "a scan without an order"
		case c.DueUnixNanos != 0 || c.NextUnixNanos != 0:
			return "a scan that no schedule ordered is never due"
		}
		return c.Order.invalid()
	}
	switch {
	case len(c.Schedule) > maxIDBytes:
		return fmt.Sprintf("a schedule's name has at most %d bytes", maxIDBytes)
	case c.Order != nil:
		return "a scan of a schedule has the schedule's order"
	case c.ID != ScanID(c.Schedule, c.DueUnixNanos):
		return fmt.Sprintf("scan %s is not that of schedule %s due at %d", c.ID, c.Schedule, c.DueUnixNanos)
	case c.DueUnixNanos > now:
		return fmt.Sprintf("schedule %s is due at %d, and it is %d", c.Schedule, c.DueUnixNanos, now)
	case c.NextUnixNanos <= now:
		return fmt.Sprintf("schedule %s would be due again at %d, and it is %d already", c.Schedule, c.NextUnixNanos, now)
	}
	return ""
}

// hash is SHA-256 over the encoding of v.
func (t *tx) hash(v any) [32]byte {
	b, err := wire.Marshal(v)
	if err != nil && t.err == nil {
		t.err = err
	}
	return sha256.Sum256(b)
}

// jobIDOf makes a job id of a text: 50 bits of its hash, as plans have them.
func jobIDOf(text string) partition.JobID {
	sum := sha256.Sum256([]byte(text))
	return partition.JobID("bs-" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:10]))
}
