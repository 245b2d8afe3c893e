package fsm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hashicorp/raft"

	"backstitch/fsm/wire"
	"backstitch/storage"
	"backstitch/storage/failpoint"
)

// The shell around the commands: it turns log entries into one pebble batch per ApplyBatch, keeps index, term and digest in
// that batch, and stops for good when something happens that other replicas may not have met.
//
// Which errors latch and which refuse is the point to get right. A command that can not be decoded is the same bytes on
// every replica, so refusing it keeps them equal; latching would let one bad entry stop the whole cluster. A command of a
// newer program (unknown op, more fields, other format) is different: replicas that know it have applied it.

// maxBatchBytes is the size at which a batch is committed although entries are left.
const maxBatchBytes = 16 << 20

// digestsKept is for how many entries a replica remembers its own digest, for op 091.
const digestsKept = 4096

// Machine is the book of record on one node. It implements raft.FSM and raft.BatchingFSM. Raft calls Apply, ApplyBatch,
// Snapshot and Restore from one goroutine; everything else may be called from any.
type Machine struct {
	db *storage.DB

	auditKept     uint64 // MaxAuditRecords, fewer in tests
	requestWindow uint64 // requestWindow, fewer in tests
	readers       readers

	// Owned by Raft's goroutine.
	digests [digestsKept]pastDigest

	mu      sync.Mutex
	slot    slot
	at      meta
	err     error
	changed chan struct{} // closed and replaced when at changes, closed for good when the machine latches
	latched chan struct{}

	turns atomic.Uint64
}

// pastDigest is the digest after one entry.
type pastDigest struct {
	index  uint64
	digest [32]byte
}

var (
	_ raft.FSM         = (*Machine)(nil)
	_ raft.BatchingFSM = (*Machine)(nil)
)

// Open reads where the book in db stands and verifies all of it, see VerifyState. It starts nothing; before db
// is closed, EndReading. Errors: storage.ErrDamaged, storage.ErrNewer (a newer program raised the cluster version),
// storage.ErrDisk.
func Open(db *storage.DB) (*Machine, error) {
	m := &Machine{db: db, auditKept: MaxAuditRecords, requestWindow: requestWindow, changed: make(chan struct{}), latched: make(chan struct{})}
	if err := m.load(); err != nil {
		return nil, fmt.Errorf("open book of record: %w", err)
	}
	if err := m.VerifyState(context.Background()); err != nil {
		return nil, fmt.Errorf("open book of record: %w", err)
	}
	return m, nil
}

// EndReading refuses further views, with ErrClosed, and waits until those that there are have been closed. It errs when ctx ends
// before that.
func (m *Machine) EndReading(ctx context.Context) error {
	if err := m.readers.end(ctx); err != nil {
		return fmt.Errorf("wait for readers of the book: %w", err)
	}
	return nil
}

// load finds the slot and its meta, and clears what an interrupted restore left in the other slot.
func (m *Machine) load() error {
	s, err := readSlot(m.db.Pebble())
	if err != nil {
		return err
	}
	if err := clearSlot(m.db.Pebble(), s.other()); err != nil {
		return err
	}
	b := book{r: m.db.Pebble(), slot: s}
	var at meta
	if _, err := b.get(key(kindMeta), &at); err != nil {
		return err
	}
	v := clusterVersion{Version: FirstVersion}
	if _, err := b.get(key(kindVersion), &v); err != nil {
		return err
	}
	if v.Version > LatestVersion {
		return fmt.Errorf("cluster version is %d, this program knows %d: %w (install the newer program)", v.Version, LatestVersion, storage.ErrNewer)
	}
	m.slot, m.at = s, at
	m.note(at.Index, at.Digest)
	return nil
}

func (m *Machine) note(index uint64, digest [32]byte) {
	m.digests[index%digestsKept] = pastDigest{index: index, digest: digest}
}

func (m *Machine) digestAt(index uint64) ([32]byte, bool) {
	d := m.digests[index%digestsKept]
	return d.digest, d.index == index && index > 0
}

// Apply applies one entry. The value is a *Result, or an error when the machine is latched.
func (m *Machine) Apply(l *raft.Log) any { return m.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch applies entries in order and returns one value for each: *Result, nil for an entry that is no command, or an
// error for which errors.Is(err, ErrLatched). Entries that the book holds already are skipped. When the machine latches
// inside a batch, nothing of that batch is kept.
func (m *Machine) ApplyBatch(logs []*raft.Log) []any {
	m.turns.Add(1)
	defer m.turns.Add(1)
	out := make([]any, len(logs))
	for done := 0; done < len(logs); {
		n, err := m.applySome(logs[done:], out[done:])
		if err != nil {
			err = m.latch(err)
			for i := done; i < len(logs); i++ {
				out[i] = err
			}
			return out
		}
		done += n
	}
	return out
}

// applySome applies entries until the batch is large enough, commits it and returns how many there were.
func (m *Machine) applySome(logs []*raft.Log, out []any) (n int, err error) {
	if err := m.Err(); err != nil {
		return 0, err
	}
	batch := m.db.Pebble().NewIndexedBatch()
	defer func() { err = errors.Join(err, batch.Close()) }()
	t := &tx{book: book{r: batch, slot: m.slot}, batch: batch, digestAt: m.digestAt, auditKept: m.auditKept, requestWindow: m.requestWindow}
	at := m.at
	for n < len(logs) && batch.Len() < maxBatchBytes {
		l := logs[n]
		switch {
		case l.Type != raft.LogCommand:
		case l.Index <= at.Index:
			out[n] = errApplied
		default:
			r, err := t.step(l, at)
			if err != nil {
				return n, fmt.Errorf("apply entry %d: %w", l.Index, err)
			}
			at = meta{Index: l.Index, Term: l.Term, Digest: t.digest()}
			m.note(at.Index, at.Digest)
			out[n] = r
		}
		n++
	}
	if at.Index == m.at.Index {
		return n, nil
	}
	if err := m.commit(batch, at); err != nil {
		return n, err
	}
	return n, nil
}

// step applies one command to the batch.
func (t *tx) step(l *raft.Log, before meta) (*Result, error) {
	t.begin(l.Index, before.Digest)
	env, number, cmd, err := decode(l.Data)
	t.env = env
	switch {
	case errors.Is(err, ErrUnknownOp), errors.Is(err, wire.ErrVersion):
		return nil, err
	case err != nil:
		r := t.refuse(Invalid, "the command can not be decoded")
		t.audit(number, "", r)
		return &r, t.err
	}
	t.forget(before.Index)
	if r, ok := t.remembered(number); ok {
		return &r, t.err
	}
	var r Result
	if since, _ := Since(number); since > FirstVersion && since > t.version() {
		r = t.refuse(NeedsVersion, OpName(number))
	} else if why := t.endedActor(); why != "" {
		r = t.refuse(NotAllowed, why)
	} else {
		if r = cmd.apply(t); r.Code == OK && t.over {
			t.goOn()
		}
	}
	t.remember(number, r)
	if audited(number) {
		t.audit(number, cmd.subject(), r)
	}
	return &r, t.err
}

// commit writes the batch with its meta. It is not synced: the raft log before it in the same write-ahead log is, and
// entries that are lost with the batch are applied again.
func (m *Machine) commit(batch *pebble.Batch, at meta) error {
	value, err := wire.Marshal(&at)
	if err != nil {
		return err
	}
	k := key(kindMeta)
	if err := batch.Set(m.slot.key(k), seal(k, value), nil); err != nil {
		return storage.Classify("book of record", err)
	}
	failpoint.Reach(failpoint.BookBeforeCommit)
	if err := batch.Commit(pebble.NoSync); err != nil {
		return m.db.Fail(err)
	}
	failpoint.Reach(failpoint.BookAfterCommit)
	m.publish(m.slot, at)
	return nil
}

// publish makes a new state visible and wakes those who wait for one.
func (m *Machine) publish(s slot, at meta) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.slot, m.at = s, at
	if m.err == nil {
		close(m.changed)
		m.changed = make(chan struct{})
	}
}

// latch stops the machine with its first error and returns that.
func (m *Machine) latch(err error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		m.err = fmt.Errorf("%w: %w", ErrLatched, err)
		close(m.latched)
		close(m.changed)
	}
	return m.err
}

// Err is nil, or why the machine has stopped: ErrLatched with the cause (storage.ErrDamaged, ErrDiverged, ErrUnknownOp,
// wire.ErrVersion).
func (m *Machine) Err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

// Latched is closed when the machine stops.
func (m *Machine) Latched() <-chan struct{} { return m.latched }

// Turns counts the beginnings and the ends of ApplyBatch: it is odd while entries are applied. The same odd number twice means that
// they are still the same ones, which a watchdog wants to know.
func (m *Machine) Turns() uint64 { return m.turns.Load() }

// Applied is the index of the newest command in the book, 0 when there is none. Raft's own entries are not counted.
func (m *Machine) Applied() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at.Index
}

// Digest is the chained digest and the index that it is of.
func (m *Machine) Digest() (digest [32]byte, index uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at.Digest, m.at.Index
}

// Wait blocks until an index above after is applied and returns the applied index. It returns early, with the index as it
// is, when ctx ends (ctx.Err()) or the machine latches.
func (m *Machine) Wait(ctx context.Context, after uint64) (uint64, error) {
	for {
		m.mu.Lock()
		at, err, changed := m.at.Index, m.err, m.changed
		m.mu.Unlock()
		if err != nil || at > after {
			return at, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return at, ctx.Err()
		}
	}
}
