//go:build linux

package limits

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Sweep removes the groups of processes that are gone, and returns how many there were.
func Sweep() (int, error) {
	h, err := mounted()
	if err != nil {
		return 0, err
	}
	var errs []error
	removed := 0
	for _, of := range []map[Controller]string{h.v1, h.v2} {
		for _, parent := range of {
			dirs, err := filepath.Glob(filepath.Join(parent, prefix+"*"))
			if err != nil {
				return removed, err
			}
			for _, dir := range dirs {
				owner, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), prefix), "-")
				pid, err := strconv.Atoi(owner)
				if err != nil || alive(pid) {
					continue
				}
				errs = append(errs, evict(dir, parent), removeGroup(dir))
				removed++
			}
		}
	}
	return removed, errors.Join(errs...)
}

func alive(pid int) bool {
	err := unix.Kill(pid, 0)
	return err == nil || errors.Is(err, unix.EPERM)
}

// evict moves what lives in a group to its parent.
func evict(dir, parent string) error {
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, field := range strings.Fields(string(text)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return err
		}
		if err := join(parent, pid); err != nil {
			return err
		}
	}
	return nil
}

// patience is how long a group waits for a member that is dying.
const patience = 5 * time.Second

func removeGroup(dir string) error {
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if err = unix.Rmdir(dir); !errors.Is(err, unix.EBUSY) {
			break
		}
	}
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}
