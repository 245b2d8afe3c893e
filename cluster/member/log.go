package member

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A line for each packet that a stranger sends would be what costs most of it, and would fill the disk. What a cluster in trouble says by itself is less.
const (
	linesPerSecond = 5
	linesAtOnce    = 50
)

// logWriter turns memberlist's lines, "[WARN] memberlist: ...", into slog records. The library says everything twice and calls
// ordinary losses errors, so nothing of it is louder than a warning, and its chatter is for a hunt only.
type logWriter struct {
	log   *slog.Logger
	clock func() time.Time

	mu   sync.Mutex
	rate *rate.Limiter
	left int // lines that were left out since the last one
}

func newLogWriter(log *slog.Logger, clock func() time.Time) *logWriter {
	return &logWriter{log: log, clock: clock, rate: rate.NewLimiter(linesPerSecond, linesAtOnce)}
}

func (w *logWriter) Write(p []byte) (int, error) {
	level := slog.LevelDebug
	switch line := string(p); {
	case strings.HasPrefix(line, "[ERR]"), strings.HasPrefix(line, "[ERROR]"):
		level = slog.LevelWarn
	case strings.HasPrefix(line, "[WARN]") && !strings.Contains(line, "Refuting"):
		level = slog.LevelInfo
	}
	if !w.log.Enabled(context.Background(), level) {
		return len(p), nil
	}
	left, ok := w.may()
	if !ok {
		return len(p), nil
	}
	line := strings.TrimSpace(string(p))
	if _, rest, ok := strings.Cut(line, "] "); ok {
		line = strings.TrimPrefix(rest, "memberlist: ")
	}
	var more []any
	if left > 0 {
		more = []any{"left_out", left}
	}
	w.log.Log(context.Background(), level, "gossip: "+line, more...)
	return len(p), nil
}

// may reports whether another line may be said, and how many were left out before it.
func (w *logWriter) may() (left int, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.rate.AllowN(w.clock(), 1) {
		w.left++
		return 0, false
	}
	left, w.left = w.left, 0
	return left, true
}
