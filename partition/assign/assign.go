package assign

import (
	"cmp"
	"slices"

	"backstitch/partition"
)

// Item is one piece of work that one node owns whole.
type Item struct {
	Key     string           // stable and unique; the hash of Key and member id is the preference
	Weight  int64            // bytes; less than 1 counts as 1
	Current partition.NodeID // owner so far, "" when there is none
	// Pinned items run right now: they count as load and stay where they are while Current is eligible.
	Pinned bool
	// Avoid names members that get the item only when no other member has a free slot.
	Avoid []partition.NodeID
	// Never names members that do not get the item even then. A pinned item stays all the same.
	Never []partition.NodeID
}

// Options bound an assignment.
type Options struct {
	SlackPercent uint32 // how far above its fair share a member may be loaded before items prefer another one
	// SlotsPerWeight is how many items a member may own per unit of its weight; 0 means no such limit. Pinned items may
	// exceed it.
	SlotsPerWeight uint32
}

// Placement says who owns an item; Owner is "" when every eligible member is full or is never to get it, or none is eligible.
type Placement struct {
	Key   string
	Owner partition.NodeID
}

// Assign places all items and returns them by key.
//
// It goes in three passes, the heaviest item first in each: pinned items stay; items whose owner is within its bounds stay;
// the rest go to the member that rendezvous hashing likes best among those with room, or, when an item fits nowhere, to the
// least loaded one.
func Assign(members []partition.Member, items []Item, o Options) []Placement {
	items = slices.Clone(items)
	var total float64
	for i := range items {
		items[i].Weight = max(1, items[i].Weight)
		total += float64(items[i].Weight)
	}
	slices.SortFunc(items, func(a, b Item) int {
		return cmp.Or(-cmp.Compare(a.Weight, b.Weight), cmp.Compare(a.Key, b.Key))
	})
	p := newPlacer(members, total, o)
	out := make([]Placement, len(items))
	placed := make([]bool, len(items))
	for pass := range 3 {
		for i, it := range items {
			if placed[i] {
				continue
			}
			var owner *node
			switch pass {
			case 0:
				owner = p.pinned(it)
			case 1:
				owner = p.sticky(it)
			case 2:
				owner = p.place(it)
			}
			if owner != nil {
				owner.add(it)
				placed[i] = true
				out[i].Owner = owner.ID
			}
			out[i].Key = it.Key
		}
	}
	slices.SortFunc(out, func(a, b Placement) int { return cmp.Compare(a.Key, b.Key) })
	return out
}
