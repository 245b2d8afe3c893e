package testbed

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// This file hands out ports. Between the moment at which a port is found free and the one at which a child listens on it, another
// test would find it free too, in this process or in another one. So each port has a lock, which is held as long as the test lives
// and which the kernel takes back from a process that is gone.

// Ports below the ephemeral range of Linux.
const (
	firstPort = 21000
	lastPort  = 32000
)

// FreePorts finds n neighbouring free loopback ports, TCP and UDP, below the ephemeral range, and returns the first. They are
// given to nobody else before the test ends.
func FreePorts(t testing.TB, n int) int {
	t.Helper()
	dir := filepath.Join(os.TempDir(), "backstitch-ports")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for first := firstPort; first+n <= lastPort; first += n {
		locks, ok := lockPorts(dir, first, n)
		if ok && allFree(first, n) {
			t.Cleanup(func() {
				if err := unlock(locks); err != nil {
					t.Errorf("give ports back: %v", err)
				}
			})
			return first
		}
		if err := unlock(locks); err != nil {
			t.Fatalf("give ports back: %v", err)
		}
	}
	t.Fatalf("no free ports between %d and %d", firstPort, lastPort)
	return 0
}

// lockPorts takes the locks of n ports. ok is false when somebody has one; those that were taken are returned all the same.
func lockPorts(dir string, first, n int) (locks []io.Closer, ok bool) {
	for port := first; port < first+n; port++ {
		l, err := vfs.Default.Lock(filepath.Join(dir, fmt.Sprint(port)))
		if err != nil {
			return locks, false
		}
		locks = append(locks, l)
	}
	return locks, true
}

func unlock(locks []io.Closer) error {
	var errs []error
	for _, l := range locks {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

func allFree(first, n int) bool {
	for port := first; port < first+n; port++ {
		address := fmt.Sprintf("127.0.0.1:%d", port)
		l, err := net.Listen("tcp", address)
		if err != nil {
			return false
		}
		l.Close()
		u, err := net.ListenPacket("udp", address)
		if err != nil {
			return false
		}
		u.Close()
	}
	return true
}
