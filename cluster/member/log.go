package member

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"backstitch/cluster/seldom"
)

// logWriter turns memberlist's lines, "[WARN] memberlist: ...", into slog records. The library says everything twice and calls
// ordinary losses errors, so nothing of it is louder than a warning, and its chatter is for a hunt only.
type logWriter struct {
	log   *slog.Logger
	lines *seldom.Lines
}

func newLogWriter(log *slog.Logger, clock func() time.Time) *logWriter {
	return &logWriter{log, seldom.New(clock)}
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
	left, ok := w.lines.May()
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
