package fsm

import (
	"bytes"
	"fmt"

	"backstitch/fsm/wire"
	"backstitch/partition"
)

// AddSlices adds slices to a planned job. They are numbered from 0 up to the declared number, and those of one lane are
// added in the order of their numbers, which is that of their ranges, fill slices before verify slices.
//
// Since: 1. Proposed by: the API, in batches of at most MaxSlicesBytes. Refused: UnknownJob, WrongState, Exists (same number,
// other content), Invalid. Slices that are there already are left alone.
type AddSlices struct {
	Job    partition.JobID
	Slices []partition.Slice
}

// MaxSlicesBytes is the encoded size at which a proposer starts another AddSlices.
const MaxSlicesBytes = 512 << 10

// Op returns 20.
func (AddSlices) Op() uint16 { return 20 }

func (c AddSlices) subject() string { return fmt.Sprintf("job %s, %d slices", c.Job, len(c.Slices)) }

func (c AddSlices) apply(t *tx) Result {
	j, ok := t.job(c.Job)
	switch {
	case !ok:
		return t.refuse(UnknownJob, string(c.Job))
	case j.State != JobPlanned:
		return t.wrongState(j)
	}
	// First pass: check all, and remember how far each lane would come. Nothing iterates over these maps.
	lanes := map[int32]lane{}
	taken := map[uint32]bool{}
	var fresh []partition.Slice
	for _, s := range c.Slices {
		if why := c.invalid(j, s); why != "" {
			return t.refuse(Invalid, fmt.Sprintf("slice %s: %s", s.ID, why))
		}
		var have partition.Slice
		if t.read(sliceKey(kindSlice, s.ID), &have) {
			if !sameSlice(have, s) {
				return t.refuse(Exists, "slice "+s.ID.String())
			}
			continue
		}
		if taken[s.ID.N] {
			return t.refuse(Invalid, fmt.Sprintf("slice %s is there twice", s.ID))
		}
		l, known := lanes[s.Partition]
		if !known {
			known = t.read(laneKey(s.Lane()), &l)
		}
		next, why := l.add(s, known)
		if why != "" {
			return t.refuse(Invalid, fmt.Sprintf("slice %s: %s", s.ID, why))
		}
		lanes[s.Partition], taken[s.ID.N] = next, true
		fresh = append(fresh, s)
	}
	for _, s := range fresh {
		l := lanes[s.Partition]
		t.write(sliceKey(kindSlice, s.ID), &s)
		t.putState(SliceState{ID: s.ID, Kind: s.Kind, Partition: s.Partition, Status: SliceWaiting})
		t.write(laneSliceKey(s.Lane(), s.ID.N), mark{})
		t.write(laneKey(s.Lane()), &l)
		if s.Kind == partition.SliceFill {
			j.FillSlices++
		} else {
			j.VerifySlices++
		}
		j.Added++
	}
	if len(fresh) > 0 {
		t.putJob(j)
	}
	return t.ok()
}

func (c AddSlices) invalid(j Job, s partition.Slice) string {
	switch {
	case s.ID.Job != j.ID:
		return "it belongs to job " + string(s.ID.Job)
	case s.ID.N >= j.Slices:
		return fmt.Sprintf("the job declared %d slices", j.Slices)
	case s.Kind != partition.SliceFill && s.Kind != partition.SliceVerify:
		return s.Kind.String()
	case s.Partition < 0:
		return fmt.Sprintf("partition %d", s.Partition)
	case s.Records < 0 || s.Bytes < 0:
		return "a negative size"
	case s.Kind == partition.SliceFill && len(s.Ranges) == 0:
		return "nothing to fill"
	}
	for i, r := range s.Ranges {
		if r.Empty() || r.From < 0 || i > 0 && r.From <= s.Ranges[i-1].To {
			return fmt.Sprintf("range %s is empty, negative or out of order", r)
		}
	}
	return ""
}

// add returns the lane with s at its end, or why s can not be there.
func (l lane) add(s partition.Slice, known bool) (lane, string) {
	span := s.Ranges.Span()
	if !known {
		l = lane{Open: true, Head: s.ID.N, Last: s.ID.N, Kind: s.Kind}
		if s.Kind == partition.SliceFill {
			l.To = span.To
		}
		return l, ""
	}
	switch {
	case s.ID.N < l.Last:
		return l, fmt.Sprintf("slice %d of its lane is there already", l.Last)
	case s.Kind < l.Kind:
		return l, "a fill slice behind a verify slice"
	case s.Kind == partition.SliceFill && span.From < l.To:
		return l, fmt.Sprintf("its lane is filled up to %d already", l.To)
	}
	l.Last, l.Kind = s.ID.N, s.Kind
	if s.Kind == partition.SliceFill {
		l.To = span.To
	}
	return l, ""
}

func sameSlice(a, b partition.Slice) bool {
	x, errX := wire.Marshal(&a)
	y, errY := wire.Marshal(&b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
