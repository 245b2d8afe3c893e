package bubble

import (
	"sync"
	"time"
	"unsafe"
)

// clock is what a process takes for time.Now. Its wall reading can be wrong and can stand still while its monotonic one goes on, as
// on a machine whose clock is set; frozen, both stand still, as for a process that is stopped.
type clock struct {
	mu     sync.Mutex
	skew   time.Duration // of the wall reading
	stands time.Time     // the wall reading that stands still; zero when it goes
	frozen time.Time     // what a stopped process last saw; zero when it runs
	asked  int64
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	if !c.frozen.IsZero() {
		return c.frozen
	}
	return c.read()
}

func (c *clock) read() time.Time {
	now := time.Now()
	if !c.stands.IsZero() {
		return shift(now, c.stands.Round(0).Sub(now.Round(0)))
	}
	return shift(now, c.skew)
}

func (c *clock) set(skew time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skew = skew
}

func (c *clock) stand(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stands = (time.Time{}); on {
		c.stands = time.Now()
	}
}

func (c *clock) freeze(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.read(); on {
		c.frozen = now
	} else {
		c.frozen = time.Time{}
	}
}

// uses is how often the process has looked at it.
func (c *clock) uses() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked
}

// shift moves the wall reading of t, which has none but that in a bubble, by d, and gives it the true time as its monotonic one. No
// function of package time can do that; the test of this file notices when its representation changes: in the first word a flag
// and the seconds since 1885 above 30 bits of nanoseconds, in the second nanoseconds of any origin.
func shift(t time.Time, d time.Duration) time.Time {
	mono := t.UnixNano() - origin
	t = t.Round(0).Add(d)
	words := (*[2]uint64)(unsafe.Pointer(&t)) // #nosec G103 -- the representation of a time.Time, which a test holds to be this
	words[0] = 1<<63 | uint64(t.Unix()-since1885)<<30 | uint64(t.Nanosecond())
	words[1] = uint64(mono)
	return t
}

const (
	origin    = 946_684_800_000_000_000 - int64(time.Hour) // an hour before a bubble's time begins
	since1885 = -2_682_288_000                             // 1 January 1885 in Unix seconds
)
