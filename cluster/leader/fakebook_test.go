package leader

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"backstitch/fsm"
	"backstitch/partition"
)

// fakeBook is the rules of the book that matter to a leader, in memory. With strict set, a refusal fails the test: nothing
// moves between reading and proposing there, so each refusal would be a wrong decision.
type fakeBook struct {
	t      interface{ Errorf(string, ...any) }
	strict bool

	mu        sync.Mutex
	changed   chan struct{}
	index     uint64
	members   []fsm.Member
	jobs      map[partition.JobID]*fsm.Job
	slices    map[partition.JobID][]Slice
	states    map[partition.SliceID]*fsm.SliceState
	proofs    map[fsm.ProofID]fsm.Proof
	terms     map[partition.JobID]fsm.Terms
	asked     map[fsm.Lease]bool // without their owners
	wrote     map[partition.Lane][]partition.NodeID
	owners    map[fsm.Lease]bool // every lease ever granted; Owner is "" in the key
	stolen    int                // leased slices that were granted or revoked
	reads     int                // states read
	looks     int                // for what is unscanned
	unscanned []fsm.Unscanned
	fail      error // what Propose returns instead of applying
	log       []fsm.Envelope
}

func newFakeBook(t interface{ Errorf(string, ...any) }, nodes int) *fakeBook {
	b := &fakeBook{
		t: t, changed: make(chan struct{}), jobs: map[partition.JobID]*fsm.Job{}, slices: map[partition.JobID][]Slice{},
		states: map[partition.SliceID]*fsm.SliceState{}, proofs: map[fsm.ProofID]fsm.Proof{}, owners: map[fsm.Lease]bool{},
		wrote: map[partition.Lane][]partition.NodeID{}, terms: map[partition.JobID]fsm.Terms{}, asked: map[fsm.Lease]bool{},
	}
	for i := range nodes {
		b.members = append(b.members, fsm.Member{ID: partition.NodeID(fmt.Sprintf("node-%d", i)), State: fsm.MemberActive, Weight: 4, MaxOp: 94})
	}
	return b
}

// addJob adds a running job with perLane fill slices and one verify slice in each lane.
func (b *fakeBook) addJob(id partition.JobID, lanes, perLane int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	j := &fsm.Job{ID: id, State: fsm.JobRunning, CreatedUnixNanos: int64(len(b.jobs)), VerifySlices: uint32(lanes), FillSlices: uint32(lanes * perLane)}
	add := func(kind partition.SliceKind, lane int) {
		s := Slice{N: j.Slices, Kind: kind, Partition: int32(lane), Bytes: int64(100 + lane), Status: fsm.SliceWaiting}
		j.Slices++
		b.slices[id] = append(b.slices[id], s)
		sid := partition.SliceID{Job: id, N: s.N}
		b.states[sid] = &fsm.SliceState{ID: sid, Kind: kind, Partition: s.Partition, Status: fsm.SliceWaiting}
	}
	for lane := range lanes {
		for range perLane {
			add(partition.SliceFill, lane)
		}
	}
	for lane := range lanes {
		add(partition.SliceVerify, lane)
	}
	b.jobs[id] = j
	b.bump()
}

func (b *fakeBook) bump() {
	b.index++
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *fakeBook) Overview() (Overview, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	o := Overview{Applied: b.index, Version: 1, Members: slices.Clone(b.members), Terms: maps.Clone(b.terms)}
	for l := range b.asked {
		if st := b.states[l.Slice]; st.Status == fsm.SliceLeased && st.Epoch == l.Epoch {
			o.Asked = append(o.Asked, l)
		}
	}
	for _, j := range b.jobs {
		if j.State == fsm.JobRunning || j.State == fsm.JobVerifying {
			o.Jobs = append(o.Jobs, *j)
		}
	}
	return o, nil
}

func (b *fakeBook) Slices(job partition.JobID) ([]Slice, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := slices.Clone(b.slices[job])
	for i := range out {
		st := b.states[partition.SliceID{Job: job, N: out[i].N}]
		out[i].Status, out[i].Owner, out[i].Epoch = st.Status, st.Owner, st.Epoch
		out[i].Attempts, out[i].NotBeforeUnixNanos = st.Attempts, st.NotBeforeUnixNanos
	}
	return out, nil
}

func (b *fakeBook) States(ids []partition.SliceID) ([]fsm.SliceState, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reads += len(ids)
	out := make([]fsm.SliceState, len(ids))
	for i, id := range ids {
		out[i] = *b.states[id]
	}
	return out, nil
}

func (b *fakeBook) HasProof(id fsm.ProofID) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, ok := b.proofs[id]
	return ok, nil
}

// proposed is how many proposals had a reason that begins so.
func (b *fakeBook) proposed(reason string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, env := range b.log {
		if strings.HasPrefix(env.Reason, reason) {
			n++
		}
	}
	return n
}

func (b *fakeBook) Unscanned() ([]fsm.Unscanned, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.looks++
	return b.unscanned, nil
}

func (b *fakeBook) Writers(job partition.JobID) (fsm.Writers, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := fsm.Writers{Known: true}
	for _, s := range b.slices[job] {
		if s.Kind == partition.SliceVerify {
			w.Lanes = append(w.Lanes, fsm.LaneWriters{Partition: s.Partition, Nodes: b.wrote[partition.Lane{Job: job, Partition: s.Partition}]})
		}
	}
	return w, nil
}

func (b *fakeBook) Wait(ctx context.Context, after uint64) (uint64, error) {
	for {
		b.mu.Lock()
		index, changed := b.index, b.changed
		b.mu.Unlock()
		if index > after {
			return index, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return index, ctx.Err()
		}
	}
}

func (b *fakeBook) Propose(ctx context.Context, env fsm.Envelope, cmd fsm.Command) (fsm.Result, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return fsm.Result{}, b.fail
	}
	b.log = append(b.log, env)
	res := b.apply(cmd)
	b.bump()
	res.Index = b.index
	if b.strict && (res.Code != fsm.OK || len(res.Refused) > 0) {
		b.t.Errorf("the book refused %T %+v: code %d, %v", cmd, cmd, res.Code, res.Refused)
	}
	return res, nil
}

func (b *fakeBook) apply(cmd fsm.Command) fsm.Result {
	var res fsm.Result
	switch c := cmd.(type) {
	case fsm.GrantLeases:
		for _, g := range c.Grants {
			if code := b.grant(g); code != fsm.OK {
				res.Refused = append(res.Refused, fsm.Refusal{Slice: g.Slice, Code: code})
			}
		}
	case fsm.RevokeLeases:
		for _, l := range c.Leases {
			st := b.states[l.Slice]
			if st.Status != fsm.SliceLeased || st.Epoch != l.Epoch || st.Owner != l.Owner {
				res.Refused = append(res.Refused, fsm.Refusal{Slice: l.Slice, Code: fsm.StaleEpoch})
				continue
			}
			b.stolen++
			st.Status, st.Owner = fsm.SliceWaiting, ""
		}
	case fsm.YieldLeases:
		for _, l := range c.Leases {
			if st := b.states[l.Slice]; st.Status != fsm.SliceLeased || st.Epoch != l.Epoch || st.Owner != l.Owner {
				res.Refused = append(res.Refused, fsm.Refusal{Slice: l.Slice, Code: fsm.StaleEpoch})
				continue
			}
			b.asked[fsm.Lease{Slice: l.Slice, Epoch: l.Epoch}] = true
		}
	case fsm.BeginVerify:
		j := b.jobs[c.ID]
		if j.State != fsm.JobRunning || j.FillDone != j.FillSlices {
			res.Code = fsm.WrongState
			return res
		}
		j.State = fsm.JobVerifying
	case fsm.RecordProof:
		if _, ok := b.proofs[c.Proof.ID]; ok {
			res.Code = fsm.Exists
			return res
		}
		b.proofs[c.Proof.ID] = c.Proof
	case fsm.FinishJob:
		j := b.jobs[c.ID]
		p, ok := b.proofs[c.Proof]
		if c.State == fsm.JobSucceeded && (!ok || p.Verdict != fsm.Pass) || c.State == fsm.JobFailed && !ok && j.FailedSlices == 0 {
			res.Code = fsm.UnknownProof
			return res
		}
		j.State, j.Proof = c.State, c.Proof
	}
	return res
}

func (b *fakeBook) grant(g fsm.Grant) fsm.Code {
	st := b.states[g.Slice]
	if st.Epoch != g.Seen {
		return fsm.StaleEpoch
	}
	want := fsm.JobRunning
	if st.Kind == partition.SliceVerify {
		want = fsm.JobVerifying
	}
	if b.jobs[g.Slice.Job].State != want || st.Status == fsm.SliceDone || st.Status == fsm.SliceFailed {
		return fsm.WrongState
	}
	for _, s := range b.slices[g.Slice.Job] {
		if s.Partition == st.Partition && s.N < g.Slice.N && b.states[partition.SliceID{Job: g.Slice.Job, N: s.N}].Status != fsm.SliceDone {
			return fsm.LaneBusy
		}
	}
	if !slices.ContainsFunc(b.members, func(m fsm.Member) bool { return m.ID == g.Owner && m.State == fsm.MemberActive }) {
		return fsm.UnknownMember
	}
	if st.Status == fsm.SliceLeased {
		b.stolen++
	}
	st.Status, st.Owner, st.Epoch = fsm.SliceLeased, g.Owner, g.Seen+1
	lease := fsm.Lease{Slice: g.Slice, Epoch: st.Epoch}
	if b.owners[lease] {
		b.t.Errorf("slice %s was leased twice at epoch %d", g.Slice, st.Epoch)
	}
	b.owners[lease] = true
	if l := (partition.Lane{Job: g.Slice.Job, Partition: st.Partition}); st.Kind == partition.SliceFill && !slices.Contains(b.wrote[l], g.Owner) {
		b.wrote[l] = append(b.wrote[l], g.Owner)
	}
	return fsm.OK
}

// finish is a worker's FinishSlice. It reports whether the book took it.
func (b *fakeBook) finish(id partition.SliceID, owner partition.NodeID, epoch partition.Epoch) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	st, j := b.states[id], b.jobs[id.Job]
	if st.Status != fsm.SliceLeased || st.Epoch != epoch || st.Owner != owner {
		return false
	}
	st.Status, st.Owner, st.ModifyIndex = fsm.SliceDone, "", b.index+1
	if st.Kind == partition.SliceFill {
		j.FillDone++
	} else {
		j.VerifyDone++
		st.Comparison = &fsm.Comparison{Partition: st.Partition, Verdict: fsm.Pass, Evidence: fsm.E3, Expected: fsm.Side{Records: 10}, ReadBy: owner}
	}
	b.bump()
	return true
}

// failSlice is a worker's FailSlice.
func (b *fakeBook) failSlice(id partition.SliceID, epoch partition.Epoch, retry bool, notBefore int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	st := b.states[id]
	if st.Status != fsm.SliceLeased || st.Epoch != epoch {
		return
	}
	st.Owner, st.Attempts, st.NotBeforeUnixNanos = "", st.Attempts+1, notBefore
	if st.Status = fsm.SliceWaiting; !retry {
		st.Status = fsm.SliceFailed
		b.jobs[id.Job].FailedSlices++
	}
	b.bump()
}

// retry is an operator's RetryJob.
func (b *fakeBook) retry(job partition.JobID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	j := b.jobs[job]
	j.State, j.FailedSlices, j.VerifyDone = fsm.JobRunning, 0, 0
	for id, st := range b.states {
		if id.Job == job && (st.Status == fsm.SliceFailed || st.Kind == partition.SliceVerify) {
			st.Status, st.Owner, st.Attempts, st.NotBeforeUnixNanos, st.Comparison = fsm.SliceWaiting, "", 0, 0, nil
		}
	}
	b.bump()
}

// leases returns the leased slices, in order.
func (b *fakeBook) leases() []fsm.Lease {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []fsm.Lease
	for id, st := range b.states {
		if st.Status == fsm.SliceLeased {
			out = append(out, fsm.Lease{Slice: id, Owner: st.Owner, Epoch: st.Epoch})
		}
	}
	slices.SortFunc(out, func(a, b fsm.Lease) int { return a.Slice.Compare(b.Slice) })
	return out
}

func (b *fakeBook) state(job partition.JobID) fsm.JobState {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.jobs[job].State
}
