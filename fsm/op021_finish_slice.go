package fsm

import (
	"fmt"

	"backstitch/partition"
)

// FinishSlice records that the owner completed a slice.
//
// Since: 1. Proposed by: the owner. Refused: UnknownSlice, StaleEpoch, WrongState, Invalid (a verify slice without a
// comparison, or with one of another partition; a fill slice with one, or that has not reached its end; too many quarantined
// records). Finishing a done slice under the epoch that finished it is OK.
type FinishSlice struct {
	Slice      partition.SliceID
	Owner      partition.NodeID
	Epoch      partition.Epoch
	Checkpoint Checkpoint
	Comparison *Comparison // verify slices only
	Quarantine []Quarantined
}

// Op returns 21.
func (FinishSlice) Op() uint16 { return 21 }

func (c FinishSlice) subject() string { return "slice " + c.Slice.String() }

func (c FinishSlice) apply(t *tx) Result {
	s, ok := t.state(c.Slice)
	if !ok {
		return t.refuse(UnknownSlice, c.subject())
	}
	if s.Status == SliceDone && s.Epoch == c.Epoch {
		return t.ok()
	}
	if code := held(s, c.Owner, c.Epoch); code != OK {
		return t.refuse(code, c.subject())
	}
	var frozen partition.Slice
	t.read(sliceKey(kindSlice, c.Slice), &frozen)
	if why := c.invalid(s, frozen); why != "" {
		return t.refuse(Invalid, fmt.Sprintf("%s: %s", c.subject(), why))
	}
	j, _ := t.job(c.Slice.Job)
	t.dropLease(s)
	s.Status, s.Owner, s.Err, s.NotBeforeUnixNanos = SliceDone, "", "", 0
	s.Checkpoint, s.Comparison, s.Quarantine = c.Checkpoint, c.Comparison, c.Quarantine
	t.putState(s)
	t.advance(s)
	if s.Kind == partition.SliceFill {
		j.FillDone++
	} else {
		j.VerifyDone++
	}
	t.putJob(j)
	return t.ok()
}

func (c FinishSlice) invalid(s SliceState, frozen partition.Slice) string {
	switch {
	case c.Checkpoint.Epoch != c.Epoch:
		return fmt.Sprintf("checkpoint of epoch %d under epoch %d", c.Checkpoint.Epoch, c.Epoch)
	case c.Checkpoint.Cursor < s.Checkpoint.Cursor:
		return fmt.Sprintf("cursor falls from %d to %d", s.Checkpoint.Cursor, c.Checkpoint.Cursor)
	case len(c.Quarantine) > MaxQuarantineEntries:
		return fmt.Sprintf("%d quarantined records listed, at most %d are allowed", len(c.Quarantine), MaxQuarantineEntries)
	case s.Kind == partition.SliceVerify && c.Comparison == nil:
		return "a verify slice without a comparison"
	case s.Kind == partition.SliceVerify && c.Comparison.Partition != s.Partition:
		return fmt.Sprintf("compared partition %d, not %d", c.Comparison.Partition, s.Partition)
	case s.Kind == partition.SliceFill && c.Comparison != nil:
		return "a fill slice with a comparison"
	case s.Kind == partition.SliceFill && c.Checkpoint.Cursor < frozen.Ranges.Span().To:
		return fmt.Sprintf("cursor %d has not reached %d", c.Checkpoint.Cursor, frozen.Ranges.Span().To)
	}
	return ""
}
