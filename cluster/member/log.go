package member

import (
	"log/slog"
	"strings"
	"time"

	"backstitch/cluster/seldom"
)

// logWriter turns memberlist's lines, "[WARN] memberlist: ...", into slog records. The library says everything twice and calls
// ordinary losses errors, so nothing of it is louder than a warning, and its chatter is for a hunt only.
type logWriter struct{ log *seldom.Log }

func newLogWriter(log *slog.Logger, clock func() time.Time) *logWriter {
	return &logWriter{seldom.New(log, clock)}
}

func (w *logWriter) Write(p []byte) (int, error) {
	line := strings.TrimSpace(string(p))
	level := slog.LevelDebug
	switch {
	case strings.HasPrefix(line, "[ERR]"), strings.HasPrefix(line, "[ERROR]"):
		level = slog.LevelWarn
	case strings.HasPrefix(line, "[WARN]") && !strings.Contains(line, "Refuting"):
		level = slog.LevelInfo
	}
	if _, rest, ok := strings.Cut(line, "] "); ok {
		line = strings.TrimPrefix(rest, "memberlist: ")
	}
	w.log.Say(level, "gossip: "+line)
	return len(p), nil
}
