package check

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// What a run leaves behind, from /proc. On systems without it the collectors return ErrEvidence.

// Group lists the processes of a process group, as "PID name", without those that are dead and wait to be collected.
func Group(pgid int) ([]string, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(dirs) == 0 {
		return nil, unfit("no list of processes: %v", err)
	}
	var out []string
	for _, name := range dirs {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended meanwhile
		}
		// PID (NAME) STATE PPID PGRP ...; the name may hold blanks and parentheses.
		open, end := strings.IndexByte(string(text), '('), strings.LastIndexByte(string(text), ')')
		if open < 0 || end < 0 {
			return nil, unfit("%s is %q", name, text)
		}
		f := strings.Fields(string(text[end+1:]))
		if len(f) < 3 {
			return nil, unfit("%s is %q", name, text)
		}
		if group, err := strconv.Atoi(f[2]); err == nil && group == pgid && f[0] != "Z" && f[0] != "X" {
			out = append(out, strings.TrimSpace(string(text[:open]))+" "+string(text[open+1:end]))
		}
	}
	return out, nil
}

// Files lists what a process has open, by the name that the kernel gives it; sockets and pipes have numbers in them.
func Files(pid int) ([]string, error) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, unfit("open files of %d: %v", pid, err)
	}
	var out []string
	for _, e := range entries {
		if to, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil {
			out = append(out, to)
		}
	}
	slices.Sort(out)
	return out, nil
}

// Mounts lists the mount points that contain part.
func Mounts(part string) ([]string, error) {
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, unfit("mounts: %v", err)
	}
	var out []string
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 1 && strings.Contains(f[1], part) {
			out = append(out, f[1])
		}
	}
	return out, nil
}

// Leaks compares what there is after a run with what there was before it, each as often as it is there: processes, mounts, open
// files. where names what was listed.
func Leaks(where string, before, after []string) Findings {
	had := map[string]int{}
	for _, x := range before {
		had[x]++
	}
	var found Findings
	for _, x := range after {
		if had[x]--; had[x] < 0 {
			found.add(NothingLeft, where, "%s", x)
		}
	}
	return found
}

// Grown compares counts, e.g. of open files or goroutines, where names tell nothing: more than slack above before is a leak.
func Grown(where string, before, after, slack int) Findings {
	var found Findings
	if after > before+slack {
		found.add(NothingLeft, where, "%d before the run and %d after it, %d more are allowed", before, after, slack)
	}
	return found
}
