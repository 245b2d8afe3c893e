package fsm

import (
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"

	"backstitch/partition"
	"backstitch/storage"
)

// View is the book as of one index. It is consistent and does not hold up Apply; Close it soon, since pebble keeps what it
// shows. It is safe for concurrent use until then.
//
// Each read checks checksums. One that fails returns storage.ErrDamaged and latches the machine, and a view of a latched
// machine returns ErrLatched: a damaged or diverged node serves nothing.
type View struct {
	book
	m    *Machine
	at   meta
	err  error // of making the view; every read returns it
	snap *pebble.Snapshot
}

// View returns the book as of now. Close it.
func (m *Machine) View() *View {
	if !m.readers.begin() {
		return &View{m: m, err: ErrClosed}
	}
	// Slot and index come from the snapshot itself: apply and restore commit first and publish then.
	snap := m.db.Pebble().NewSnapshot()
	v := &View{book: book{r: snap}, m: m, snap: snap}
	if v.err = m.Err(); v.err != nil {
		return v
	}
	s, err := readSlot(snap)
	if err == nil {
		v.slot = s
		_, err = v.get(key(kindMeta), &v.at)
	}
	v.err = v.failed(err)
	return v
}

// Close gives the view free.
func (v *View) Close() error {
	if v.snap == nil {
		return nil
	}
	defer v.m.readers.done()
	return v.snap.Close()
}

// failed latches the machine over a read error and returns it.
func (v *View) failed(err error) error {
	if err != nil {
		v.m.latch(err)
	}
	return err
}

// Applied is the index of the newest command in this view.
func (v *View) Applied() uint64 { return v.at.Index }

// Digest is the chained digest as of Applied.
func (v *View) Digest() [32]byte { return v.at.Digest }

// Err is nil, or why this view can not be read.
func (v *View) Err() error { return v.err }

func (v *View) read(k []byte, to any) (bool, error) {
	if v.err != nil {
		return false, v.err
	}
	ok, err := v.get(k, to)
	return ok, v.failed(err)
}

// each yields the decoded values under prefix, from the key from on.
func each[T any](v *View, prefix, from []byte) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		if v.err != nil {
			yield(zero, v.err)
			return
		}
		for e, err := range v.scan(prefix, from) {
			var value T
			if err == nil {
				err = unseal(e.key, e.value, &value)
			}
			if err != nil {
				yield(zero, v.failed(err))
				return
			}
			if !yield(value, nil) {
				return
			}
		}
	}
}

// Job returns a job; ok is false when there is none of that id.
func (v *View) Job(id partition.JobID) (j Job, ok bool, err error) {
	if ok, err = v.read(jobKey(kindJob, id), &j); err != nil || !ok {
		return Job{}, false, err
	}
	if err = v.freeze(&j); err != nil {
		return Job{}, false, err
	}
	return j, true, nil
}

// freeze adds the parts of a job that are kept apart.
func (v *View) freeze(j *Job) error {
	var f jobFrozen
	ok, err := v.read(jobKey(kindJobFrozen, j.ID), &f)
	if err == nil && !ok {
		err = v.failed(storage.Damaged("book of record, job "+string(j.ID), fmt.Errorf("its recipe is missing")))
	}
	j.Recipe, j.Locks = f.Recipe, f.Locks
	return err
}

// Jobs yields all jobs by id.
func (v *View) Jobs() iter.Seq2[Job, error] {
	return func(yield func(Job, error) bool) {
		for j, err := range each[Job](v, key(kindJob), nil) {
			if err == nil {
				err = v.freeze(&j)
			}
			if !yield(j, err) || err != nil {
				return
			}
		}
	}
}

// ActiveJobs returns the jobs that are not terminal, by id. It costs nothing per terminal job.
func (v *View) ActiveJobs() ([]Job, error) {
	if v.err != nil {
		return nil, v.err
	}
	var out []Job
	for e, err := range v.scan(key(kindJobActive), nil) {
		if err == nil {
			err = unseal(e.key, e.value, nil)
		}
		if err != nil {
			return nil, v.failed(err)
		}
		j, ok, err := v.Job(partition.JobID(e.key[1:]))
		if err == nil && !ok {
			err = v.failed(storage.Damaged(keyName(e.key), fmt.Errorf("there is no such job")))
		}
		if err != nil {
			return nil, err
		}
		out = append(out, j)
	}
	return out, nil
}

// Slice returns the frozen part of a slice.
func (v *View) Slice(id partition.SliceID) (s partition.Slice, ok bool, err error) {
	ok, err = v.read(sliceKey(kindSlice, id), &s)
	return s, ok, err
}

// Slices yields the frozen slices of a job by number.
func (v *View) Slices(job partition.JobID) iter.Seq2[partition.Slice, error] {
	return each[partition.Slice](v, key(kindSlice, ended(job)), nil)
}

// SliceState returns the part of a slice that changes.
func (v *View) SliceState(id partition.SliceID) (s SliceState, ok bool, err error) {
	ok, err = v.read(sliceKey(kindSliceState, id), &s)
	return s, ok, err
}

// SliceStates yields the states of the slices of a job by number.
func (v *View) SliceStates(job partition.JobID) iter.Seq2[SliceState, error] {
	return each[SliceState](v, key(kindSliceState, ended(job)), nil)
}

// Quarantined returns the positions that the slices of a lane have set aside, as far as their lists go. It costs one read per
// slice of the lane.
func (v *View) Quarantined(l partition.Lane) (partition.Ranges, error) {
	if v.err != nil {
		return nil, v.err
	}
	var out partition.Ranges
	for e, err := range v.scan(lanePrefix(l), nil) {
		if err == nil {
			err = unseal(e.key, e.value, nil)
		}
		if err != nil {
			return nil, v.failed(err)
		}
		id := partition.SliceID{Job: l.Job, N: trailingNumber(e.key)}
		st, ok, err := v.SliceState(id)
		if err == nil && !ok {
			err = v.failed(storage.Damaged("book of record, slice "+id.String(), fmt.Errorf("it is listed and missing")))
		}
		if err != nil {
			return nil, err
		}
		for _, q := range st.Quarantine {
			out = append(out, partition.Range{From: q.Offset, To: q.Offset + 1})
		}
	}
	return partition.Normalize(out), nil
}

// Assignment returns what a node holds. It costs one read per lease, whatever the number of slices, but for verify slices, which
// cost one per slice of their lane.
func (v *View) Assignment(node partition.NodeID) (Assignment, error) {
	a := Assignment{Index: v.at.Index}
	if v.err != nil {
		return a, v.err
	}
	jobs := map[partition.JobID]*leasedJob{}
	var err error
	if a.Budgets, err = v.Bounds(); err != nil {
		return a, err
	}
	for e, err := range v.scan(key(kindOwned, ended(node)), nil) {
		if err == nil {
			err = unseal(e.key, e.value, nil)
		}
		if err != nil {
			return a, v.failed(err)
		}
		w, err := v.work(ownedSlice(node, e.key), jobs)
		if err != nil {
			return a, err
		}
		a.Work = append(a.Work, w)
	}
	return a, nil
}

// Leases is how many slices a node holds. It reads none of them.
func (v *View) Leases(node partition.NodeID) (n int, err error) {
	if v.err != nil {
		return 0, v.err
	}
	for e, err := range v.scan(key(kindOwned, ended(node)), nil) {
		if err == nil {
			err = unseal(e.key, e.value, nil)
		}
		if err != nil {
			return 0, v.failed(err)
		}
		n++
	}
	return n, nil
}

// leasedJob is what slices of one job have in common.
type leasedJob struct {
	Job
	scopes []Scope
}

// work is what a node needs for a slice; jobs are those that were read before.
func (v *View) work(id partition.SliceID, jobs map[partition.JobID]*leasedJob) (Work, error) {
	s, ok, err := v.Slice(id)
	if err != nil {
		return Work{}, err
	}
	st, okState, err := v.SliceState(id)
	if err != nil {
		return Work{}, err
	}
	j, known := jobs[id.Job]
	if !known {
		j = new(leasedJob)
		if j.Job, known, err = v.Job(id.Job); err != nil {
			return Work{}, err
		}
		j.scopes = j.Scopes() // looks at every lock, of which a job may have many
		jobs[id.Job] = j
	}
	if !ok || !okState || !known {
		return Work{}, v.failed(storage.Damaged("book of record, slice "+id.String(), fmt.Errorf("it is leased and parts of it are missing")))
	}
	w := Work{Slice: s, Epoch: st.Epoch, Recipe: j.Recipe, Seen: st.Checkpoint, Scopes: j.scopes}
	if w.Yield, err = v.Yields(Lease{Slice: id, Epoch: st.Epoch}); err != nil {
		return Work{}, err
	}
	if s.Kind == partition.SliceVerify {
		w.Quarantined, err = v.Quarantined(s.Lane())
	}
	if s.Kind == partition.SlicePlan {
		w.Plan = new(Plan)
		_, err = v.read(jobKey(kindPlan, id.Job), w.Plan)
		w.RateBytes = w.Plan.RateBytes
	} else if s.Kind.Reads() {
		var scan Scan
		_, err = v.read(jobKey(kindScan, id.Job), &scan)
		w.RateBytes, w.Survey = scan.RateBytes, scan.Header
		if err == nil && s.Kind == partition.SliceScan {
			w.Schemas, err = v.earlierSchemas(scan, j.Namespace)
		}
	}
	return w, err
}

// Proof returns a proof by its id.
func (v *View) Proof(id ProofID) (p Proof, ok bool, err error) {
	ok, err = v.read(key(kindProof, []byte(id)), &p)
	return p, ok, err
}

// Proofs returns the proofs of a job, oldest first.
func (v *View) Proofs(job partition.JobID) ([]Proof, error) {
	var out []Proof
	for ref, err := range each[proofRef](v, key(kindProofOfJob, ended(job)), nil) {
		if err != nil {
			return nil, err
		}
		p, ok, err := v.Proof(ref.ID)
		if err == nil && !ok {
			err = v.failed(storage.Damaged("book of record, proof "+string(ref.ID), fmt.Errorf("it is listed and missing")))
		}
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// Member returns a node by its id.
func (v *View) Member(id partition.NodeID) (m Member, ok bool, err error) {
	ok, err = v.read(key(kindMember, []byte(id)), &m)
	return m, ok, err
}

// Members returns all nodes by id, those that left included.
func (v *View) Members() ([]Member, error) {
	var out []Member
	for m, err := range each[Member](v, key(kindMember), nil) {
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

// Version is the replicated cluster version.
func (v *View) Version() (uint32, error) {
	c := clusterVersion{Version: FirstVersion}
	_, err := v.read(key(kindVersion), &c)
	return c.Version, err
}

// Lock is a held lock.
type Lock struct {
	Name string
	Job  partition.JobID
}

// Locks returns all held locks by name.
func (v *View) Locks() ([]Lock, error) {
	if v.err != nil {
		return nil, v.err
	}
	var out []Lock
	for e, err := range v.scan(key(kindLock), nil) {
		var h lockHolder
		if err == nil {
			err = unseal(e.key, e.value, &h)
		}
		if err != nil {
			return nil, v.failed(err)
		}
		out = append(out, Lock{Name: string(e.key[1:]), Job: h.Job})
	}
	return out, nil
}

// Audit yields the kept audit records of log indexes at and above from, oldest first, and checks the chain of hashes as it
// goes: a record that was changed is storage.ErrDamaged.
func (v *View) Audit(from uint64) iter.Seq2[AuditRecord, error] {
	return func(yield func(AuditRecord, error) bool) {
		first, before, err := v.auditStart(from)
		if err != nil {
			yield(AuditRecord{}, err)
			return
		}
		for rec, err := range each[AuditRecord](v, key(kindAudit), key(kindAudit, u64(first))) {
			if err == nil {
				err = v.failed(rec.follows(before))
			}
			if err != nil {
				yield(AuditRecord{}, err)
				return
			}
			before = rec.Hash
			if rec.Index >= from && !yield(rec, nil) {
				return
			}
		}
	}
}

// AuditTrail is what is kept of the audit trail.
type AuditTrail struct {
	Oldest uint64   // number of the first record that is kept
	Next   uint64   // number of the record that comes next
	Anchor [32]byte // hash of the record before the oldest, zero when that was the first
	Hash   [32]byte // of the newest record
}

// AuditTrail says what is kept.
func (v *View) AuditTrail() (AuditTrail, error) {
	head := auditHead{Oldest: 1, Next: 1}
	_, err := v.read(key(kindAuditHead), &head)
	return AuditTrail(head), err
}

// AuditRecord returns the record of a number; ok is false for one that is not kept.
func (v *View) AuditRecord(number uint64) (rec AuditRecord, ok bool, err error) {
	ok, err = v.read(key(kindAudit, u64(number)), &rec)
	return rec, ok, err
}

// auditStart finds the number of the first record at or above an index, and the hash before it. Numbers and indexes rise
// together, so it halves the distance.
func (v *View) auditStart(from uint64) (number uint64, before [32]byte, err error) {
	head := auditHead{Oldest: 1, Next: 1}
	if _, err := v.read(key(kindAuditHead), &head); err != nil {
		return 0, before, err
	}
	record := func(n uint64) (rec AuditRecord) {
		if err == nil {
			_, err = v.read(key(kindAudit, u64(n)), &rec)
		}
		return rec
	}
	low, high := head.Oldest, head.Next
	for low < high {
		mid := low + (high-low)/2
		if record(mid).Index < from {
			low = mid + 1
		} else {
			high = mid
		}
	}
	before = head.Anchor
	if low > head.Oldest {
		before = record(low - 1).Hash
	}
	return low, before, err
}
