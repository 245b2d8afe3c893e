package spill

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"backstitch/storage"
)

// Times holds, for each of any number of hashes, the moments at which it was seen, and tells whether there is one in a stretch of time.
// It is exact, as a Multiset is, and its files go in the same way. It is not safe for concurrent use.
//
// On disk a key is hash and moment, so that a question is one seek below the hash: it finds the first moment that is not before the
// stretch. Nothing is ever taken out, and a moment that is put in twice is there once.
type Times struct {
	dir   string
	limit int
	mem   map[Hash][]int64 // ascending
	count int              // moments in mem
	disk  *disk            // nil until memory was full once
	err   error            // the first one; the set is useless after it
}

// NewTimes makes an empty set. It touches no file.
func NewTimes(o Options) *Times {
	if o.MemoryBytes == 0 {
		o.MemoryBytes = 64 << 20
	}
	return &Times{dir: o.Dir, limit: max(1, int(o.MemoryBytes/entryBytes)), mem: map[Hash][]int64{}}
}

// Add notes that hash was seen at a moment. An error is for good.
func (t *Times) Add(hash Hash, at int64) error {
	if t.err != nil {
		return t.err
	}
	if t.count >= t.limit {
		if err := t.spill(); err != nil {
			return err
		}
	}
	have := t.mem[hash]
	i, there := slices.BinarySearch(have, at)
	if there {
		return nil
	}
	t.mem[hash] = slices.Insert(have, i, at)
	t.count++
	return nil
}

// Any reports whether hash was seen at a moment in [from, to].
func (t *Times) Any(hash Hash, from, to int64) (bool, error) {
	if t.err != nil {
		return false, t.err
	}
	have := t.mem[hash]
	if i, _ := slices.BinarySearch(have, from); i < len(have) && have[i] <= to {
		return true, nil
	}
	if t.disk == nil {
		return false, nil
	}
	at, ok, err := t.disk.from(hash, from)
	if err != nil {
		t.err = err
		return false, err
	}
	return ok && at <= to, nil
}

// Close removes the files.
func (t *Times) Close() error {
	t.mem, t.count = nil, 0
	if t.err == nil {
		t.err = errors.New("spill set is closed")
	}
	if t.disk == nil {
		return nil
	}
	d := t.disk
	t.disk = nil
	return d.close()
}

// spill moves memory to disk.
func (t *Times) spill() error {
	if t.disk == nil {
		if t.disk, t.err = openDisk(t.dir); t.err != nil {
			return t.err
		}
	}
	if t.err = t.disk.absorbTimes(t.mem); t.err != nil {
		return t.err
	}
	t.mem, t.count = map[Hash][]int64{}, 0
	return nil
}

// momentKey is the key of a moment; those of one hash are in their order.
func momentKey(h Hash, at int64) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, diskKey), h[:]...), uint64(at)^(1<<63))
}

// absorbTimes puts all of mem on disk.
func (d *disk) absorbTimes(mem map[Hash][]int64) error {
	batch := d.db.NewBatch()
	for h, moments := range mem {
		d.seen.add(&h)
		for _, at := range moments {
			if err := batch.Set(momentKey(h, at), nil, nil); err != nil {
				return storage.Classify(d.dir, errors.Join(err, batch.Close()))
			}
			if batch.Len() < 1<<20 {
				continue
			}
			if err := batch.Commit(pebble.NoSync); err != nil {
				return storage.Classify(d.dir, err)
			}
			batch = d.db.NewBatch()
		}
	}
	return storage.Classify(d.dir, batch.Commit(pebble.NoSync))
}

// from finds the first moment of h that is not before at.
func (d *disk) from(h Hash, at int64) (first int64, ok bool, err error) {
	if !d.seen.may(&h) {
		return 0, false, nil
	}
	it, err := d.db.NewIter(&pebble.IterOptions{UseL6Filters: true})
	if err != nil {
		return 0, false, storage.Classify(d.dir, err)
	}
	if ok = it.SeekPrefixGE(momentKey(h, at)); ok {
		first = int64(binary.BigEndian.Uint64(it.Key()[len(h):]) ^ (1 << 63))
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return 0, false, storage.Classify(d.dir, err)
	}
	return first, ok, nil
}
