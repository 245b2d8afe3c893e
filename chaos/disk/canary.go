//go:build linux

package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// This file writes and reads the small files by which a fault is seen to bite. They lie in the root of the disk, beside what the
// process under test has there.

const (
	sentinelFile = ".sentinel" // written once, when the disk is made
	syncedFile   = ".synced"
	unsyncedFile = ".unsynced"
	probeFile    = ".probe"
)

const canaryBytes = 64 << 10

func (d *Disk) path(name string) string { return filepath.Join(d.mount, name) }

// writeSentinel writes a file that later reads can ask the device for.
func (d *Disk) writeSentinel() error {
	if err := writeSynced(d.path(sentinelFile), make([]byte, canaryBytes)); err != nil {
		return fmt.Errorf("disk %s: %w", d.spec.Name, err)
	}
	return nil
}

func writeSynced(path string, body []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// refuses demands that err is want: a fault that lets the probe through did not bite.
func (d *Disk) refuses(what string, err error, want ...unix.Errno) error {
	for _, w := range want {
		if errors.Is(err, w) {
			return nil
		}
	}
	return fmt.Errorf("disk %s: %w: %s gave %v, want %v", d.spec.Name, ErrVacuous, what, err, want)
}
