package storage

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"backstitch/storage/failpoint"
)

// The order in Open is the point of this file: lock, identity, format, and only then pebble. Pebble would happily rewrite a
// directory that a newer program owns, and the format would be read too late.

// Options say how to open a node directory. The zero value is a production node on the local disk that panics on a fatal
// error.
type Options struct {
	// FS is the file system; nil is the disk.
	FS vfs.FS
	// Logger gets what pebble says; nil is silent.
	Logger *slog.Logger
	// Fatal is called once, from any goroutine, when a write, sync or background job failed or corruption was met: the
	// caller ends the process with its own exit status. In production it must not return. In a test it may: the error is
	// latched, and every later write through this room reports it. nil panics.
	Fatal func(error)
	// CacheBytes is the size of the block cache; 0 is 32 MiB.
	CacheBytes int64
	// MemTableBytes is the size of one memtable and so of one write-ahead log file; 0 is 16 MiB.
	MemTableBytes int64
}

// DB is the one pebble database of a node with what is around it. It is safe for concurrent use.
type DB struct {
	fs       vfs.FS
	dir      string
	log      *slog.Logger
	fatal    func(error)
	pebble   *pebble.DB
	lock     io.Closer
	identity Identity
	fresh    bool

	opening atomic.Bool
	refused chan error // holds the first error with which the disk refused a write of pebble.Open
	latched atomic.Pointer[error]
	events  counters

	closeOnce sync.Once
	closeErr  error
}

// Open opens the node directory dir and makes it if it is new. Errors: ErrLocked, *NewerFormatError, ErrDamaged, ErrFull,
// ErrDisk. On ErrDamaged the caller may SetAside and open again as a learner.
func Open(dir string, o Options) (*DB, error) {
	db := &DB{fs: orDisk(o.FS), dir: dir, log: o.Logger, fatal: o.Fatal, refused: make(chan error, 1)}
	if db.log == nil {
		db.log = slog.New(slog.DiscardHandler)
	}
	if err := MakeDir(db.fs, dir); err != nil {
		return nil, Classify(dir, err)
	}
	lock, err := lockDir(db.fs, dir)
	if err != nil {
		return nil, err
	}
	db.lock = lock
	if err := db.open(o); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return db, nil
}

func (db *DB) open(o Options) error {
	data := db.fs.PathJoin(db.dir, dataDir)
	if err := db.prepare(data); err != nil {
		return err
	}
	path := db.fs.PathJoin(data, pebbleDir)
	opts := db.pebbleOptions(o)
	defer opts.Cache.Unref()
	if err := db.openPebble(path, opts); err != nil {
		return classifyOpen(path, err)
	}
	if err := SyncDir(db.fs, data); err != nil {
		return errors.Join(Classify(data, err), db.pebble.Close())
	}
	return nil
}

// prepare reads identity and format, and begins new data when there is no database: the directory is not there, or it is empty
// because the first Open was cut short or somebody emptied it.
func (db *DB) prepare(data string) error {
	path := db.fs.PathJoin(data, pebbleDir)
	made, err := exists(db.fs, data)
	if err != nil {
		return Classify(data, err)
	}
	format := Format(0)
	if made {
		if format, err = readFormat(db.fs, data); err != nil {
			return err
		}
	}
	began, whole, err := peek(db.fs, path)
	switch {
	case err != nil:
		return classifyOpen(path, err)
	case began && format == 0:
		return Damaged(db.fs.PathJoin(data, formatFile), errors.New("the file is missing beside existing data"))
	case whole:
		if db.identity, err = ReadIdentity(db.fs, db.dir); errors.Is(err, ErrNoIdentity) {
			return nil
		}
		return err
	}
	db.fresh = true
	if db.identity, err = countGeneration(db.fs, db.dir); err != nil {
		return err
	}
	failpoint.Reach(failpoint.GenerationCounted)
	if !made {
		if err := MakeDir(db.fs, data); err != nil {
			return Classify(data, err)
		}
		failpoint.Reach(failpoint.DataMade)
	}
	if format > 0 {
		return nil
	}
	return Classify(data, writeFormat(db.fs, data, FormatNewest, programLine))
}

// peek looks for a database at path: whether there is anything of one, and whether it was made to the end. Pebble makes its
// manifest before the first log and the first table, so those without a manifest are all that was left of a database. Pebble
// would begin a new one and replay the old log into it, which is neither new nor what there was.
func peek(fs vfs.FS, path string) (began, whole bool, err error) {
	if began, err = exists(fs, path); err != nil || !began {
		return began, false, err
	}
	found, err := pebble.Peek(path, fs)
	if err != nil || found.Exists {
		return began, found.Exists, err
	}
	names, err := fs.List(path)
	if err != nil {
		return began, false, err
	}
	for _, name := range names {
		if ext := filepath.Ext(name); ext == ".log" || ext == ".sst" {
			return began, false, fmt.Errorf("%s is there and no manifest: %w", name, ErrDamaged)
		}
	}
	return began, false, nil
}

// openPebble opens pebble and returns when it can not be opened, which is less than pebble does: while it replays its log it
// writes tables, and on a full disk it tries that again and again without an end. So it opens on a goroutine of its own, which
// is left behind when the disk refuses; a caller can only leave then, and the disk that gets room closes it.
func (db *DB) openPebble(path string, opts *pebble.Options) error {
	db.opening.Store(true)
	defer db.opening.Store(false)
	type opened struct {
		pebble *pebble.DB
		err    error
	}
	done, left := make(chan opened), make(chan struct{})
	go func() {
		p, err := guardedOpen(path, opts)
		select {
		case done <- opened{p, err}:
		case <-left:
			if p != nil {
				_ = p.Close() // nobody is there to be told
			}
		}
	}()
	select {
	case o := <-done:
		db.pebble = o.pebble
		return o.err
	case err := <-db.refused:
		close(left)
		return err
	}
}

// guardedOpen turns a panic of pebble over bytes it did not expect into an error. The leaked handles do not matter: the caller
// can only set the directory aside or leave.
func guardedOpen(path string, opts *pebble.Options) (p *pebble.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, fmt.Errorf("%w: %v", ErrDamaged, r)
		}
	}()
	return pebble.Open(path, opts)
}

// pebbleOptions are tuned for one synced stream of small entries that die young, beside a small random-access state.
func (db *DB) pebbleOptions(o Options) *pebble.Options {
	cacheBytes, memBytes := o.CacheBytes, o.MemTableBytes
	if cacheBytes == 0 {
		cacheBytes = 32 << 20
	}
	if memBytes == 0 {
		memBytes = 16 << 20
	}
	opts := &pebble.Options{
		FS: db.fs,
		// The default major version drops acknowledged entries in silence when a bit flips in the newest log file.
		FormatMajorVersion: pebble.FormatNewest,
		Logger:             bridge{db},
		EventListener:      db.listener(),
		Cache:              pebble.NewCache(cacheBytes),
		MemTableSize:       uint64(memBytes),
		// Three memtables may queue before writers wait: a flush and an fsync storm together must not stall elections.
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       24,
		// Write-back in the background keeps the sync of a flush from standing in the way of the log's sync.
		BytesPerSync: 512 << 10,
	}
	if o.FS == nil {
		opts.FS = walFS{FS: db.fs, bytes: memBytes + memBytes/8}
	}
	for i := range opts.Levels {
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return opts
}

// lockDir takes the directory for this process.
func lockDir(fs vfs.FS, dir string) (io.Closer, error) {
	lock, err := fs.Lock(fs.PathJoin(dir, lockFile))
	if err == nil {
		return lock, nil
	}
	var errno syscall.Errno
	if errors.As(err, &errno) && errno != syscall.EAGAIN && errno != syscall.EACCES {
		return nil, Classify(dir, err)
	}
	return nil, newError(ErrLocked, dir, err)
}

// Pebble is the database itself. Keys must begin with the caller's own Space.
func (db *DB) Pebble() *pebble.DB { return db.pebble }

// FS is the file system on which the directory lies.
func (db *DB) FS() vfs.FS { return db.fs }

// Dir is the node directory.
func (db *DB) Dir() string { return db.dir }

// Identity is whose directory this is; empty if EnsureIdentity was never called for it.
func (db *DB) Identity() Identity { return db.identity }

// Fresh reports whether this Open made the database. What there was before, if there was anything, is gone.
func (db *DB) Fresh() bool { return db.fresh }

// Err is the error that ended this database, or nil. Once it is set no write may be reported as durable.
func (db *DB) Err() error {
	if err := db.latched.Load(); err != nil {
		return *err
	}
	return nil
}

// Fail latches err and tells Options.Fatal, the first time only. It returns the error that is latched.
func (db *DB) Fail(err error) error {
	err = Classify(db.dir, err)
	if !db.latched.CompareAndSwap(nil, &err) {
		return db.Err()
	}
	db.log.Error("storage can not go on", "err", err)
	if db.fatal == nil {
		panic(err)
	}
	db.fatal(err)
	return err
}

// Close closes pebble and gives the directory free. Stores on top must be closed before.
func (db *DB) Close() error {
	db.closeOnce.Do(func() {
		defer func() {
			if r := recover(); r != nil { // pebble panics on iterators that were left open
				db.closeErr = errors.Join(fmt.Errorf("close %s: %v", db.dir, r), db.lock.Close())
			}
		}()
		err := db.pebble.Close()
		db.closeErr = errors.Join(Classify(db.dir, err), db.lock.Close())
	})
	return db.closeErr
}
