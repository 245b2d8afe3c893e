// Package sink is where records are written to, exactly once for a reader of committed data. Each kind is a sub-package;
// siblings never import each other. replaytest holds the conformance suite that every kind passes.
//
// The truth about progress lives with the data: Open fences every older owner and returns the progress that is durable in
// the target. Data and progress become visible together, or not at all.
//
// What is not here: deciding which records to write (replay/dedupe), when to commit and what to do after an error
// (replay/engine).
//
// Reading order: sink.go, progress.go, target.go.
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
	// the writer is dead, and Open tells what became of it. After any other error of Write or Commit the writer is dead too,
	// and nothing since the last Commit is or becomes visible.
	Commit(ctx context.Context, p Progress) error
	// Recent reads what others committed to the slice's target partition at or after from, in the target's own offsets, up to
	// now. Records of this lane are left out. from is slice.TargetTo, or a Batch.Next of an earlier read.
	Recent(ctx context.Context, from int64) (Reader, error)
	// Close gives up what is not committed.
	io.Closer
}

// Reader returns records of one target partition in the target's own order and with the target's own offsets.
type Reader interface {
	// Next returns the next batch, never empty, and io.EOF itself, as a source's Reader does, after the last one. Batch.Next is the target offset to go on at. The
	// caller owns the batch.
	Next(ctx context.Context) (*record.Batch, error)
	// Position is the target offset below which everything has been returned; after io.EOF it is where a later read begins.
	Position() int64
	io.Closer
}

// Reverter is a Sink that can make what a job wrote void: readers pass over it from then on, and nothing is deleted.
type Reverter interface {
	// PlanRevert says what reverting job would do to a partition. It writes nothing.
	PlanRevert(ctx context.Context, partition int32, job partition.JobID) (Void, error)
	// Revert makes what job wrote into a partition void, and fences its writers for good; a partition of which job wrote nothing is fenced all the
	// same. Reverting again does nothing. ErrBuiltUpon leaves everything as it is.
	Revert(ctx context.Context, partition int32, job partition.JobID) (Void, error)
}

// Void is what a job wrote into one partition.
type Void struct {
	Records int64
	Done    bool              // readers pass over it, and did before Revert was called
	Later   []partition.JobID // that have written behind it and count; it can not be made void before they are
}

// Errors that say what a caller does next. Everything else is worth opening the sink again.
var (
	// ErrFenced says that a newer owner has opened the lane. Stop at once and report nothing.
	ErrFenced = errors.New("fenced by a newer owner")
	// ErrUnknownOutcome says that a commit may or may not have happened.
	ErrUnknownOutcome = errors.New("commit outcome unknown")
	// ErrRecreated says that the target is not the one that the plan saw: it was deleted and made again.
	ErrRecreated = errors.New("target was recreated since the plan")
	// ErrReshaped says that the target has another number of partitions than the plan saw, and where a record goes depends on it.
	ErrReshaped = errors.New("target has another number of partitions than the plan saw")
	// ErrNoTarget says that the topic, partition or directory is not there.
	ErrNoTarget = errors.New("no such target")
	// ErrProgress says that the progress in the target can not be read, or can not be kept because it has grown too large.
	ErrProgress = errors.New("progress in the target is unusable")
	// ErrBuiltUpon says that other jobs have written behind what is to be made void.
	ErrBuiltUpon = errors.New("later jobs have written behind it")
	// ErrDenied says that the target refuses this principal.
	ErrDenied = errors.New("target denies access")
)

// RejectedError says that the target will never take one record: too large, invalid timestamp. The engine quarantines the
// record and goes on. The writer is dead: nothing since the last commit is visible, and the rest is written again.
type RejectedError struct {
	Offset partition.Offset
	Code   string // stable, one of the Code constants
	Err    error
}

// Why a target refuses a record for good. The codes are stable: they are kept in quarantine lists and printed in runbooks.
const (
	CodeTooLarge     = "BST-Q201" // larger than the target takes
	CodeBadTimestamp = "BST-Q202" // outside the target's limits for timestamps
	CodeNotHeld      = "BST-Q330" // the format of the target's files has no form for it
	CodeNotFramed    = "BST-Q331" // its value is not what columns are made of: no number of a schema in front, or no JSON of the schema
	CodeNoSchema     = "BST-Q332" // its value names a schema that the job does not know
	CodeNoColumns    = "BST-Q333" // its value does not come back from columns as the bytes that it is
	CodeBadRecord    = "BST-Q203" // refused by the target's own rules, e.g. no key in a compacted topic
)

func (e *RejectedError) Error() string { return e.Code + ": " + e.Err.Error() }
func (e *RejectedError) Unwrap() error { return e.Err }
