package fsm

import (
	"fmt"

	"backstitch/partition"
)

// FinishSlice records that the owner completed a slice.
//
// Since: 1. Proposed by: the owner. Refused: UnknownSlice, StaleEpoch, WrongState, Invalid (a verify slice without a
// comparison, or with one of another partition; a fill slice with one, or that has not reached its end; too many quarantined
// records; a slice of a scan; since version 2 a comparison that somebody else than the owner has read, or that claims E4). Finishing a done slice
// under the epoch that finished it is OK.
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
	s, answer := t.ending(c.Slice, c.Owner, c.Epoch, c.subject())
	if answer != nil {
		return *answer
	}
	var frozen partition.Slice
	t.read(sliceKey(kindSlice, c.Slice), &frozen)
	if why := c.invalid(s, frozen, t.version()); why != "" {
		return t.refuse(Invalid, fmt.Sprintf("%s: %s", c.subject(), why))
	}
	if n := c.Checkpoint.Quarantined; n > 0 && s.Kind == partition.SliceFill && t.version() >= asideSince {
		t.write(jobKey(kindAside, c.Slice.Job), &aside{Positions: t.setAside(c.Slice.Job) + n})
	}
	j, _ := t.job(c.Slice.Job)
	s.Comparison, s.Quarantine = c.Comparison, c.Quarantine
	t.end(s, c.Checkpoint)
	if s.Kind == partition.SliceFill {
		j.FillDone++
	} else {
		j.VerifyDone++
	}
	t.putJob(j)
	return t.ok()
}

func (c FinishSlice) invalid(s SliceState, frozen partition.Slice, version uint32) string {
	switch {
	case s.Kind.Reads():
		return fmt.Sprintf("a %s slice ends with what it found", s.Kind)
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
	case s.Kind == partition.SliceVerify && version >= writersSince && c.Comparison.ReadBy != c.Owner:
		return fmt.Sprintf("read by %q, and finished by %q", c.Comparison.ReadBy, c.Owner)
	case s.Kind == partition.SliceVerify && version >= writersSince && c.Comparison.Evidence > E3:
		return fmt.Sprintf("a reader can not claim %s", c.Comparison.Evidence)
	case s.Kind == partition.SliceFill && c.Comparison != nil:
		return "a fill slice with a comparison"
	case s.Kind == partition.SliceFill && c.Checkpoint.Cursor < frozen.Ranges.Span().To:
		return fmt.Sprintf("cursor %d has not reached %d", c.Checkpoint.Cursor, frozen.Ranges.Span().To)
	}
	return ""
}
