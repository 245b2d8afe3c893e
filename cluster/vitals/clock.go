package vitals

import (
	"cmp"
	"slices"
	"time"

	"backstitch/partition"
)

// Limit is how far clocks may be apart before somebody is told. Machines that keep time at all are within a few milliseconds; half a second is a
// machine that does not.
const Limit = 500 * time.Millisecond

// stepped is by how much a wall clock and a monotonic one may differ over one question before the wall clock counts as set meanwhile. Slewing makes
// half a millisecond in a second.
const stepped = 5 * time.Millisecond

// fresh is for how long a tight comparison is preferred to a newer and looser one. In that time clocks that drift by 500 ppm part by 30 ms.
const fresh = time.Minute

// Offset is how far another clock is ahead of this node's: by Ahead, give or take Within. Negative is behind.
type Offset struct {
	Ahead, Within time.Duration
	at            time.Time // when it was found, on the monotonic clock
}

// Measure makes an offset of one question: when it was sent and its answer was there, by this node's clock, and what the other clock said in
// between. The answer was made at some moment of the round trip, so half of that is the bound. ok is false when this node's clock was set meanwhile.
func Measure(sent, got, theirs time.Time) (o Offset, ok bool) {
	trip, wall := got.Sub(sent), got.Round(0).Sub(sent.Round(0))
	if trip < 0 || (wall-trip).Abs() > stepped {
		return Offset{}, false
	}
	return Offset{Ahead: theirs.Round(0).Sub(sent.Round(0).Add(trip / 2)), Within: (trip + 1) / 2, at: got}, true
}

// better is what to believe after o was found once more, as next. A tight one is kept for a while, unless next shows that a clock was set.
func (o Offset) better(next Offset) Offset {
	apart := (next.Ahead - o.Ahead).Abs() > next.Within+o.Within
	if o.at.IsZero() || apart || next.Within <= o.Within || next.at.Sub(o.at) > fresh {
		return next
	}
	return o
}

// Skew says how far the two clocks are apart that are farthest from each other: by Max, give or take Within.
type Skew struct {
	Max, Within time.Duration
	// Node is whose clock is farthest from most others. Of two nodes it is the one that was not asked.
	Node partition.NodeID
	// Compared is how many other clocks are known.
	Compared int
}

// Loud reports whether clocks are further apart than the limit for certain.
func (s Skew) Loud() bool { return s.Max-s.Within > Limit }

// Judge makes one figure of the offsets that node self has found. Without any the skew is zero, and Compared says so.
func Judge(self partition.NodeID, offsets map[partition.NodeID]Offset) Skew {
	type clock struct {
		id partition.NodeID
		Offset
	}
	clocks := []clock{{id: self}}
	for id, o := range offsets {
		clocks = append(clocks, clock{id, o})
	}
	slices.SortFunc(clocks, func(a, b clock) int { return cmp.Or(cmp.Compare(a.Ahead, b.Ahead), cmp.Compare(a.id, b.id)) })
	first, last := clocks[0], clocks[len(clocks)-1]
	out := Skew{Max: last.Ahead - first.Ahead, Within: first.Within + last.Within, Node: last.id, Compared: len(offsets)}
	middle := (clocks[(len(clocks)-1)/2].Ahead + clocks[len(clocks)/2].Ahead) / 2
	low, high := middle-first.Ahead, last.Ahead-middle
	if low > high || (low == high && last.id == self) {
		out.Node = first.id
	}
	return out
}
