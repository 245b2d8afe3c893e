//go:build linux

package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// fillerFile takes the room away.
const fillerFile = ".filler"

// Fill leaves no room on the disk. heal gives it back.
func (d *Disk) Fill() (heal func() error, err error) {
	path := d.path(fillerFile)
	heal = func() error {
		if err := removeAll(path); err != nil {
			return fmt.Errorf("disk %s: %w", d.spec.Name, err)
		}
		return nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("disk %s: %w", d.spec.Name, err)
	}
	defer f.Close()
	// Blocks are reserved at once; what is promised but not yet placed makes a second and a third round useful.
	for size, at := int64(16<<20), int64(0); size >= 4096; {
		switch err := unix.Fallocate(int(f.Fd()), 0, at, size); {
		case err == nil:
			at += size
		case errors.Is(err, unix.ENOSPC):
			size /= 2
		default:
			return nil, errors.Join(fmt.Errorf("disk %s: fill: %w", d.spec.Name, err), heal())
		}
	}
	// Synced, so that the room is not given back by blocks that are freed in memory only.
	if err := f.Sync(); err != nil {
		return nil, errors.Join(fmt.Errorf("disk %s: fill: %w", d.spec.Name, err), heal())
	}
	err = d.refuses("a write to a full disk", os.WriteFile(d.path(probeFile), make([]byte, 1<<20), 0o600), unix.ENOSPC)
	if err = errors.Join(err, removeAll(d.path(probeFile))); err != nil {
		return nil, errors.Join(err, heal())
	}
	return heal, nil
}

// TurnReadOnly does what ext4 does when it finds itself damaged: every write is refused from here on. Remount ends it.
func (d *Disk) TurnReadOnly() error {
	if d.loop == nil {
		return fmt.Errorf("disk %s is not attached", d.spec.Name)
	}
	trigger := filepath.Join("/sys/fs/ext4", filepath.Base(d.loop.Name()), "trigger_fs_error")
	if err := os.WriteFile(trigger, []byte("1\n"), 0); err != nil {
		return fmt.Errorf("disk %s: %w", d.spec.Name, err)
	}
	return d.refuses("a write to a disk that turned read-only", os.WriteFile(d.path(probeFile), nil, 0o600), unix.EROFS)
}

// reachable is how much of a dead device still answers.
const reachable = 1 << 20

// Die makes the device end after its first megabyte: reads that are not answered from memory fail with EIO, and so do writes
// as soon as they reach the device. Nothing is lost; Remount ends it.
func (d *Disk) Die() error {
	sentinel, err := os.Open(d.path(sentinelFile)) // before: a name can not be looked up on a dead disk
	if err != nil {
		return fmt.Errorf("disk %s: %w", d.spec.Name, err)
	}
	defer sentinel.Close()
	if err := d.limit(reachable); err != nil {
		return err
	}
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("1"), 0); err != nil {
		return fmt.Errorf("disk %s: %w", d.spec.Name, err)
	}
	if err := unix.Fadvise(int(sentinel.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		return fmt.Errorf("disk %s: %w", d.spec.Name, err)
	}
	_, err = sentinel.Read(make([]byte, 4096))
	return d.refuses("a read of a dead disk", err, unix.EIO)
}

// limit sets the size of the loop device; 0 is that of its image.
func (d *Disk) limit(bytes uint64) error {
	if d.loop == nil {
		return fmt.Errorf("disk %s is not attached", d.spec.Name)
	}
	info, err := unix.IoctlLoopGetStatus64(int(d.loop.Fd()))
	if err != nil {
		return fmt.Errorf("disk %s: %w", d.spec.Name, err)
	}
	info.Sizelimit = bytes
	if err := unix.IoctlLoopSetStatus64(int(d.loop.Fd()), info); err != nil {
		return fmt.Errorf("disk %s: size of the loop device: %w", d.spec.Name, err)
	}
	return nil
}

// SyncFailure is what a program sees of FailSyncs.
type SyncFailure struct {
	First  error // of the first sync after a write; never nil
	Second error // of the next sync of the same file: usually nil, although the data are gone
}

// FailSyncs takes away what lies under the disk: the disk shows room, a write succeeds into memory, and the sync that brings it to
// the device fails, once; the next one reports success. Room that was used before can still be written. heal ends it.
func (d *Disk) FailSyncs() (seen SyncFailure, heal func() error, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(d.backing, &st); err != nil {
		return seen, nil, fmt.Errorf("disk %s: %w", d.spec.Name, err)
	}
	used := (int64(st.Blocks) - int64(st.Bfree)) * st.Bsize
	if err := unix.Mount("tmpfs", d.backing, "tmpfs", unix.MS_REMOUNT, fmt.Sprintf("size=%d", used)); err != nil {
		return seen, nil, fmt.Errorf("disk %s: shrink what is under it: %w", d.spec.Name, err)
	}
	seen, err = d.failedSync()
	if err != nil {
		return seen, nil, errors.Join(err, d.enlarge())
	}
	return seen, d.enlarge, nil
}

func (d *Disk) enlarge() error {
	if err := unix.Mount("tmpfs", d.backing, "tmpfs", unix.MS_REMOUNT, d.roomy()); err != nil {
		return fmt.Errorf("disk %s: enlarge what is under it: %w", d.spec.Name, err)
	}
	return nil
}

// failedSync writes new blocks until a sync fails, and syncs once more.
func (d *Disk) failedSync() (seen SyncFailure, err error) {
	f, err := os.Create(d.path(probeFile))
	if err != nil {
		return seen, fmt.Errorf("disk %s: %w", d.spec.Name, err)
	}
	defer func() {
		removed := removeAll(d.path(probeFile))
		if errors.Is(removed, unix.EROFS) {
			removed = nil // the failed sync was one of the journal's, after which ext4 is read-only until Remount
		}
		err = errors.Join(err, f.Close(), removed)
	}()
	block := make([]byte, 1<<20)
	for n := int64(0); n < d.spec.Bytes && seen.First == nil; n += int64(len(block)) {
		if _, err := f.Write(block); err != nil {
			break // full before a sync failed
		}
		seen.First = f.Sync()
	}
	seen.Second = f.Sync()
	return seen, d.refuses("syncs of new data", seen.First, unix.ENOSPC, unix.EIO)
}
