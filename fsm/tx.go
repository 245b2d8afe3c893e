package fsm

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"

	"github.com/cockroachdb/pebble/v2"

	"backstitch/fsm/wire"
	"backstitch/partition"
)

// tx is what one command may do: read the book as of the command before it, and change it. Nothing else is reachable from
// an apply function: no clock, no log, no machine.
//
// Storage errors are sticky: a read that fails looks like "not there", and the machine throws the whole batch away when it
// finds err set. So apply functions need no error paths, and can not forget one.
type tx struct {
	book
	batch *pebble.Batch
	sum   hash.Hash
	err   error
	buf   []byte

	env   Envelope
	index uint64
	// digestAt returns this replica's digest as of an earlier index, if it still remembers it.
	digestAt      func(index uint64) ([32]byte, bool)
	auditKept     uint64
	requestWindow uint64
	// over says that a job or a plan has ended in this command, so that what waited for it may begin (goOn).
	over bool
}

// begin starts the next command. The digest chains the one before it, the index, and every change in order; batch
// boundaries do not enter it.
func (t *tx) begin(index uint64, before [32]byte) {
	t.index, t.over = index, false
	if t.sum == nil {
		t.sum = sha256.New()
	}
	t.sum.Reset()
	t.sum.Write(before[:])
	t.sum.Write(u64(index))
}

func (t *tx) digest() (d [32]byte) {
	t.sum.Sum(d[:0])
	return d
}

func (t *tx) read(k []byte, v any) bool {
	if t.err != nil {
		return false
	}
	ok, err := t.get(k, v)
	if err != nil {
		t.err = err
	}
	return ok
}

// keys lists the keys that begin with prefix. They are collected first, because a scan does not see what is written
// during it.
func (t *tx) keys(prefix []byte) [][]byte {
	if t.err != nil {
		return nil
	}
	var out [][]byte
	for e, err := range t.scan(prefix, nil) {
		if err == nil {
			err = unseal(e.key, e.value, nil)
		}
		if err != nil {
			t.err = err
			return nil
		}
		out = append(out, append([]byte(nil), e.key...))
	}
	return out
}

func (t *tx) write(k []byte, v any) {
	if t.err != nil {
		return
	}
	value, err := wire.Append(t.buf[:0], v)
	if err != nil {
		t.err = err
		return
	}
	t.buf = seal(k, value)
	t.note('s', k, t.buf)
	t.err = t.batch.Set(t.slot.key(k), t.buf, nil)
}

func (t *tx) remove(k []byte) {
	if t.err != nil {
		return
	}
	t.note('d', k, nil)
	t.err = t.batch.Delete(t.slot.key(k), nil)
}

// note adds one change to the digest.
func (t *tx) note(what byte, k, value []byte) {
	var head [9]byte
	head[0] = what
	binary.BigEndian.PutUint32(head[1:], uint32(len(k)))
	binary.BigEndian.PutUint32(head[5:], uint32(len(value)))
	t.sum.Write(head[:])
	t.sum.Write(k)
	t.sum.Write(value)
}

// ok is the result of a command that did, or had already done, what it says.
func (t *tx) ok() Result { return Result{Code: OK, Index: t.index} }

// refuse is the result of a command that changed nothing; object says what the refusal is about.
func (t *tx) refuse(c Code, object string) Result {
	return Result{Code: c, Index: t.index, Object: object}
}

func (t *tx) version() uint32 {
	v := clusterVersion{Version: FirstVersion}
	t.read(key(kindVersion), &v)
	return v.Version
}

// job returns a job without Recipe and Locks.
func (t *tx) job(id partition.JobID) (j Job, ok bool) {
	ok = t.read(jobKey(kindJob, id), &j)
	return j, ok
}

// putJob writes all of a job but Recipe and Locks.
func (t *tx) putJob(j Job) {
	j.Recipe, j.Locks, j.ModifyIndex = nil, nil, t.index
	t.write(jobKey(kindJob, j.ID), &j)
}

func (t *tx) state(id partition.SliceID) (s SliceState, ok bool) {
	ok = t.read(sliceKey(kindSliceState, id), &s)
	return s, ok
}

func (t *tx) putState(s SliceState) {
	s.ModifyIndex = t.index
	t.write(sliceKey(kindSliceState, s.ID), &s)
}

func (t *tx) member(id partition.NodeID) (m Member, ok bool) {
	ok = t.read(key(kindMember, []byte(id)), &m)
	return m, ok
}

func (t *tx) putMember(m Member) {
	m.ModifyIndex = t.index
	t.write(key(kindMember, []byte(m.ID)), &m)
}
