package storage

import (
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// walFS gives a new write-ahead log file its full size at once. Pebble reserves blocks but leaves the size, so each append
// changes the size and each sync must commit it to the file system's journal as well; that doubles the time of a sync. The
// unwritten rest reads as zeros, which pebble takes for the end of the log. Recycled files have their size already.
type walFS struct {
	vfs.FS
	bytes int64
}

// Create implements vfs.FS.
func (w walFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := w.FS.Create(name, category)
	if err == nil && strings.HasSuffix(name, ".log") {
		extend(f.Fd(), w.bytes) // only a speed-up: a file system that can not do it appends as before
	}
	return f, err
}

// Unwrap implements vfs.FS.
func (w walFS) Unwrap() vfs.FS { return w.FS }
