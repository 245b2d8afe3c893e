package fsm

import "backstitch/partition"

// A lease is kept three times: in the state of its slice, under its node (what does this node hold?) and under its job
// (what must end when the job pauses?). This file is the only place that changes any of them.

// grant gives a slice to owner under the next epoch, away from whoever held it.
func (t *tx) grant(s SliceState, owner partition.NodeID) {
	t.dropLease(s)
	t.noteWriter(s, owner)
	s.Status, s.Owner, s.Epoch = SliceLeased, owner, s.Epoch+1
	t.write(ownedKey(owner, s.ID), mark{})
	t.write(sliceKey(kindLeased, s.ID), leaseHolder{Node: owner})
	t.putState(s)
}

// ending is the state of a slice that its owner says is over. answer is set when nothing is left to do: only the newest owner ends a slice, and
// who says it twice is told yes.
func (t *tx) ending(id partition.SliceID, owner partition.NodeID, epoch partition.Epoch, subject string) (s SliceState, answer *Result) {
	s, ok := t.state(id)
	switch {
	case !ok:
		r := t.refuse(UnknownSlice, subject)
		return s, &r
	case s.Status == SliceDone && s.Epoch == epoch:
		r := t.ok()
		return s, &r
	}
	if code := held(s, owner, epoch); code != OK {
		r := t.refuse(code, subject)
		return s, &r
	}
	return s, nil
}

// end makes a slice done at its last checkpoint, and lets the lane go on.
func (t *tx) end(s SliceState, last Checkpoint) {
	t.dropLease(s)
	s.Status, s.Owner, s.Err, s.NotBeforeUnixNanos, s.Checkpoint = SliceDone, "", "", 0, last
	t.putState(s)
	t.advance(s)
}

// dropLease removes the lease of s from both indexes; the caller writes the state.
func (t *tx) dropLease(s SliceState) {
	if s.Status != SliceLeased {
		return
	}
	t.remove(ownedKey(s.Owner, s.ID))
	t.remove(sliceKey(kindLeased, s.ID))
	t.dropYield(s.ID)
}

// release lets a leased slice wait again. The epoch stays: the next owner gets a higher one.
func (t *tx) release(s SliceState) {
	t.dropLease(s)
	s.Status, s.Owner = SliceWaiting, ""
	t.putState(s)
}

// releaseJob ends all leases of a job.
func (t *tx) releaseJob(job partition.JobID) {
	for _, k := range t.keys(key(kindLeased, ended(job))) {
		if s, ok := t.state(partition.SliceID{Job: job, N: trailingNumber(k)}); ok {
			t.release(s)
		}
	}
}

// releaseNode ends all leases of a node.
func (t *tx) releaseNode(node partition.NodeID) {
	for _, k := range t.keys(key(kindOwned, ended(node))) {
		if s, ok := t.state(ownedSlice(node, k)); ok {
			t.release(s)
		}
	}
}

// holdsLeases reports whether a node has any.
func (t *tx) holdsLeases(node partition.NodeID) bool {
	return len(t.keys(key(kindOwned, ended(node)))) > 0
}

// ownedSlice reads the slice out of a key of kindOwned.
func ownedSlice(node partition.NodeID, k []byte) partition.SliceID {
	job := k[1+len(node)+1 : len(k)-5]
	return partition.SliceID{Job: partition.JobID(job), N: trailingNumber(k)}
}

// held answers whether owner holds s under epoch, with the code to refuse with when not.
func held(s SliceState, owner partition.NodeID, epoch partition.Epoch) Code {
	switch {
	case s.Epoch != epoch:
		return StaleEpoch
	case s.Status != SliceLeased:
		return WrongState
	case s.Owner != owner:
		return StaleEpoch
	}
	return OK
}
