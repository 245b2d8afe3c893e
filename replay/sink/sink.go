// Package sink is where records are written to, exactly once for a reader of committed data. Each kind is a sub-package;
// siblings never import each other. replaytest holds the conformance suite that every kind passes.
//
// The truth about progress lives with the data: Open fences every older owner and returns the progress that is durable in
// the target. Data and progress become visible together, or not at all.
package sink

import (
	"context"
	"errors"
	"io"

	"backstitch/partition"
	"backstitch/replay/record"
)

// Sink writes slices. It is safe for concurrent use.
type Sink interface {
	// Open fences every older epoch of slice's lane and returns a writer and the progress of this slice that is durable in the
	// target; a slice that was never begun gives Progress{Cursor: first position of the slice}.
	Open(ctx context.Context, slice partition.Slice, epoch partition.Epoch) (Writer, Progress, error)
	io.Closer
}

// Writer writes one slice. It is used by one goroutine.
type Writer interface {
	// Write takes ownership of batch and hands its records on; they need not be durable or visible when it returns. It blocks
	// while more than the sink's limit of bytes is in flight.
	Write(ctx context.Context, batch *record.Batch) error
	// Commit makes everything written since the last Commit visible together with p, or nothing of it. After ErrUnknownOutcome
	// the writer is dead, and Open tells what became of it.
	Commit(ctx context.Context, p Progress) error
	// Close gives up what is not committed.
	io.Closer
}

// Progress is how far a slice has come in the target. It has the fields of fsm.Checkpoint that a sink keeps.
type Progress struct {
	Cursor      partition.Offset // next position that is not durable
	Records     int64
	Bytes       int64
	Suppressed  int64
	Quarantined int64
	Digest      [16]byte
}

var (
	// ErrFenced says that a newer owner has opened the lane. Stop at once and report nothing.
	ErrFenced = errors.New("fenced by a newer owner")
	// ErrUnknownOutcome says that a commit may or may not have happened.
	ErrUnknownOutcome = errors.New("commit outcome unknown")
)

// RejectedError says that the target will never take one record: too large, invalid timestamp. The engine quarantines the
// record and goes on.
type RejectedError struct {
	Offset partition.Offset
	Code   string // stable, "BST-Q..."
	Err    error
}

func (e *RejectedError) Error() string { return e.Code + ": " + e.Err.Error() }
func (e *RejectedError) Unwrap() error { return e.Err }
