//go:build linux

package disk

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Copy is a disk as it was, block for block.
type Copy struct{ path string }

// Keep copies the disk as it is, also while it is in use: what a backup of the volume holds.
func (d *Disk) Keep() (*Copy, error) {
	path, err := d.copyImage()
	if err != nil {
		return nil, err
	}
	return &Copy{path: path}, nil
}

// PutBack replaces the disk by a copy of it, as after a restore of the volume. Nobody may have files open in it. A copy can
// be put back more than once.
func (d *Disk) PutBack(c *Copy) error {
	marker := d.path(probeFile)
	if err := writeSynced(marker, lastWords); err != nil {
		return fmt.Errorf("disk %s: %w", d.spec.Name, err)
	}
	if err := d.detach(); err != nil {
		return err
	}
	if err := copySparse(c.path, d.image); err != nil {
		return fmt.Errorf("disk %s: put back: %w", d.spec.Name, err)
	}
	if err := d.attach(); err != nil {
		return err
	}
	if _, err := os.Stat(marker); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("disk %s: %w: a file of today is on the old disk (%v)", d.spec.Name, ErrVacuous, err)
	}
	return nil
}

// Lie makes the disk report every sync as done and keep it in a cache that the next cut of the power loses. Up to that moment
// nobody can tell. It stands for a drive with a volatile write cache that ignores flushes; what it loses is
// always the end, from now on, never a part in between.
func (d *Disk) Lie() error {
	if d.volatile != "" {
		return nil
	}
	path, err := d.copyImage()
	if err != nil {
		return err
	}
	d.volatile = path
	return nil
}

// copyImage syncs the file system and copies the image under it.
func (d *Disk) copyImage() (string, error) {
	root, err := os.Open(d.mount)
	if err != nil {
		return "", fmt.Errorf("disk %s: %w", d.spec.Name, err)
	}
	defer root.Close()
	if err := unix.Syncfs(int(root.Fd())); err != nil {
		return "", fmt.Errorf("disk %s: sync: %w", d.spec.Name, err)
	}
	f, err := os.CreateTemp(d.backing, "copy-")
	if err != nil {
		return "", fmt.Errorf("disk %s: %w", d.spec.Name, err)
	}
	path := f.Name()
	if err := errors.Join(f.Close(), copySparse(d.image, path)); err != nil {
		return "", fmt.Errorf("disk %s: copy: %w", d.spec.Name, err)
	}
	return path, nil
}

// copySparse copies what from holds and leaves its holes holes.
func copySparse(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	st, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if err := out.Truncate(st.Size()); err != nil {
		return err
	}
	for at := int64(0); ; {
		data, err := unix.Seek(int(in.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return nil // nothing but a hole
		}
		if err != nil {
			return err
		}
		hole, err := unix.Seek(int(in.Fd()), data, unix.SEEK_HOLE)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.NewOffsetWriter(out, data), io.NewSectionReader(in, data, hole-data)); err != nil {
			return err
		}
		at = hole
	}
}
