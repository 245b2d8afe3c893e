// Package seldom bounds how often something is said. A line of the log for each packet or connection of a stranger would be what costs most of it, and
// would fill the disk.
//
// Not here: who says what, and at which level.
package seldom

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// What strangers can have said of them. What a cluster in trouble says by itself is less.
const (
	PerSecond = 5
	AtOnce    = 50
)

// Lines counts lines of one kind. It is safe for concurrent use.
type Lines struct {
	clock func() time.Time

	mu   sync.Mutex
	rate *rate.Limiter
	left int // lines that were left out since the last one
}

// New allows AtOnce lines, and PerSecond from then on, by clock.
func New(clock func() time.Time) *Lines {
	return &Lines{clock: clock, rate: rate.NewLimiter(PerSecond, AtOnce)}
}

// May reports whether another line may be said, and how many were left out before it.
func (l *Lines) May() (left int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.rate.AllowN(l.clock(), 1) {
		l.left++
		return 0, false
	}
	left, l.left = l.left, 0
	return left, true
}
