package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"backstitch/cluster/leader"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/storage"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
)

// One machine applies every command; a node that lags reads an older view of it. That is as good as a machine for each node, which
// would cost more than all the rest, as long as machines agree. Whether they do is looked at apart: see Replay.

// Shelf has machines to use again: opening one costs more than emptying one. It is for one goroutine.
type Shelf struct {
	free  []*machine
	empty []byte // snapshot of an empty book
}

type machine struct {
	db   *storage.DB
	m    *fsm.Machine
	uses int
}

// maxUses is after how many runs a machine is thrown away: what was deleted stays in pebble for a while.
const maxUses = 100

func (s *Shelf) take() (*machine, error) {
	if n := len(s.free); n > 0 {
		k := s.free[n-1]
		s.free = s.free[:n-1]
		if err := k.m.Restore(io.NopCloser(bytes.NewReader(s.empty))); err != nil {
			return nil, errors.Join(fmt.Errorf("empty a book: %w", err), k.db.Close())
		}
		return k, nil
	}
	db, err := storage.Open("node", storage.Options{
		FS: vfs.NewMem(), Fatal: func(error) {}, CacheBytes: 1 << 20, MemTableBytes: 4 << 20,
	})
	if err != nil {
		return nil, fmt.Errorf("open a book: %w", err)
	}
	m, err := fsm.Open(db)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open a book: %w", err), db.Close())
	}
	if s.empty == nil {
		if s.empty, err = snapshotOf(m); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return &machine{db: db, m: m}, nil
}

func (s *Shelf) put(k *machine) error {
	if k.uses++; k.uses >= maxUses || k.m.Err() != nil {
		return k.db.Close()
	}
	s.free = append(s.free, k)
	return nil
}

// Close closes what is on the shelf.
func (s *Shelf) Close() error {
	var errs []error
	for _, k := range s.free {
		errs = append(errs, k.db.Close())
	}
	s.free = nil
	return errors.Join(errs...)
}

// memorySink is a raft.SnapshotSink in memory.
type memorySink struct{ bytes.Buffer }

func (*memorySink) ID() string    { return "memory" }
func (*memorySink) Close() error  { return nil }
func (*memorySink) Cancel() error { return nil }

func snapshotOf(m *fsm.Machine) ([]byte, error) {
	s, err := m.Snapshot()
	if err != nil {
		return nil, err
	}
	defer s.Release()
	var sink memorySink
	if err := s.Persist(&sink); err != nil {
		return nil, err
	}
	return sink.Bytes(), nil
}

// book is the log and what it means.
type book struct {
	*machine
	log     []entry     // log[i] has index i+1
	views   []*fsm.View // views[i] is the book as of index i
	digests [][32]byte  // by index
}

type entry struct {
	log    raft.Log
	cmd    fsm.Command
	env    fsm.Envelope
	result fsm.Result
}

func newBook(k *machine) *book {
	b := &book{machine: k}
	b.keep()
	return b
}

func (b *book) keep() {
	d, _ := b.m.Digest()
	b.views, b.digests = append(b.views, b.m.View()), append(b.digests, d)
}

func (b *book) head() uint64 { return uint64(len(b.log)) }

// commit puts a command into the log and applies it.
func (b *book) commit(term uint64, env fsm.Envelope, cmd fsm.Command) (*entry, error) {
	data, err := fsm.Encode(env, cmd)
	if err != nil {
		return nil, err
	}
	e := entry{log: raft.Log{Index: b.head() + 1, Term: term, Type: raft.LogCommand, Data: data}, cmd: cmd, env: env}
	switch r := b.m.Apply(&e.log).(type) {
	case *fsm.Result:
		e.result = *r
	case error:
		return nil, fmt.Errorf("the book stopped at index %d: %w", e.log.Index, r)
	}
	b.log = append(b.log, e)
	b.keep()
	return &b.log[len(b.log)-1], nil
}

// close gives the views free.
func (b *book) close() error {
	var errs []error
	for _, v := range b.views {
		errs = append(errs, v.Close())
	}
	b.views = nil
	return errors.Join(errs...)
}

// replica is what one node reads: the book as of what it has applied. It is a leader.Book.
type replica struct{ n *node }

func (r replica) view() *fsm.View { return r.n.w.book.views[r.n.applied] }

func (r replica) Overview() (leader.Overview, error) {
	v := r.view()
	out := leader.Overview{Applied: v.Applied(), Digest: v.Digest()}
	var err error
	if out.Version, err = v.Version(); err != nil {
		return out, err
	}
	if out.Members, err = v.Members(); err != nil {
		return out, err
	}
	jobs, err := v.ActiveJobs()
	for _, j := range jobs {
		if j.State == fsm.JobRunning || j.State == fsm.JobVerifying {
			out.Jobs = append(out.Jobs, j)
		}
	}
	return out, err
}

func (r replica) Slices(job partition.JobID) ([]leader.Slice, error) {
	v := r.view()
	var out []leader.Slice
	for st, err := range v.SliceStates(job) {
		if err != nil {
			return nil, err
		}
		s, _, err := v.Slice(st.ID)
		if err != nil {
			return nil, err
		}
		out = append(out, leader.Slice{
			N: st.ID.N, Kind: st.Kind, Partition: st.Partition, Bytes: s.Bytes, Status: st.Status, Owner: st.Owner,
			Epoch: st.Epoch, Attempts: st.Attempts, NotBeforeUnixNanos: st.NotBeforeUnixNanos,
		})
	}
	return out, nil
}

func (r replica) States(ids []partition.SliceID) ([]fsm.SliceState, error) {
	out := make([]fsm.SliceState, 0, len(ids))
	for _, id := range ids {
		st, ok, err := r.view().SliceState(id)
		if err != nil || !ok {
			return nil, errors.Join(err, fmt.Errorf("read slice %s: it is there: %t", id, ok))
		}
		out = append(out, st)
	}
	return out, nil
}

func (r replica) HasProof(id fsm.ProofID) (bool, error) {
	_, ok, err := r.view().Proof(id)
	return ok, err
}

func (r replica) Unscanned() ([]fsm.Unscanned, error) { return r.view().Unscanned() }

func (r replica) Writers(job partition.JobID) (fsm.Writers, error) { return r.view().Writers(job) }

// Wait is never called: turns are taken by hand.
func (r replica) Wait(context.Context, uint64) (uint64, error) { return r.n.applied, nil }

// History is a log as a run of the plan writes it, for tests that need a real one: encoded commands in order. Comparisons of digests
// are left out, since they hold for the indexes of the run alone.
func History(p Plan, shelf *Shelf) ([][]byte, error) {
	w, err := newWorld(p, shelf)
	if err != nil {
		return nil, err
	}
	w.run()
	var out [][]byte
	for _, e := range w.book.log {
		if _, compares := e.cmd.(fsm.CompareDigest); !compares {
			out = append(out, e.log.Data)
		}
	}
	return out, w.close(shelf)
}
