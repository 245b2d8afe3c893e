package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
)

// Pebble meets trouble in four ways: it returns an error, it calls Fatalf, it reports a background error, and it reports
// corruption. The last three would pass unseen or end the process in its middle; here they all become DB.Fail.

// bridge is pebble's logger.
type bridge struct{ db *DB }

func (b bridge) Infof(format string, args ...any) {
	if b.db.log.Enabled(context.Background(), slog.LevelDebug) {
		b.db.log.Debug("pebble: " + fmt.Sprintf(format, args...))
	}
}

func (b bridge) Errorf(format string, args ...any) {
	b.db.log.Warn("pebble: " + fmt.Sprintf(format, args...))
}

// Fatalf keeps the error values among args, so that a full disk is told from a broken one.
func (b bridge) Fatalf(format string, args ...any) {
	causes := []error{errors.New(strings.TrimPrefix(fmt.Sprintf(format, args...), "pebble: "))}
	for _, a := range args {
		if err, ok := a.(error); ok {
			causes = append(causes, err)
		}
	}
	err := &fatalError{text: causes[0].Error(), causes: causes[1:]}
	if b.db.opening.Load() {
		panic(err) // caught in openPebble
	}
	_ = b.db.Fail(err) // Fail told the owner
}

// fatalError prints once what Fatalf said and still unwraps to the causes.
type fatalError struct {
	text   string
	causes []error
}

func (e *fatalError) Error() string   { return e.text }
func (e *fatalError) Unwrap() []error { return e.causes }

// counters are the events that pebble's own metrics do not keep.
type counters struct {
	slowWrites atomic.Int64
	stalls     atomic.Int64
}

func (db *DB) listener() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: func(err error) {
			if errors.Is(err, pebble.ErrCancelledCompaction) || errors.Is(err, pebble.ErrClosed) {
				return
			}
			if db.opening.Load() {
				db.refuse(err)
				return
			}
			_ = db.Fail(err)
		},
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			if db.opening.Load() {
				return // Open itself returns it
			}
			_ = db.Fail(Damaged(info.Path, info.Details))
		},
		DiskSlow:        func(pebble.DiskSlowInfo) { db.events.slowWrites.Add(1) },
		WriteStallBegin: func(pebble.WriteStallBeginInfo) { db.events.stalls.Add(1) },
	}
}

// refuse ends an opening over an error of the disk. Anything else pebble.Open returns itself.
func (db *DB) refuse(err error) {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return
	}
	select {
	case db.refused <- err:
	default: // pebble tries again and again; the first time is enough
	}
}
