//go:build linux

package limits

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fakeFile makes a file such as the kernel offers.
func fakeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// TestVersionTwo writes to a directory that has the files of version 2: few machines have both versions.
func TestVersionTwo(t *testing.T) {
	root := t.TempDir()
	g := newGroup("x", hierarchies{v2: map[Controller]string{CPU: root, Memory: root, Pids: root, Blkio: root}})
	dir := filepath.Join(root, g.name)
	for _, name := range []string{"cpu.max", "memory.max", "memory.swap.max", "pids.max", "io.max", "cgroup.procs"} {
		fakeFile(t, filepath.Join(dir, name), "")
	}
	fakeFile(t, filepath.Join(root, "cgroup.subtree_control"), "")
	fakeFile(t, filepath.Join(dir, "cpu.stat"), "usage_usec 5\nnr_periods 4\nnr_throttled 3\n")
	fakeFile(t, filepath.Join(dir, "memory.events"), "low 0\noom 2\noom_kill 1\n")
	fakeFile(t, filepath.Join(dir, "pids.events"), "max 7\n")
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Error(err)
		}
		return string(text)
	}
	got := map[string]string{}
	do := func(file string, err error) {
		if err != nil {
			t.Error(err)
		}
		got[file] = read(filepath.Join(g.name, file))
	}
	do("cgroup.procs", errors.Join(g.Add(4711), g.CPU(0.1)))
	do("cpu.max", nil)
	do("memory.max", g.Memory(64<<20))
	do("memory.swap.max", nil)
	do("pids.max", g.Pids(12))
	do("io.max", g.SlowDevice(7, 3, 20*time.Millisecond))
	want := map[string]string{
		"cgroup.procs": "4711", "cpu.max": "10000 100000", "memory.max": "67108864", "memory.swap.max": "0", "pids.max": "12", "io.max": "7:3 wiops=50",
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("written (-got +want):\n%s", diff)
	}
	for what, count := range map[string]func() (int64, error){"3": g.Throttled, "1": g.OOMKills, "7": g.Refused} {
		if n, err := count(); err != nil || string(rune('0'+n)) != what {
			t.Errorf("counter: got %d, %v, want %s", n, err, what)
		}
	}
}

// TestMountinfo has the three ways in which machines have their controllers.
func TestMountinfo(t *testing.T) {
	root := t.TempDir()
	fakeFile(t, filepath.Join(root, "cgroup.controllers"), "cpuset cpu io memory pids\n")
	hybrid := filepath.Join(root, "unified")
	fakeFile(t, filepath.Join(hybrid, "cgroup.controllers"), "hugetlb\n")
	tests := []struct {
		name  string
		lines []string
		want  hierarchies
	}{
		{"version 1", []string{
			"25 24 0:21 / /cg/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct",
			"26 24 0:22 / /cg/memory rw - cgroup cgroup rw,memory",
			"27 24 0:23 / /cg/blkio rw - cgroup cgroup rw,blkio",
			"28 24 0:24 / " + hybrid + " rw - cgroup2 cgroup2 rw",
			"29 24 0:25 / /elsewhere rw - ext4 /dev/x rw",
		}, hierarchies{v1: map[Controller]string{CPU: "/cg/cpu,cpuacct", Memory: "/cg/memory", Blkio: "/cg/blkio"}}},
		{"version 2", []string{"28 24 0:24 / " + root + " rw shared:4 - cgroup2 cgroup2 rw,nsdelegate"},
			hierarchies{v2: map[Controller]string{CPU: root, Memory: root, Pids: root, Blkio: root}}},
		{"none", []string{"", "29 24 0:25 / / rw - ext4 /dev/x rw"}, hierarchies{}},
	}
	for _, test := range tests {
		got := hierarchies{v1: map[Controller]string{}, v2: map[Controller]string{}}
		for _, line := range test.lines {
			if err := got.add(line); err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
		}
		for _, c := range []Controller{CPU, Memory, Pids, Blkio} {
			if got.v1[c] != test.want.v1[c] || got.v2[c] != test.want.v2[c] {
				t.Errorf("%s: %s: got %q and %q, want %q and %q", test.name, c, got.v1[c], got.v2[c], test.want.v1[c], test.want.v2[c])
			}
		}
	}
}
