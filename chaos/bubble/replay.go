package bubble

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"

	"backstitch/chaos/check"
	"backstitch/fsm"
	"backstitch/storage"
	"backstitch/storage/raftlog"
)

// When all nodes have ended, the log of one of them is applied once more, from its first entry on, by a book that was never stopped,
// restored or cut into other batches. It has to come to the same digest, and what each entry did says who owned what.

// replayed is what came of it.
type replayed struct {
	log    []check.Entry
	digest [32]byte
}

// errCut says that the log does not begin at the beginning any more.
var errCut = errors.New("the log was cut")

// replay applies the log on a disk up to an index.
func replay(disk vfs.FS, until uint64) (r replayed, err error) {
	db, err := openStore(disk, "/data")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	log, err := raftlog.Open(db)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	first, _ := log.FirstIndex() // never fails
	if first != 1 {
		return r, fmt.Errorf("it begins at %d: %w", first, errCut)
	}
	entries := make([]*raft.Log, 0, until)
	for i := first; i <= until; i++ {
		var l raft.Log
		if err := log.GetLog(i, &l); err != nil {
			return r, fmt.Errorf("entry %d: %w", i, err)
		}
		entries = append(entries, &l)
	}
	fresh, err := openStore(vfs.NewMem(), "/fresh")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, fresh.Close()) }()
	book, err := fsm.Open(fresh)
	if err != nil {
		return r, err
	}
	for i, out := range book.ApplyBatch(entries) {
		res, ok := out.(*fsm.Result)
		if !ok {
			continue // no command, or the book has stopped
		}
		if _, cmd, err := fsm.Decode(entries[i].Data); err == nil {
			r.log = append(r.log, check.Entry{Index: entries[i].Index, Command: cmd, Result: *res})
		}
	}
	r.digest, _ = book.Digest()
	return r, book.Err()
}

func openStore(fs vfs.FS, dir string) (*storage.DB, error) {
	return storage.Open(dir, storage.Options{FS: fs, Fatal: func(error) {}, MemTableBytes: 256 << 10, CacheBytes: 1 << 20})
}
