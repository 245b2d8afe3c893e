package spill

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"backstitch/storage"
)

// The disk part is a pebble without a write-ahead log. A key is hash and arrival number, the value is the number that the
// caller gave. A filter on the hash answers most misses, which are the usual case (filter.go), and one of each file most of the rest.

const (
	dirPrefix = "spill-"
	diskKey   = 16 + 8
)

type disk struct {
	db   *pebble.DB
	dir  string
	seen filter // all hashes that were ever put here
}

// silent keeps pebble from the standard logger; a fatal error ends in a panic, since the scratch file of one job can not be
// half right.
type silent struct{}

func (silent) Infof(string, ...any)           {}
func (silent) Errorf(string, ...any)          {}
func (silent) Fatalf(format string, a ...any) { panic(fmt.Sprintf("spill: "+format, a...)) }

func openDisk(parent string) (*disk, error) {
	dir, err := os.MkdirTemp(parent, dirPrefix)
	if err != nil {
		return nil, storage.Classify(parent, err)
	}
	comparer := *pebble.DefaultComparer
	comparer.Split = func(key []byte) int { return min(16, len(key)) }
	comparer.Name = "backstitch.spill"
	cache := pebble.NewCache(8 << 20)
	defer cache.Unref()
	opts := &pebble.Options{DisableWAL: true, FormatMajorVersion: pebble.FormatNewest, Logger: silent{},
		EventListener: &pebble.EventListener{}, Cache: cache, MemTableSize: 8 << 20, Comparer: &comparer}
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	db, err := pebble.Open(dir, opts)
	if err != nil {
		return nil, errors.Join(storage.Classify(dir, err), os.RemoveAll(dir))
	}
	return &disk{db: db, dir: dir, seen: newFilter()}, nil
}

// absorb moves all of m to disk; seq numbers arrivals and rises.
func (d *disk) absorb(m *memory, seq *uint64) error {
	batch := d.db.NewBatch()
	err := m.each(func(h Hash, value uint64) error {
		*seq++
		d.seen.add(&h)
		key := binary.BigEndian.AppendUint64(append(make([]byte, 0, diskKey), h[:]...), *seq)
		if err := batch.Set(key, binary.BigEndian.AppendUint64(nil, value), nil); err != nil {
			return err
		}
		if batch.Len() < 1<<20 {
			return nil
		}
		err := batch.Commit(pebble.NoSync)
		batch = d.db.NewBatch()
		return err
	})
	if err == nil {
		err = batch.Commit(pebble.NoSync)
	}
	return storage.Classify(d.dir, err)
}

// take removes the oldest value of h.
func (d *disk) take(h Hash) (value uint64, ok bool, err error) {
	if !d.seen.may(&h) {
		return 0, false, nil
	}
	it, err := d.db.NewIter(&pebble.IterOptions{UseL6Filters: true})
	if err != nil {
		return 0, false, storage.Classify(d.dir, err)
	}
	var key [diskKey]byte
	if ok = it.SeekPrefixGE(h[:]); ok {
		copy(key[:], it.Key())
		value = binary.BigEndian.Uint64(it.Value())
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return 0, false, storage.Classify(d.dir, err)
	}
	if ok {
		err = d.db.Delete(key[:], pebble.NoSync)
	}
	return value, ok, storage.Classify(d.dir, err)
}

func (d *disk) each(fn func(h Hash, value uint64) error) (err error) {
	it, err := d.db.NewIter(nil)
	if err != nil {
		return storage.Classify(d.dir, err)
	}
	defer func() { err = errors.Join(err, storage.Classify(d.dir, it.Close())) }()
	for ok := it.First(); ok; ok = it.Next() {
		if err := fn(Hash(it.Key()[:16]), binary.BigEndian.Uint64(it.Value())); err != nil {
			return err
		}
	}
	return storage.Classify(d.dir, it.Error())
}

func (d *disk) close() error {
	return storage.Classify(d.dir, errors.Join(d.db.Close(), os.RemoveAll(d.dir)))
}

// Sweep removes the spill files in parent that no living process holds. Empty parent is the system's temporary directory.
func Sweep(parent string) error {
	if parent == "" {
		parent = os.TempDir()
	}
	entries, err := os.ReadDir(parent)
	if err != nil {
		return storage.Classify(parent, err)
	}
	var errs []error
	for _, e := range entries {
		dir := filepath.Join(parent, e.Name())
		if !e.IsDir() || !strings.HasPrefix(e.Name(), dirPrefix) {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "LOCK")); err != nil {
			continue // not ours, or just being made
		}
		lock, err := vfs.Default.Lock(filepath.Join(dir, "LOCK"))
		if err != nil {
			continue // held
		}
		errs = append(errs, os.RemoveAll(dir), lock.Close())
	}
	return storage.Classify(parent, errors.Join(errs...))
}
