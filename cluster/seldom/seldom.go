// Package seldom bounds how often something is said. A line of the log for each packet or connection of a stranger would be what costs most of it, and
// would fill the disk.
//
// Not here: who says what, and at which level.
package seldom

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// What strangers can have said of them. What a cluster in trouble says by itself is less.
const (
	PerSecond = 5
	AtOnce    = 50
)

// Log says what log would, unless there was much to say lately. It is safe for concurrent use.
type Log struct {
	log   *slog.Logger
	clock func() time.Time

	mu   sync.Mutex
	rate *rate.Limiter
	left int // lines that were left out since the last one
}

// New allows AtOnce lines, and PerSecond from then on, by clock.
func New(log *slog.Logger, clock func() time.Time) *Log {
	return &Log{log: log, clock: clock, rate: rate.NewLimiter(PerSecond, AtOnce)}
}

// Say logs a line, with how many were left out before it as left_out. What the log leaves out by its level does not count.
func (l *Log) Say(level slog.Level, text string, attrs ...any) {
	if !l.log.Enabled(context.Background(), level) {
		return
	}
	left, ok := l.may()
	if !ok {
		return
	}
	if left > 0 {
		attrs = append(attrs, "left_out", left)
	}
	l.log.Log(context.Background(), level, text, attrs...)
}

// may reports whether another line may be said, and how many were left out before it.
func (l *Log) may() (left int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.rate.AllowN(l.clock(), 1) {
		l.left++
		return 0, false
	}
	left, l.left = l.left, 0
	return left, true
}
