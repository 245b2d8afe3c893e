package client

import (
	"fmt"

	"backstitch/partition"
)

// NewSlice makes the API's form of a slice.
func NewSlice(s partition.Slice) Slice {
	out := Slice{
		N: s.ID.N, Kind: s.Kind.String(), Partition: s.Partition, Ranges: newRanges(s.Ranges), Records: s.Records,
		Bytes: s.Bytes, TargetFrom: s.TargetFrom, TargetTo: s.TargetTo, Filled: newRanges(s.Filled),
	}
	for _, o := range s.Objects {
		out.Objects = append(out.Objects, Object{Key: o.Key, ETag: o.ETag, Size: o.Size, Base: o.Base, Count: o.Count})
	}
	return out
}

// Partitioned makes the slice of job that s describes. Ranges that are not sorted, disjoint and non-empty are refused: a
// worker trusts their order.
func (s Slice) Partitioned(job partition.JobID) (partition.Slice, error) {
	out := partition.Slice{
		ID: partition.SliceID{Job: job, N: s.N}, Partition: s.Partition, Records: s.Records, Bytes: s.Bytes,
		TargetFrom: s.TargetFrom, TargetTo: s.TargetTo,
	}
	switch s.Kind {
	case partition.SliceFill.String():
		out.Kind = partition.SliceFill
	case partition.SliceVerify.String():
		out.Kind = partition.SliceVerify
	default:
		return partition.Slice{}, fmt.Errorf("slice %s: kind %q, want fill or verify", out.ID, s.Kind)
	}
	var err error
	if out.Ranges, err = ranges(s.Ranges); err != nil {
		return partition.Slice{}, fmt.Errorf("slice %s: ranges: %w", out.ID, err)
	}
	if out.Filled, err = ranges(s.Filled); err != nil {
		return partition.Slice{}, fmt.Errorf("slice %s: filled: %w", out.ID, err)
	}
	for _, o := range s.Objects {
		out.Objects = append(out.Objects, partition.Object{Key: o.Key, ETag: o.ETag, Size: o.Size, Base: o.Base, Count: o.Count})
	}
	return out, nil
}

func newRanges(rs partition.Ranges) []Range {
	out := make([]Range, len(rs))
	for i, r := range rs {
		out[i] = Range{From: r.From, To: r.To}
	}
	return out
}

func ranges(rs []Range) (partition.Ranges, error) {
	var out partition.Ranges
	for i, r := range rs {
		next := partition.Range{From: r.From, To: r.To}
		if next.Empty() {
			return nil, fmt.Errorf("%s is empty", next)
		}
		if i > 0 && next.From <= out[i-1].To {
			return nil, fmt.Errorf("%s does not come after %s", next, out[i-1])
		}
		out = append(out, next)
	}
	return out, nil
}
