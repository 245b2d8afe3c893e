//go:build linux

package flood

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Halves splits the cores that this process may use into two sets, the servers' and the senders'.
func Halves() (servers, senders unix.CPUSet, err error) {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return servers, senders, fmt.Errorf("cores of this process: %w", err)
	}
	n := all.Count()
	if n < 2 {
		return servers, senders, fmt.Errorf("this process may use %d core; two are needed: who sends garbage must not take what the servers need", n)
	}
	given := 0
	for cpu := 0; given < n; cpu++ {
		if !all.IsSet(cpu) {
			continue
		}
		if given++; given <= (n+1)/2 {
			servers.Set(cpu)
		} else {
			senders.Set(cpu)
		}
	}
	return servers, senders, nil
}

// Keep makes every thread of this process, and what it starts from now on, use these cores only.
func Keep(cores *unix.CPUSet) error {
	const tasks = "/proc/self/task"
	kept := map[string]bool{}
	for { // a thread that began meanwhile has the cores of the one that began it
		entries, err := os.ReadDir(tasks)
		if err != nil {
			return err
		}
		before := len(kept)
		for _, e := range entries {
			if kept[e.Name()] {
				continue
			}
			kept[e.Name()] = true
			tid, err := strconv.Atoi(e.Name())
			if err != nil {
				return fmt.Errorf("%s: %w", tasks, err)
			}
			if err := unix.SchedSetaffinity(tid, cores); err != nil && !errors.Is(err, unix.ESRCH) { // it has ended
				return fmt.Errorf("cores of thread %d: %w", tid, err)
			}
		}
		if len(kept) == before {
			return nil
		}
	}
}
