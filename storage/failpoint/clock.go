//go:build failpoint

package failpoint

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unsafe"
)

// A wall clock that is wrong, as on a machine whose clock was set. The monotonic clock goes on as it is: a person or a time
// server sets the one, and nobody sets the other. So what the program measures stays true, and what it writes down is wrong.
// That is also why Raft's own clock needs no fault: it only ever measures.

// wrongClock is guarded by state.
type wrongClock struct {
	file   string    // "": the clock is right
	text   string    // of the file when it was read last
	stands time.Time // the wall reading that stands still; zero when it goes
}

// Clock is base with the wall reading that EnvClock's file asks for. The file is read at each look, so that a test can set the
// clock while the program runs; one that is not there leaves the clock right. What is wrong is noted in EnvReached's file as soon
// as the program has seen it.
func Clock(base func() time.Time) func() time.Time {
	return func() time.Time {
		state.Lock()
		defer state.Unlock()
		if state.clock.file == "" {
			return base()
		}
		now, err := state.clock.read(base())
		if err != nil {
			panic(fmt.Sprintf("failpoint: %s: %v", EnvClock, err)) // a build for tests, whose evidence would be wrong
		}
		return now
	}
}

func (c *wrongClock) read(now time.Time) (time.Time, error) {
	raw, err := os.ReadFile(c.file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return now, err
	}
	text := strings.TrimSpace(string(raw))
	if text != c.text {
		c.stands = now.Round(0)
		if c.text = text; text != "" {
			note(state.file, "clock "+text)
		}
	}
	skew, ahead := strings.CutPrefix(text, "skew ")
	switch {
	case text == "":
		return now, nil
	case text == "freeze":
		return shift(now, c.stands.Sub(now.Round(0))), nil
	case !ahead:
		return now, fmt.Errorf("%q is nothing that a clock can do", text)
	}
	d, err := time.ParseDuration(skew)
	return shift(now, d), err
}

// shift moves the wall reading of t by d and keeps its monotonic one. No function of package time can do that; the test of this
// file notices when its representation changes: in the first word a flag and the seconds since 1885 above 30 bits of
// nanoseconds, in the second the monotonic reading.
func shift(t time.Time, d time.Duration) time.Time {
	words := (*[2]uint64)(unsafe.Pointer(&t))
	mono := words[1]
	t = t.Round(0).Add(d)
	words[0] = 1<<63 | uint64(t.Unix()-since1885)<<30 | uint64(t.Nanosecond())
	words[1] = mono
	return t
}

const since1885 = -2_682_288_000 // 1 January 1885 in Unix seconds
