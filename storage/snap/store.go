package snap

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"

	"backstitch/storage"
	"backstitch/storage/failpoint"
)

// Options say where snapshots lie and how many stay.
type Options struct {
	// FS is the file system; nil is the disk.
	FS vfs.FS
	// Retain is how many usable snapshots are kept; 0 is 2.
	Retain int
	// Logger gets a line for each damaged snapshot; nil is silent.
	Logger *slog.Logger
}

// Store is a raft.SnapshotStore over one directory. It is safe for concurrent use.
type Store struct {
	fs     vfs.FS
	dir    string
	retain int
	log    *slog.Logger
	mu     sync.Mutex // guards the names in dir
}

var _ raft.SnapshotStore = (*Store)(nil)

const tempSuffix = ".tmp"

// Open makes dir if needed and removes what unfinished snapshots left. Use storage.SnapshotDir for the place in a node
// directory.
func Open(dir string, o Options) (*Store, error) {
	s := &Store{fs: o.FS, dir: dir, retain: o.Retain, log: o.Logger}
	if s.fs == nil {
		s.fs = vfs.Default
	}
	if s.retain <= 0 {
		s.retain = 2
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := storage.MakeDir(s.fs, dir); err != nil {
		return nil, storage.Classify(dir, err)
	}
	names, err := s.fs.List(dir)
	if err != nil {
		return nil, storage.Classify(dir, err)
	}
	for _, name := range names {
		if !strings.HasSuffix(name, tempSuffix) {
			continue
		}
		if err := s.fs.RemoveAll(s.fs.PathJoin(dir, name)); err != nil {
			return nil, storage.Classify(dir, err)
		}
	}
	return s, nil
}

// Create begins a snapshot. It is not visible before the sink is closed.
func (s *Store) Create(version raft.SnapshotVersion, index, term uint64, configuration raft.Configuration,
	configurationIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	if version != 1 {
		return nil, fmt.Errorf("snapshot version %d is not supported, want 1", version)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id, err := s.freeID(term, index)
	if err != nil {
		return nil, err
	}
	m := manifest{Format: manifestFormat, ID: id, RaftVersion: int(version), Index: index, Term: term,
		Configuration: raft.EncodeConfiguration(configuration), ConfigurationIndex: configurationIndex}
	return newSink(s, m)
}

// freeID returns a name that sorts by term, index and number of the attempt. A taken or begun one is not used again.
func (s *Store) freeID(term, index uint64) (string, error) {
	for n := 0; ; n++ {
		id := fmt.Sprintf("%016x-%016x-%04d", term, index, n)
		free := true
		for _, name := range []string{id, id + tempSuffix} {
			switch _, err := s.fs.Stat(s.fs.PathJoin(s.dir, name)); {
			case err == nil:
				free = false
			case !errors.Is(err, os.ErrNotExist):
				return "", storage.Classify(s.dir, err)
			}
		}
		if free {
			return id, nil
		}
	}
}

// List returns the usable snapshots, newest first. One whose manifest is damaged is left out and logged; damage in the state
// is found by Open, which raft calls before it restores.
func (s *Store) List() ([]*raft.SnapshotMeta, error) {
	good, _, err := s.list()
	if err != nil {
		return nil, err
	}
	metas := make([]*raft.SnapshotMeta, len(good))
	for i, m := range good {
		metas[i] = m.meta()
	}
	return metas, nil
}

func (s *Store) list() (good []manifest, bad []error, err error) {
	names, err := s.fs.List(s.dir)
	if err != nil {
		return nil, nil, storage.Classify(s.dir, err)
	}
	for _, id := range names {
		if strings.HasSuffix(id, tempSuffix) {
			continue
		}
		m, err := readManifest(s.fs, s.fs.PathJoin(s.dir, id), id)
		if err != nil {
			s.log.Error("snapshot is not usable", "snapshot", id, "err", err)
			bad = append(bad, err)
			continue
		}
		good = append(good, m)
	}
	slices.SortFunc(good, func(a, b manifest) int {
		return -cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Term, b.Term), strings.Compare(a.ID, b.ID))
	})
	return good, bad, nil
}

// Damaged verifies all snapshots in full and returns one error for each that is not usable.
func (s *Store) Damaged() ([]error, error) {
	good, bad, err := s.list()
	if err != nil {
		return nil, err
	}
	for _, m := range good {
		if err := s.verify(m); err != nil {
			bad = append(bad, err)
		}
	}
	return bad, nil
}

// Open verifies the snapshot id in full and returns a reader of its state. Errors are storage.ErrDamaged with its name.
func (s *Store) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	if id == "" || strings.ContainsAny(id, "/\\") || strings.HasPrefix(id, ".") {
		return nil, nil, fmt.Errorf("%q is not the id of a snapshot", id)
	}
	m, err := readManifest(s.fs, s.fs.PathJoin(s.dir, id), id)
	if err != nil {
		return nil, nil, err
	}
	if err := s.verify(m); err != nil {
		s.log.Error("snapshot is not usable", "snapshot", id, "err", err)
		return nil, nil, err
	}
	f, err := s.fs.Open(s.statePath(m))
	if err != nil {
		return nil, nil, storage.Damaged("snapshot "+id, err)
	}
	return m.meta(), &reader{chunkReader: newChunkReader(f, m), f: f}, nil
}

func (s *Store) statePath(m manifest) string { return s.fs.PathJoin(s.dir, m.ID, stateFile) }

func (s *Store) verify(m manifest) error {
	f, err := s.fs.Open(s.statePath(m))
	if err != nil {
		return storage.Damaged("snapshot "+m.ID, err)
	}
	_, err = io.Copy(io.Discard, newChunkReader(f, m))
	return errors.Join(err, f.Close())
}

type reader struct {
	*chunkReader
	f vfs.File
}

func (r *reader) Close() error { return r.f.Close() }

// reap removes usable snapshots beyond the newest retain ones. A snapshot whose state is damaged does not count as one that
// is kept: the newest good one must never go because of it.
func (s *Store) reap() error {
	good, _, err := s.list()
	if err != nil {
		return err
	}
	kept := 0
	for _, m := range good {
		if kept >= s.retain {
			if err := s.fs.RemoveAll(s.fs.PathJoin(s.dir, m.ID)); err != nil {
				return storage.Classify(s.dir, err)
			}
			failpoint.Reach(failpoint.SnapReaped)
			continue
		}
		if err := s.verify(m); err != nil {
			s.log.Error("snapshot is not usable", "snapshot", m.ID, "err", err)
			continue
		}
		kept++
	}
	return storage.Classify(s.dir, storage.SyncDir(s.fs, s.dir))
}
