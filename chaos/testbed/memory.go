package testbed

import (
	"os"
	"testing"
)

// memory is where Linux has files that are on no disk.
const memory = "/dev/shm"

// InMemory is a directory of no disk, for the length of the test: where processes that would have disks of their own share one machine. Where there
// is none it is a temporary one.
func InMemory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(memory, "backstitch-*")
	if err != nil {
		t.Logf("%s: %v; a temporary directory has to do", memory, err)
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
