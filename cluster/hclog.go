package cluster

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"strings"

	"github.com/hashicorp/go-hclog"
)

// hcLogger shows raft and autopilot our logger. Both call things errors that a cluster gets over by itself, such as a peer that
// can not be reached, so their errors become warnings: at 03:00 an error means that somebody must act.
type hcLogger struct {
	log  *slog.Logger
	name string
	with []any
}

var _ hclog.Logger = (*hcLogger)(nil)

func newHCLog(log *slog.Logger, name string) hclog.Logger { return &hcLogger{log: log, name: name} }

func (l *hcLogger) emit(level slog.Level, msg string, args []any) {
	if !l.log.Enabled(context.Background(), level) {
		return
	}
	out := make([]any, 0, len(args))
	for i := 0; i+1 < len(args); i += 2 {
		v := args[i+1]
		if f, ok := v.(hclog.Format); ok && len(f) > 0 {
			if text, ok := f[0].(string); ok {
				v = fmt.Sprintf(text, f[1:]...)
			}
		}
		key := fmt.Sprint(args[i])
		if key == "error" {
			key = "err"
		}
		out = append(out, key, v)
	}
	l.log.Log(context.Background(), level, l.name+": "+msg, out...)
}

// Log maps hclog's levels.
func (l *hcLogger) Log(level hclog.Level, msg string, args ...any) {
	switch level {
	case hclog.Error, hclog.Warn:
		l.emit(slog.LevelWarn, msg, args)
	case hclog.Info:
		l.emit(slog.LevelInfo, msg, args)
	default:
		l.emit(slog.LevelDebug, msg, args)
	}
}

func (l *hcLogger) Trace(msg string, args ...any) {}
func (l *hcLogger) Debug(msg string, args ...any) { l.emit(slog.LevelDebug, msg, args) }
func (l *hcLogger) Info(msg string, args ...any)  { l.emit(slog.LevelInfo, msg, args) }
func (l *hcLogger) Warn(msg string, args ...any)  { l.emit(slog.LevelWarn, msg, args) }
func (l *hcLogger) Error(msg string, args ...any) { l.emit(slog.LevelWarn, msg, args) }

func (l *hcLogger) IsTrace() bool { return false }
func (l *hcLogger) IsDebug() bool { return l.log.Enabled(context.Background(), slog.LevelDebug) }
func (l *hcLogger) IsInfo() bool  { return l.log.Enabled(context.Background(), slog.LevelInfo) }
func (l *hcLogger) IsWarn() bool  { return true }
func (l *hcLogger) IsError() bool { return true }

func (l *hcLogger) ImpliedArgs() []any { return l.with }

// With adds arguments to every line.
func (l *hcLogger) With(args ...any) hclog.Logger {
	return &hcLogger{log: l.log.With(args...), name: l.name, with: append(append([]any(nil), l.with...), args...)}
}

func (l *hcLogger) Name() string { return l.name }

// Named adds to the name.
func (l *hcLogger) Named(name string) hclog.Logger {
	return &hcLogger{log: l.log, name: l.name + "." + name, with: l.with}
}

// ResetNamed replaces the name.
func (l *hcLogger) ResetNamed(name string) hclog.Logger {
	return &hcLogger{log: l.log, name: name, with: l.with}
}

// SetLevel has no effect: the level is that of the slog handler.
func (l *hcLogger) SetLevel(hclog.Level)  {}
func (l *hcLogger) GetLevel() hclog.Level { return hclog.Debug }

// StandardLogger and StandardWriter are for code that writes lines.
func (l *hcLogger) StandardLogger(o *hclog.StandardLoggerOptions) *log.Logger {
	return log.New(l.StandardWriter(o), "", 0)
}

func (l *hcLogger) StandardWriter(*hclog.StandardLoggerOptions) io.Writer { return lineWriter{l} }

type lineWriter struct{ l *hcLogger }

func (w lineWriter) Write(p []byte) (int, error) {
	w.l.emit(slog.LevelInfo, strings.TrimSpace(string(p)), nil)
	return len(p), nil
}
