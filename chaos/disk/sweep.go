//go:build linux

package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// prefix begins the name of every disk's directory; the id of the process that made it follows.
const prefix = "backstitch-disk-"

// Sweep removes the disks of processes that are gone, and returns how many there were.
func Sweep() (int, error) {
	homes, err := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*"))
	if err != nil {
		return 0, err
	}
	var errs []error
	removed := 0
	for _, home := range homes {
		owner, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(home), prefix), "-")
		pid, err := strconv.Atoi(owner)
		if err != nil || alive(pid) {
			continue
		}
		if err := sweep(home); err != nil {
			errs = append(errs, fmt.Errorf("remove %s: %w", home, err))
			continue
		}
		removed++
	}
	return removed, errors.Join(errs...)
}

// alive reports whether a process goes on. One that was killed while it wrote to a stalled disk can not end before the disk
// is thawed, which is for Sweep to do: it counts as gone.
func alive(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		value = strings.TrimSpace(value)
		switch key {
		case "State":
			if value[0] == 'Z' || value[0] == 'X' {
				return false
			}
		case "SigPnd", "ShdPnd":
			pending, err := strconv.ParseUint(value, 16, 64)
			if err == nil && pending&(1<<(unix.SIGKILL-1)) != 0 {
				return false
			}
		}
	}
	return true
}

func sweep(home string) error {
	// A file system that is frozen keeps its mount: it is thawed first.
	if err := thawIfFrozen(filepath.Join(home, "disk")); err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	for _, dir := range []string{"disk", "backing"} {
		err := unix.Unmount(filepath.Join(home, dir), unix.MNT_DETACH)
		if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) { // those two: nothing is mounted
			return err
		}
	}
	return os.RemoveAll(home)
}
