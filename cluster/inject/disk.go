package inject

import (
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// FS is base with the faults of the set on it: what is written and synced through it may take longer. Nothing is ever refused or
// altered.
func (s *Set) FS(base vfs.FS) vfs.FS { return slowFS{base, s} }

// slow waits as long as a write or a sync is made to.
func (s *Set) slow() {
	if e, _ := s.find(func(e *entry) bool { return e.Kind == SlowDisk }); e.hit() {
		<-time.After(e.Delay)
	}
}

type slowFS struct {
	vfs.FS
	set *Set
}

func (f slowFS) wrap(file vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return slowFile{file, f.set}, nil
}

func (f slowFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return f.wrap(f.FS.Create(name, category))
}

func (f slowFS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.wrap(f.FS.Open(name, opts...))
}

func (f slowFS) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.wrap(f.FS.OpenReadWrite(name, category, opts...))
}

func (f slowFS) OpenDir(name string) (vfs.File, error) { return f.wrap(f.FS.OpenDir(name)) }

func (f slowFS) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return f.wrap(f.FS.ReuseForWrite(old, name, category))
}

// Unwrap is for pebble, which asks for the file system below.
func (f slowFS) Unwrap() vfs.FS { return f.FS }

type slowFile struct {
	vfs.File
	set *Set
}

func (f slowFile) Write(p []byte) (int, error) {
	f.set.slow()
	return f.File.Write(p)
}

func (f slowFile) WriteAt(p []byte, at int64) (int, error) {
	f.set.slow()
	return f.File.WriteAt(p, at)
}

func (f slowFile) Sync() error {
	f.set.slow()
	return f.File.Sync()
}

func (f slowFile) SyncData() error {
	f.set.slow()
	return f.File.SyncData()
}

func (f slowFile) SyncTo(length int64) (bool, error) {
	f.set.slow()
	return f.File.SyncTo(length)
}
