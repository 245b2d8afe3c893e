package snap

import (
	"errors"

	"github.com/cockroachdb/pebble/v2/vfs"

	"backstitch/storage"
	"backstitch/storage/failpoint"
)

// ErrClosed says that the sink was closed or cancelled.
var ErrClosed = errors.New("snapshot sink is closed")

// sink writes one snapshot. It is used by one goroutine.
type sink struct {
	store *Store
	m     manifest
	temp  string
	f     vfs.File
	w     *chunkWriter
	err   error // first write error: such a snapshot must not become visible
	done  bool
}

func newSink(s *Store, m manifest) (*sink, error) {
	k := &sink{store: s, m: m, temp: s.fs.PathJoin(s.dir, m.ID+tempSuffix)}
	if err := s.fs.MkdirAll(k.temp, 0o700); err != nil {
		return nil, storage.Classify(k.temp, err)
	}
	f, err := s.fs.Create(s.fs.PathJoin(k.temp, stateFile), vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, errors.Join(storage.Classify(k.temp, err), s.fs.RemoveAll(k.temp))
	}
	k.f, k.w = f, newChunkWriter(f)
	return k, nil
}

// ID names the snapshot that this will be.
func (k *sink) ID() string { return k.m.ID }

func (k *sink) Write(p []byte) (int, error) {
	if k.done {
		return 0, ErrClosed
	}
	if k.err != nil {
		return 0, k.err
	}
	n, err := k.w.Write(p)
	k.err = storage.Classify(k.temp, err)
	return n, k.err
}

// Close makes the snapshot durable and visible, in this order, and then removes old ones. After an error nothing is visible.
func (k *sink) Close() error {
	if k.done {
		return nil
	}
	if err := k.publish(); err != nil {
		return errors.Join(err, k.Cancel())
	}
	k.done = true
	k.store.mu.Lock()
	defer k.store.mu.Unlock()
	return k.store.reap()
}

func (k *sink) publish() error {
	if k.err != nil {
		return k.err
	}
	err := k.w.flush()
	if err == nil {
		err = k.f.Sync()
	}
	if err != nil {
		return storage.Classify(k.temp, err)
	}
	failpoint.Reach(failpoint.SnapStateWritten)
	k.m.Bytes, k.m.XXH3 = k.w.size, k.w.sum()
	fs := k.store.fs
	if err := k.m.write(fs, k.temp); err != nil { // syncs the names in temp too
		return storage.Classify(k.temp, err)
	}
	if err := k.f.Close(); err != nil {
		return storage.Classify(k.temp, err)
	}
	k.f = nil
	failpoint.Reach(failpoint.SnapBeforeRename)
	if err := fs.Rename(k.temp, fs.PathJoin(k.store.dir, k.m.ID)); err != nil {
		return storage.Classify(k.temp, err)
	}
	failpoint.Reach(failpoint.SnapRenamed)
	return storage.Classify(k.store.dir, storage.SyncDir(fs, k.store.dir))
}

// Cancel leaves nothing behind.
func (k *sink) Cancel() error {
	if k.done {
		return nil
	}
	k.done = true
	var err error
	if k.f != nil {
		err = k.f.Close()
	}
	return errors.Join(err, storage.Classify(k.temp, k.store.fs.RemoveAll(k.temp)))
}
