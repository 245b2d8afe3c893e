package leader

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/assign"
	"backstitch/partition/plan"
)

// grant gives owners to the lanes that want one. As many lanes are tried as there are free slots, in the order of their
// turn, so that a job of high priority never queues behind one of low priority because both like the same node. A lane that waits
// for a witness leaves its turn to the next one: the slot that it may not have must not stay empty.
func (d *decision) grant(p *pool) {
	d.sortWanted(p)
	owners := map[partition.Lane]partition.NodeID{}
	for left, free := p.wanted, d.freeSlots(p); free > 0 && len(left) > 0; {
		chosen := left[:min(free, len(left))]
		left = left[len(chosen):]
		free -= d.place(p, chosen, owners)
	}
	fresh, moved, homeless := []fsm.Grant(nil), map[string][]fsm.Grant{}, map[string][]fsm.Lease{}
	for _, l := range p.wanted {
		owner := owners[l.Lane]
		g := fsm.Grant{Slice: l.slice(), Owner: owner, Seen: l.head.Epoch}
		switch why := fmt.Sprintf("%s %s", l.head.Owner, l.reason); {
		case owner == "" && l.reason != "":
			homeless[why] = append(homeless[why], fsm.Lease{Slice: l.slice(), Owner: l.head.Owner, Epoch: l.head.Epoch})
		case owner == "":
			// It waits already.
		case l.reason != "":
			moved[why] = append(moved[why], g)
		default:
			fresh = append(fresh, g)
		}
	}
	for _, why := range sortedKeys(moved) {
		d.proposeGrants(moved[why], why)
	}
	for _, why := range sortedKeys(homeless) {
		for part := range slices.Chunk(homeless[why], d.in.Limits.MaxGrants) {
			d.propose(Proposal{Command: fsm.RevokeLeases{Leases: part}, Reason: why + ", and no other node has room"})
		}
	}
	d.proposeGrants(fresh, "free lanes")
	if p == &d.jobs {
		d.preempt(p, owners)
	}
}

func (d *decision) proposeGrants(gs []fsm.Grant, why string) {
	for part := range slices.Chunk(gs, d.in.Limits.MaxGrants) {
		d.propose(Proposal{Command: fsm.GrantLeases{Grants: part}, Reason: why})
	}
}

// sortWanted puts the lane whose turn it is first: by priority, which rises with how long one of its jobs waits with nothing running; then by
// deadline. Jobs that are equal in both share: the one with the fewest lanes is next. Inside a job those lanes are first that ran before,
// then those with most left to do, because the longest lane decides when the job ends.
func (d *decision) sortWanted(p *pool) {
	moved := func(l lane) int {
		if l.reason != "" {
			return 0
		}
		return 1
	}
	slices.SortFunc(p.wanted, func(a, b lane) int {
		return cmp.Or(cmp.Compare(a.Job, b.Job), cmp.Compare(moved(a), moved(b)), -cmp.Compare(a.bytes, b.bytes), cmp.Compare(a.Partition, b.Partition))
	})
	ranks, lanes := d.ranks(p), map[partition.JobID]int{}
	for _, l := range p.running {
		lanes[l.Job]++
	}
	for i := range p.wanted {
		l := &p.wanted[i]
		l.turn = lanes[l.Job]
		lanes[l.Job]++
	}
	slices.SortStableFunc(p.wanted, func(a, b lane) int {
		x, y := ranks[a.Job], ranks[b.Job]
		if x.Equal(y) {
			return cmp.Or(cmp.Compare(a.turn, b.turn), x.Compare(y))
		}
		return x.Compare(y)
	})
}

// ranks are those of the jobs, with how long they have waited with nothing running. Who waits lifts the whole priority: if it rose alone, it would soon pass those of
// its own priority whose deadlines are earlier, and deadlines would mean nothing. Only one that has waited for very long goes before all others, the
// oldest first: there is no end of jobs with deadlines, but one of those that are older.
func (d *decision) ranks(p *pool) map[partition.JobID]plan.Rank {
	idle, busy := map[partition.JobID]time.Duration{}, map[partition.JobID]bool{}
	for _, l := range p.running {
		busy[l.Job] = true
	}
	for _, l := range p.wanted {
		idle[l.Job] = max(idle[l.Job], l.head.Idle)
		busy[l.Job] = busy[l.Job] || l.reason != ""
	}
	steps, lift := map[partition.JobID]uint8{}, map[uint8]uint8{}
	for _, j := range d.in.Jobs {
		if !busy[j.ID] {
			steps[j.ID] = uint8(min(idle[j.ID]/d.in.Limits.AgeEvery, plan.Overdue))
			lift[j.Priority] = max(lift[j.Priority], steps[j.ID])
		}
	}
	out := make(map[partition.JobID]plan.Rank, len(d.in.Jobs))
	for _, j := range d.in.Jobs {
		r := j.turn()
		r.Priority = plan.Aged(j.Priority, lift[j.Priority])
		if steps[j.ID] >= plan.Overdue {
			r.Priority, r.DeadlineUnixNanos = plan.Overdue, 0
		}
		out[j.ID] = r
	}
	return out
}

// freeSlots is how many more slices the members that take work can run.
func (d *decision) freeSlots(p *pool) int {
	used := map[partition.NodeID]int{}
	for _, l := range p.running {
		used[l.head.Owner]++
	}
	free := 0
	for _, m := range d.in.Members {
		if d.health[m.ID].takes {
			weight, per := p.slots(m)
			free += max(0, int(weight)*int(per)-used[m.ID])
		}
	}
	return free
}

// place asks partition/assign for the owners of chosen, given what runs already and what was placed before, adds them to owners
// and returns how many it found. A lane that ran before goes back to the same node, which has its producer and its connections,
// unless the slice failed there, or is to be verified: whoever wrote a partition should not be the one who reads it back.
func (d *decision) place(p *pool, chosen []lane, owners map[partition.Lane]partition.NodeID) (placed int) {
	members := make([]partition.Member, 0, len(d.in.Members))
	perWeight := d.in.Limits.LanesPerWeight
	for _, m := range d.in.Members {
		var weight uint32
		weight, perWeight = p.slots(m)
		members = append(members, partition.Member{ID: m.ID, Zone: m.Zone, Weight: weight, Eligible: d.health[m.ID].takes})
	}
	items := make([]assign.Item, 0, len(p.running)+len(p.wanted))
	for _, l := range p.running {
		if d.health[l.head.Owner].takes {
			items = append(items, assign.Item{Key: key(l), Weight: l.bytes, Current: l.head.Owner, Pinned: true})
		}
	}
	for _, l := range p.wanted {
		if owner := owners[l.Lane]; owner != "" {
			items = append(items, assign.Item{Key: key(l), Weight: l.bytes, Current: owner, Pinned: true})
		}
	}
	lanes := make(map[string]partition.Lane, len(chosen))
	for _, l := range chosen {
		it := assign.Item{Key: key(l), Weight: l.bytes}
		switch held := cmp.Or(l.head.Owner, l.head.Held); {
		case l.head.Kind == partition.SliceVerify:
			it.Avoid = l.writers
			if held != "" {
				it.Avoid = append(slices.Clone(l.writers), held)
			}
			if d.hasWitness(l) && l.head.Idle < d.in.Limits.Witness {
				it.Never = l.writers
			}
		case held == "":
		case l.reason != "" || l.head.Attempts > 0:
			it.Avoid = []partition.NodeID{held}
		default:
			it.Current = held
		}
		items, lanes[it.Key] = append(items, it), l.Lane
	}
	for _, a := range assign.Assign(members, items, assign.Options{SlackPercent: d.in.Limits.SlackPercent, SlotsPerWeight: perWeight}) {
		if l, ok := lanes[a.Key]; ok && a.Owner != "" {
			owners[l] = a.Owner
			placed++
		}
	}
	return placed
}

// hasWitness reports whether a node takes work that wrote nothing of the lane.
func (d *decision) hasWitness(l lane) bool {
	return slices.ContainsFunc(d.in.Members, func(m fsm.Member) bool {
		return d.health[m.ID].takes && m.Weight > 0 && !slices.Contains(l.writers, m.ID)
	})
}

// key names a lane for the hash. Both fill and verify slices of a lane have the same one.
func key(l lane) string { return fmt.Sprintf("%s/%d", l.Job, l.Partition) }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
