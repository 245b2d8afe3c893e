//go:build linux

package limits

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Controller is what can be limited by a control group.
type Controller string

// Controllers, by the names that version 1 has for them.
const (
	CPU    Controller = "cpu"
	Memory Controller = "memory"
	Pids   Controller = "pids"
	Blkio  Controller = "blkio"
)

// nameInV2 differs for one of them.
func (c Controller) nameInV2() string {
	if c == Blkio {
		return "io"
	}
	return string(c)
}

// hierarchies are where the machine has its controllers. A controller is in at most one of them.
type hierarchies struct {
	v1 map[Controller]string // directory
	v2 map[Controller]string
}

// mounted reads where they are.
func mounted() (hierarchies, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return hierarchies{}, err
	}
	defer f.Close()
	h := hierarchies{v1: map[Controller]string{}, v2: map[Controller]string{}}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if err := h.add(lines.Text()); err != nil {
			return h, err
		}
	}
	return h, lines.Err()
}

// add takes one line of mountinfo: id, parent, device, root, where, options, optional fields, a dash, type, source, options.
func (h hierarchies) add(line string) error {
	fields := strings.Fields(line)
	dash := slices.Index(fields, "-")
	if dash < 5 || dash+3 >= len(fields) {
		return nil
	}
	where := fields[4]
	switch fields[dash+1] {
	case "cgroup":
		for _, option := range strings.Split(fields[dash+3], ",") {
			switch c := Controller(option); c {
			case CPU, Memory, Pids, Blkio:
				h.v1[c] = where
			}
		}
	case "cgroup2":
		text, err := os.ReadFile(filepath.Join(where, "cgroup.controllers"))
		if err != nil {
			return err
		}
		has := strings.Fields(string(text))
		for _, c := range []Controller{CPU, Memory, Pids, Blkio} {
			if slices.Contains(has, c.nameInV2()) {
				h.v2[c] = where
			}
		}
	}
	return nil
}

// Check says why a controller can not be used here, nil when it can.
func Check(c Controller) error {
	if os.Geteuid() != 0 {
		return errors.New("control groups need root")
	}
	h, err := mounted()
	if err != nil {
		return err
	}
	if _, ok := h.v1[c]; ok {
		return nil
	}
	if _, ok := h.v2[c]; ok {
		return nil
	}
	return fmt.Errorf("the kernel offers no %s controller", c)
}
