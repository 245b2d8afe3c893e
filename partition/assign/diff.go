package assign

import (
	"cmp"
	"slices"

	"backstitch/partition"
)

// Move is an item that changes its owner. From or To is "" when it had or gets none.
type Move struct {
	Key  string
	From partition.NodeID
	To   partition.NodeID
}

// Diff lists, by key, what differs between two assignments. An item that only one of them has counts as unowned in the other.
func Diff(before, after []Placement) []Move {
	moves := map[string]Move{}
	for _, p := range before {
		moves[p.Key] = Move{Key: p.Key, From: p.Owner}
	}
	for _, p := range after {
		m := moves[p.Key]
		m.Key, m.To = p.Key, p.Owner
		moves[p.Key] = m
	}
	var out []Move
	for _, m := range moves {
		if m.From != m.To {
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b Move) int { return cmp.Compare(a.Key, b.Key) })
	return out
}
