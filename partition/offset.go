package partition

import (
	"fmt"
	"sort"
)

// Offset is a position in one partition of the reference; see the package comment.
type Offset = int64

// Range is a half-open interval of reference positions, [From, To).
type Range struct {
	From Offset `json:"from"`
	To   Offset `json:"to"`
}

// Empty reports whether no position lies in r.
func (r Range) Empty() bool { return r.To <= r.From }

// Len is the number of positions in r. It bounds the number of records from above: positions may be holes.
func (r Range) Len() int64 {
	if r.Empty() {
		return 0
	}
	return r.To - r.From
}

// Contains reports whether o lies in r.
func (r Range) Contains(o Offset) bool { return o >= r.From && o < r.To }

// Overlaps reports whether r and other share a position.
func (r Range) Overlaps(other Range) bool {
	return !r.Empty() && !other.Empty() && r.From < other.To && other.From < r.To
}

// String prints r as "[from,to)".
func (r Range) String() string { return fmt.Sprintf("[%d,%d)", r.From, r.To) }

// Ranges is a set of positions: sorted, disjoint, not touching, none empty. Build one with Normalize.
type Ranges []Range

// Normalize sorts rs, drops empty ones and joins those that overlap or touch. It may reuse rs.
func Normalize(rs []Range) Ranges {
	sort.Slice(rs, func(i, j int) bool { return rs[i].From < rs[j].From })
	out := rs[:0]
	for _, r := range rs {
		switch n := len(out); {
		case r.Empty():
		case n > 0 && r.From <= out[n-1].To:
			out[n-1].To = max(out[n-1].To, r.To)
		default:
			out = append(out, r)
		}
	}
	return Ranges(out)
}

// Contains reports whether o lies in one of the ranges. It is O(log n).
func (rs Ranges) Contains(o Offset) bool {
	i := sort.Search(len(rs), func(i int) bool { return rs[i].To > o })
	return i < len(rs) && rs[i].Contains(o)
}

// Len is the number of positions in all ranges.
func (rs Ranges) Len() int64 {
	var n int64
	for _, r := range rs {
		n += r.Len()
	}
	return n
}

// Span is the smallest range that covers all of rs; the zero Range when rs is empty.
func (rs Ranges) Span() Range {
	if len(rs) == 0 {
		return Range{}
	}
	return Range{From: rs[0].From, To: rs[len(rs)-1].To}
}

// Minus returns the positions of rs that are not in other.
func (rs Ranges) Minus(other Ranges) Ranges {
	var out Ranges
	for _, r := range rs {
		for len(other) > 0 && other[0].To <= r.From {
			other = other[1:]
		}
		from := r.From
		for _, x := range other {
			if x.From >= r.To {
				break
			}
			if x.From > from {
				out = append(out, Range{From: from, To: x.From})
			}
			from = max(from, x.To)
		}
		if from < r.To {
			out = append(out, Range{From: from, To: r.To})
		}
	}
	return out
}
