//go:build linux

package limits

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Files bounds the numbers of the files and connections that a running process may open: more can be opened as long as their
// numbers stay below n. What is open already stays open. heal gives the old limit back.
func Files(pid, n int) (heal func() error, err error) {
	return rlimit(pid, unix.RLIMIT_NOFILE, "open files", uint64(n))
}

// MoreFiles leaves a running process room for that many more files and connections than it has now.
func MoreFiles(pid, more int) (heal func() error, err error) {
	open, err := openFiles(pid)
	if err != nil {
		return nil, err
	}
	n := 0
	for free := 0; free < more || n <= 2; n++ {
		if !open[n] {
			free++
		}
	}
	return Files(pid, n)
}

// FilesLeft counts the files and connections that a running process may still open: at 0, its next one fails.
func FilesLeft(pid int) (int, error) {
	open, err := openFiles(pid)
	if err != nil {
		return 0, err
	}
	var limit unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &limit); err != nil {
		return 0, fmt.Errorf("limit open files of %d: %w", pid, err)
	}
	left := int(limit.Cur)
	for n := range open {
		if n < int(limit.Cur) {
			left--
		}
	}
	return left, nil
}

// openFiles returns the numbers that a process has given out. Its limit is on numbers, and it gives out the lowest free one first.
func openFiles(pid int) (map[int]bool, error) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return nil, fmt.Errorf("open files of %d: %w", pid, err)
	}
	open := map[int]bool{}
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil {
			open[n] = true
		}
	}
	return open, nil
}

// FileSize bounds the size of a file that a running process may write, in bytes. What is beyond fails with EFBIG. A Go program
// does not die of the signal that comes with it.
func FileSize(pid int, bytes uint64) (heal func() error, err error) {
	return rlimit(pid, unix.RLIMIT_FSIZE, "file size", bytes)
}

// rlimit lowers the soft limit only, which can be raised again.
func rlimit(pid, resource int, what string, n uint64) (heal func() error, err error) {
	var was unix.Rlimit
	if err := unix.Prlimit(pid, resource, nil, &was); err != nil {
		return nil, fmt.Errorf("limit %s of %d: %w", what, pid, err)
	}
	if n >= was.Cur {
		return nil, fmt.Errorf("limit %s of %d: %d is no less than the %d that it has", what, pid, n, was.Cur)
	}
	if err := unix.Prlimit(pid, resource, &unix.Rlimit{Cur: n, Max: was.Max}, nil); err != nil {
		return nil, fmt.Errorf("limit %s of %d: %w", what, pid, err)
	}
	return func() error {
		if err := unix.Prlimit(pid, resource, &was, nil); err != nil && err != unix.ESRCH {
			return fmt.Errorf("give %d its limit of %s back: %w", pid, what, err)
		}
		return nil
	}, nil
}
