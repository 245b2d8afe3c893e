package process

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"
)

// What Linux says of a process in /proc (proc(5)). Elsewhere all of it is an error.

// tick is the unit of times in /proc/PID/stat: USER_HZ, which is 100 on every architecture that we build for.
const tick = time.Second / 100

// Worked is how much of processors the child has had.
func (p *Process) Worked() (time.Duration, error) {
	path := fmt.Sprintf("/proc/%d/stat", p.PID())
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	// The name, in brackets, may hold anything. utime and stime are the 14th and 15th field, the 12th and 13th behind it.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("%s has %d fields behind the name", path, len(fields))
	}
	var user, system int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return time.Duration(user+system) * tick, nil
}

// Resident is how much memory the child has now, in bytes.
func (p *Process) Resident() (int64, error) { return p.status("VmRSS") }

// Peak is the most memory that the child has had, in bytes.
func (p *Process) Peak() (int64, error) { return p.status("VmHWM") }

// status reads an amount of memory, in bytes.
func (p *Process) status(name string) (int64, error) {
	path := fmt.Sprintf("/proc/%d/status", p.PID())
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		var kib int64
		if _, err := fmt.Sscanf(line, name+": %d kB", &kib); err == nil {
			return kib << 10, nil
		}
	}
	return 0, fmt.Errorf("%s says nothing of %s", path, name)
}
