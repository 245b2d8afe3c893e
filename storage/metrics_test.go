package storage_test

import (
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"backstitch/storage"
)

// What is written is on the disk before the first flush, too.
func TestDiskBytesCountTheLogThatIsBeingWritten(t *testing.T) {
	db, err := storage.Open("/data", storage.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	before := db.Metrics().DiskBytes
	if err := db.Pebble().Set(storage.LogSpace.Key('x'), make([]byte, 100_000), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	if got := db.Metrics().DiskBytes; got < before+100_000 {
		t.Errorf("got %d bytes after writing 100,000 to %d", got, before)
	}
}
