//go:build linux

package limits

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// prefix begins the name of every group; the id of the process that made it follows.
const prefix = "backstitch-"

// number tells the groups of one process apart.
var number atomic.Int64

// Group is a set of processes that share limits. A controller's directory is made when its first limit is set. Methods are for
// one goroutine.
type Group struct {
	name string
	at   hierarchies
	dirs map[Controller]string
	pids []int
	root map[string]string // files of version 1's root group that were written, and what undoes it
}

// NewGroup makes a group without limits and without members.
func NewGroup(name string) (*Group, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("control groups need root")
	}
	h, err := mounted()
	if err != nil {
		return nil, fmt.Errorf("control groups: %w", err)
	}
	return newGroup(name, h), nil
}

func newGroup(name string, h hierarchies) *Group {
	return &Group{
		name: fmt.Sprintf("%s%d-%d-%s", prefix, os.Getpid(), number.Add(1), name), at: h,
		dirs: map[Controller]string{}, root: map[string]string{},
	}
}

// Add puts a process with all of its threads into the group. Children that it has already stay where they are. Memory that it has
// already is not counted: to limit memory, add a process as soon as it is started.
func (g *Group) Add(pid int) error {
	g.pids = append(g.pids, pid)
	for _, dir := range g.dirs {
		if err := join(dir, pid); err != nil {
			return err
		}
	}
	return nil
}

func join(dir string, pid int) error {
	if err := write(filepath.Join(dir, "cgroup.procs"), strconv.Itoa(pid)); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}

// period is the kernel's own default.
const period = 100 * time.Millisecond

// CPU bounds the group to that many cores, e.g. 0.1. 0 takes the bound away.
func (g *Group) CPU(cores float64) error {
	v, dir, err := g.dir(CPU)
	if err != nil {
		return err
	}
	quota := strconv.FormatInt(max(int64(math.Round(cores*float64(period.Microseconds()))), 1000), 10)
	if v == 1 {
		if cores <= 0 {
			quota = "-1"
		}
		return errors.Join(write(filepath.Join(dir, "cpu.cfs_period_us"), strconv.FormatInt(period.Microseconds(), 10)),
			write(filepath.Join(dir, "cpu.cfs_quota_us"), quota))
	}
	if cores <= 0 {
		quota = "max"
	}
	return write(filepath.Join(dir, "cpu.max"), fmt.Sprintf("%s %d", quota, period.Microseconds()))
}

// Throttled is how often the group had used up its share of a period.
func (g *Group) Throttled() (int64, error) {
	_, dir, err := g.dir(CPU)
	if err != nil {
		return 0, err
	}
	return counter(filepath.Join(dir, "cpu.stat"), "nr_throttled")
}

// Memory bounds what the group may use, in bytes, without swap. Beyond it the kernel kills a process of the group. 0 takes the
// bound away.
func (g *Group) Memory(bytes int64) error {
	v, dir, err := g.dir(Memory)
	if err != nil {
		return err
	}
	text := strconv.FormatInt(bytes, 10)
	if v == 1 {
		if bytes <= 0 {
			text = "-1"
		}
		limit, with := filepath.Join(dir, "memory.limit_in_bytes"), filepath.Join(dir, "memory.memsw.limit_in_bytes")
		if _, err := os.Stat(with); err != nil { // no swap is accounted
			return write(limit, text)
		}
		// The one with swap is never below the one without, so which is moved first depends on the direction.
		if err := write(with, text); err == nil {
			return write(limit, text)
		}
		return errors.Join(write(limit, text), write(with, text))
	}
	if bytes <= 0 {
		text = "max"
	}
	err = write(filepath.Join(dir, "memory.max"), text)
	if swap := filepath.Join(dir, "memory.swap.max"); err == nil && bytes > 0 {
		if _, absent := os.Stat(swap); absent == nil {
			err = write(swap, "0")
		}
	}
	return err
}

// OOMKills is how many processes of the group the kernel has killed for want of memory.
func (g *Group) OOMKills() (int64, error) {
	v, dir, err := g.dir(Memory)
	if err != nil {
		return 0, err
	}
	if v == 1 {
		return counter(filepath.Join(dir, "memory.oom_control"), "oom_kill")
	}
	return counter(filepath.Join(dir, "memory.events"), "oom_kill")
}

// Pids bounds how many threads the group may have. 0 takes the bound away.
func (g *Group) Pids(n int) error {
	_, dir, err := g.dir(Pids)
	if err != nil {
		return err
	}
	text := strconv.Itoa(n)
	if n <= 0 {
		text = "max"
	}
	return write(filepath.Join(dir, "pids.max"), text)
}

// Refused is how often a thread was refused.
func (g *Group) Refused() (int64, error) {
	_, dir, err := g.dir(Pids)
	if err != nil {
		return 0, err
	}
	return counter(filepath.Join(dir, "pids.events"), "max")
}

// SlowDevice makes each write to a block device take at least delay on average, by bounding how many there are in a second.
// Version 2 bounds those of the group. Version 1 does not know on whose behalf a journal is written, so there the group and
// everybody who is in no group are bounded, each by itself; use it on a device that nobody else has. 0 takes the bound away.
func (g *Group) SlowDevice(major, minor uint32, delay time.Duration) error {
	v, dir, err := g.dir(Blkio)
	if err != nil {
		return err
	}
	perSecond := int64(0)
	if delay > 0 {
		perSecond = max(int64(time.Second/delay), 1)
	}
	device := fmt.Sprintf("%d:%d", major, minor)
	if v == 2 {
		rate := "max"
		if perSecond > 0 {
			rate = strconv.FormatInt(perSecond, 10)
		}
		return write(filepath.Join(dir, "io.max"), device+" wiops="+rate)
	}
	const file = "blkio.throttle.write_iops_device"
	all, rule := filepath.Join(g.at.v1[Blkio], file), fmt.Sprintf("%s %d", device, perSecond)
	g.root[all] = device + " 0"
	return errors.Join(write(all, rule), write(filepath.Join(dir, file), rule))
}

// Close takes all limits away, puts those members that are alive where they came from, and removes the group. A member that is
// dying may hold it for a moment.
func (g *Group) Close() error {
	var errs []error
	for file, undo := range g.root {
		errs = append(errs, write(file, undo))
	}
	for c, dir := range g.dirs {
		errs = append(errs, evict(dir, g.parent(c)), removeGroup(dir))
	}
	clear(g.root)
	clear(g.dirs)
	return errors.Join(errs...)
}

func (g *Group) parent(c Controller) string {
	if dir, ok := g.at.v1[c]; ok {
		return dir
	}
	return g.at.v2[c]
}

// dir makes the controller's directory, with the members in it, and says of which version it is.
func (g *Group) dir(c Controller) (version int, dir string, err error) {
	version = 1
	parent, ok := g.at.v1[c]
	if !ok {
		if parent, ok = g.at.v2[c]; !ok {
			return 0, "", fmt.Errorf("group %s: the kernel offers no %s controller", g.name, c)
		}
		version = 2
	}
	if dir, ok := g.dirs[c]; ok {
		return version, dir, nil
	}
	if version == 2 {
		// Children have a controller only if their parent hands it on.
		if err := write(filepath.Join(parent, "cgroup.subtree_control"), "+"+c.nameInV2()); err != nil {
			return 0, "", err
		}
	}
	dir = filepath.Join(parent, g.name)
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return 0, "", err
	}
	g.dirs[c] = dir
	for _, pid := range g.pids {
		if err := join(dir, pid); err != nil {
			return 0, "", err
		}
	}
	return version, dir, nil
}

// write writes one value to a file of a group: they take one per write, and are never made by it.
func write(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// counter reads one line "key value" of a file.
func counter(path, key string) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), " "); ok && k == key {
			return strconv.ParseInt(v, 10, 64)
		}
	}
	return 0, fmt.Errorf("%s: no %s", path, key)
}
