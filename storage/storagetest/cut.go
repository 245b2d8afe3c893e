package storagetest

import (
	"math/rand/v2"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// CutFS counts the syncs on a crashable memory file system and calls OnSync after each, when exactly that much is durable.
// OnSync may clone the file system: the clone is the disk of a machine that lost power at this moment.
type CutFS struct {
	vfs.FS
	Mem    *vfs.MemFS
	OnSync func(n int64)
	syncs  atomic.Int64
}

// NewCutFS makes an empty one.
func NewCutFS(onSync func(n int64)) *CutFS {
	mem := vfs.NewCrashableMem()
	return &CutFS{FS: mem, Mem: mem, OnSync: onSync}
}

// Crash returns the disk after a power loss now: what was synced, and percent of the rest.
func (c *CutFS) Crash(percent int, rng *rand.Rand) *vfs.MemFS {
	return c.Mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng})
}

// Syncs is how many there were.
func (c *CutFS) Syncs() int64 { return c.syncs.Load() }

func (c *CutFS) wrap(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return &cutFile{File: f, fs: c}, nil
}

// Create, OpenReadWrite, OpenDir and ReuseForWrite are the ways to a file that is synced later.
func (c *CutFS) Create(name string, k vfs.DiskWriteCategory) (vfs.File, error) {
	return c.wrap(c.FS.Create(name, k))
}

// OpenReadWrite implements vfs.FS.
func (c *CutFS) OpenReadWrite(name string, k vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return c.wrap(c.FS.OpenReadWrite(name, k, o...))
}

// OpenDir implements vfs.FS.
func (c *CutFS) OpenDir(name string) (vfs.File, error) { return c.wrap(c.FS.OpenDir(name)) }

// ReuseForWrite implements vfs.FS.
func (c *CutFS) ReuseForWrite(from, to string, k vfs.DiskWriteCategory) (vfs.File, error) {
	return c.wrap(c.FS.ReuseForWrite(from, to, k))
}

type cutFile struct {
	vfs.File
	fs *CutFS
}

func (f *cutFile) done(err error) error {
	if err == nil && f.fs.OnSync != nil {
		f.fs.OnSync(f.fs.syncs.Add(1))
	}
	return err
}

func (f *cutFile) Sync() error     { return f.done(f.File.Sync()) }
func (f *cutFile) SyncData() error { return f.done(f.File.SyncData()) }
