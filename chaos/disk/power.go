//go:build linux

package disk

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// goingDown is EXT4_IOC_SHUTDOWN: _IOR('X', 125, __u32).
const goingDown = 0x8004587d

// withoutFlush tells it to throw away what is in memory, log and data alike.
const withoutFlush = 2

var lastWords = bytes.Repeat([]byte("what was synced stays, what was not goes. "), 1024)

// CutPower takes the power away in this moment: what was not synced is gone, and everybody who has files open gets EIO. The processes
// on the disk are to be killed before or after; PowerOn brings the disk back. Cutting the power of several disks at once is
// calling it for each, which takes about a millisecond.
func (d *Disk) CutPower() error {
	if err := writeSynced(d.path(syncedFile), lastWords); err != nil {
		return fmt.Errorf("disk %s: %w", d.spec.Name, err)
	}
	if err := os.WriteFile(d.path(unsyncedFile), lastWords, 0o600); err != nil {
		return fmt.Errorf("disk %s: %w", d.spec.Name, err)
	}
	root, err := os.Open(d.mount)
	if err != nil {
		return fmt.Errorf("disk %s: %w", d.spec.Name, err)
	}
	defer root.Close()
	if err := unix.IoctlSetPointerInt(int(root.Fd()), goingDown, withoutFlush); err != nil {
		return fmt.Errorf("disk %s: cut power: %w", d.spec.Name, err)
	}
	return d.refuses("a write without power", os.WriteFile(d.path(probeFile), lastWords, 0o600), unix.EIO)
}

// PowerOn mounts the disk again after CutPower. It fails with ErrVacuous when the cut lost nothing: what is written and
// not synced just before each cut has to be gone, and what is synced has to be there (unless the disk lies, see Lie).
func (d *Disk) PowerOn() error {
	if err := d.detach(); err != nil {
		return err
	}
	lied := d.volatile != ""
	if lied {
		if err := os.Rename(d.volatile, d.image); err != nil {
			return fmt.Errorf("disk %s: %w", d.spec.Name, err)
		}
		d.volatile = ""
	}
	if err := d.attach(); err != nil {
		return err
	}
	synced, err := os.ReadFile(d.path(syncedFile))
	kept := err == nil && bytes.Equal(synced, lastWords)
	unsynced, err := os.ReadFile(d.path(unsyncedFile))
	alsoKept := err == nil && bytes.Equal(unsynced, lastWords)
	switch {
	case alsoKept:
		return fmt.Errorf("disk %s: %w: what was not synced outlived the cut", d.spec.Name, ErrVacuous)
	case kept == lied:
		return fmt.Errorf("disk %s: %w: lying is %t and the synced file outlived the cut: %t", d.spec.Name, ErrVacuous, lied, kept)
	}
	return errors.Join(removeAll(d.path(syncedFile)), removeAll(d.path(unsyncedFile)), syncDir(d.mount))
}

func removeAll(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
