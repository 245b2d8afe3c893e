package quota

import (
	"cmp"
	"slices"
	"time"

	"backstitch/partition"
	"backstitch/partition/share"
)

// Pace is what holds one job back on one node beside budgets.
type Pace struct {
	Node partition.NodeID
	Pace share.Pace
}

// Paces returns those that nodes told with their last renewals, as far as these have not lapsed, by job and node.
func (d *Divider) Paces(now time.Time) []Pace {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []Pace
	for _, id := range d.sorted() {
		if h := d.nodes[id]; now.Before(h.until) {
			for _, p := range h.paces {
				out = append(out, Pace{id, p})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Pace) int { return cmp.Compare(a.Pace.Job, b.Pace.Job) })
	return out
}
