//go:build linux

package disk

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// FIFREEZE and FITHAW: _IOWR('X', 119, int) and _IOWR('X', 120, int).
const (
	freezeFS = 0xc0045877
	thawFS   = 0xc0045878
)

// Stall holds every write and every sync up until resume, as a storage network does that waits for a path. Reads go on. What was
// written until now is synced by it.
func (d *Disk) Stall() (resume func() error, err error) {
	root, err := os.Open(d.mount)
	if err != nil {
		return nil, fmt.Errorf("disk %s: %w", d.spec.Name, err)
	}
	defer root.Close()
	if err := unix.IoctlSetInt(int(root.Fd()), freezeFS, 0); err != nil {
		return nil, fmt.Errorf("disk %s: stall: %w", d.spec.Name, err)
	}
	var resumed atomic.Bool
	type probe struct {
		early bool
		err   error
	}
	probed := make(chan probe, 1)
	go func() {
		err := os.WriteFile(d.path(probeFile), lastWords, 0o600)
		probed <- probe{early: !resumed.Load(), err: err}
	}()
	return func() error {
		resumed.Store(true)
		if err := thawIfFrozen(d.mount); err != nil {
			return fmt.Errorf("disk %s: %w", d.spec.Name, err)
		}
		p := <-probed
		if p.early {
			return fmt.Errorf("disk %s: %w: a write went through while it stood still", d.spec.Name, ErrVacuous)
		}
		return errors.Join(p.err, removeAll(d.path(probeFile)))
	}, nil
}

// thawIfFrozen lets a file system go on, and does nothing to one that is not frozen.
func thawIfFrozen(dir string) error {
	root, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := unix.IoctlSetInt(int(root.Fd()), thawFS, 0); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("thaw: %w", err)
	}
	return nil
}
