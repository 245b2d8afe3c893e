package shares

import (
	"context"
	"maps"
	"slices"

	"backstitch/cluster/leader"
	"backstitch/fsm"
	"backstitch/partition"
)

// book is the rules of the book that matter to lanes: who may have a lease, and that each epoch has one owner. Jobs have no verify slices: they are done when they are
// filled.
type book struct {
	index   uint64
	members []fsm.Member
	jobs    map[partition.JobID]*fsm.Job
	slices  map[partition.JobID][]leader.Slice
	asked   map[fsm.Lease]bool // without their owners
	budgets map[fsm.Scope]fsm.Budget

	last  map[partition.Lane]partition.NodeID // who was given the lane last
	moves int                                 // grants to another node than the one before
	taken int                                 // leases that were taken from somebody
	asks  int
}

func newBook() *book {
	return &book{
		jobs: map[partition.JobID]*fsm.Job{}, slices: map[partition.JobID][]leader.Slice{}, asked: map[fsm.Lease]bool{},
		budgets: map[fsm.Scope]fsm.Budget{}, last: map[partition.Lane]partition.NodeID{},
	}
}

// add submits a job with perLane slices in each of its lanes.
func (b *book) add(j fsm.Job, lanes, perLane int, size int64) {
	b.index++
	j.State, j.CreatedUnixNanos = fsm.JobRunning, int64(len(b.jobs))
	for lane := range lanes {
		for range perLane {
			b.slices[j.ID] = append(b.slices[j.ID], leader.Slice{N: j.Slices, Kind: partition.SliceFill, Partition: int32(lane), Bytes: size, Status: fsm.SliceWaiting})
			j.Slices++
		}
	}
	j.FillSlices = j.Slices
	b.jobs[j.ID] = &j
}

func (b *book) slice(id partition.SliceID) *leader.Slice { return &b.slices[id.Job][id.N] }

// holds reports whether a lease is in force.
func (b *book) holds(l fsm.Lease) bool {
	s := b.slice(l.Slice)
	return s.Status == fsm.SliceLeased && s.Owner == l.Owner && s.Epoch == l.Epoch
}

// finish is a worker's FinishSlice.
func (b *book) finish(l fsm.Lease) {
	if !b.holds(l) {
		return
	}
	b.index++
	s, j := b.slice(l.Slice), b.jobs[l.Slice.Job]
	s.Status, s.Owner = fsm.SliceDone, ""
	delete(b.asked, fsm.Lease{Slice: l.Slice, Epoch: l.Epoch})
	if j.FillDone++; j.FillDone == j.FillSlices {
		j.State = fsm.JobSucceeded
	}
}

// giveBack is a worker's answer to being asked.
func (b *book) giveBack(l fsm.Lease) {
	b.index++
	s := b.slice(l.Slice)
	s.Status, s.Owner = fsm.SliceWaiting, ""
	delete(b.asked, fsm.Lease{Slice: l.Slice, Epoch: l.Epoch})
}

// leases are those in force, by owner.
func (b *book) leases() map[partition.NodeID][]fsm.Lease {
	out := map[partition.NodeID][]fsm.Lease{}
	for _, id := range slices.Sorted(maps.Keys(b.jobs)) {
		if b.jobs[id].State != fsm.JobRunning {
			continue
		}
		for i := range b.slices[id] {
			if s := &b.slices[id][i]; s.Status == fsm.SliceLeased {
				out[s.Owner] = append(out[s.Owner], fsm.Lease{Slice: partition.SliceID{Job: id, N: s.N}, Owner: s.Owner, Epoch: s.Epoch})
			}
		}
	}
	return out
}

// sorted are the budgets, by scope.
func (b *book) sorted() []fsm.Budget {
	out := make([]fsm.Budget, 0, len(b.budgets))
	for _, s := range slices.Sorted(maps.Keys(b.budgets)) {
		out = append(out, b.budgets[s])
	}
	return out
}

// What follows is a leader.Book and a leader.Proposer.

func (b *book) Overview() (leader.Overview, error) {
	o := leader.Overview{Applied: b.index, Version: 7, Members: slices.Clone(b.members)}
	for l := range b.asked {
		if s := b.slice(l.Slice); s.Status == fsm.SliceLeased && s.Epoch == l.Epoch {
			o.Asked = append(o.Asked, l)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(b.jobs)) {
		if j := b.jobs[id]; j.State == fsm.JobRunning {
			o.Jobs = append(o.Jobs, *j)
		}
	}
	return o, nil
}

func (b *book) Slices(job partition.JobID) ([]leader.Slice, error) {
	return slices.Clone(b.slices[job]), nil
}

func (b *book) States(ids []partition.SliceID) ([]fsm.SliceState, error) {
	out := make([]fsm.SliceState, len(ids))
	for i, id := range ids {
		s := b.slice(id)
		out[i] = fsm.SliceState{ID: id, Kind: s.Kind, Partition: s.Partition, Status: s.Status, Owner: s.Owner, Epoch: s.Epoch}
	}
	return out, nil
}

func (*book) HasProof(fsm.ProofID) (bool, error) { return false, nil }

func (*book) Unscanned() ([]fsm.Unscanned, error) { return nil, nil }

func (*book) Writers(partition.JobID) (fsm.Writers, error) { return fsm.Writers{Known: true}, nil }

// Wait is never called: turns are taken by hand.
func (b *book) Wait(context.Context, uint64) (uint64, error) { return b.index, nil }

func (b *book) Propose(_ context.Context, _ fsm.Envelope, cmd fsm.Command) (res fsm.Result, err error) {
	b.index++
	res.Index = b.index
	refuse := func(id partition.SliceID) {
		res.Refused = append(res.Refused, fsm.Refusal{Slice: id, Code: fsm.StaleEpoch})
	}
	switch c := cmd.(type) {
	case fsm.GrantLeases:
		for _, g := range c.Grants {
			if !b.grant(g) {
				refuse(g.Slice)
			}
		}
	case fsm.RevokeLeases:
		for _, l := range c.Leases {
			if !b.holds(l) {
				refuse(l.Slice)
				continue
			}
			b.taken++
			b.giveBack(l)
		}
	case fsm.YieldLeases:
		for _, l := range c.Leases {
			if !b.holds(l) {
				refuse(l.Slice)
				continue
			}
			b.asks++
			b.asked[fsm.Lease{Slice: l.Slice, Epoch: l.Epoch}] = true
		}
	}
	return res, nil
}

func (b *book) grant(g fsm.Grant) bool {
	s := b.slice(g.Slice)
	if s.Epoch != g.Seen || s.Status == fsm.SliceDone || b.jobs[g.Slice.Job].State != fsm.JobRunning {
		return false
	}
	if s.Status == fsm.SliceLeased {
		b.taken++
	}
	lane := partition.Lane{Job: g.Slice.Job, Partition: s.Partition}
	if was, ok := b.last[lane]; ok && was != g.Owner {
		b.moves++
	}
	b.last[lane] = g.Owner
	s.Status, s.Owner, s.Epoch = fsm.SliceLeased, g.Owner, g.Seen+1
	return true
}

var (
	_ leader.Book     = (*book)(nil)
	_ leader.Proposer = (*book)(nil)
)
