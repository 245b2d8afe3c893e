// Package source is where records are read from: an archive in an object store or directory, or a Kafka topic. Each kind is
// a sub-package; siblings never import each other. replaytest holds the conformance suite that every kind passes.
package source

import (
	"context"
	"errors"
	"io"

	"backstitch/partition"
	"backstitch/replay/record"
)

// Source reads slices. It is safe for concurrent use.
type Source interface {
	// Open starts reading slice at the first position that is >= cursor and in slice.Ranges. Objects whose ETag is no longer
	// that of the plan give ErrChanged, objects that are gone give ErrGone, damaged ones a *DamagedError.
	Open(ctx context.Context, slice partition.Slice, cursor partition.Offset) (Reader, error)
	// Fields says what the records of this source hold.
	Fields() record.Fields
	io.Closer
}

// Digester is an upgrade of Source for who compares records and does not hand them on. A record is hashed where it was cut, while its
// bytes are in the core's cache, and they are not kept.
type Digester interface {
	// OpenDigests is Open, and its batches have record.Batch.Digests: of the records that Open gives, under fields, which are some of
	// those that the source holds.
	OpenDigests(ctx context.Context, slice partition.Slice, cursor partition.Offset, fields record.Fields) (Reader, error)
}

// OpenDigests opens s for a comparison of fields. Batches of a source that is no Digester have none, and are to be hashed by who reads
// them.
func OpenDigests(ctx context.Context, s Source, slice partition.Slice, cursor partition.Offset, fields record.Fields) (Reader, error) {
	if d, ok := s.(Digester); ok {
		return d.OpenDigests(ctx, slice, cursor, fields)
	}
	return s.Open(ctx, slice, cursor)
}

// Reader returns the records of one slice in order of position.
type Reader interface {
	// Next returns the next batch, never empty, and io.EOF itself after the last one: an error that wraps it is a connection that was
	// closed, so callers compare with ==. Records outside slice.Ranges are not returned.
	// Batch.Next is the cursor after it. The caller owns the batch. After a *DamagedError Next may be called again and goes on
	// at DamagedError.Next; after any other error the reader is dead.
	Next(ctx context.Context) (*record.Batch, error)
	io.Closer
}

// What the plan froze and what is there differ. None of these is worth a retry.
var (
	ErrChanged = errors.New("object changed since the plan")
	ErrGone    = errors.New("object is gone")
	// ErrRecreated says that the topic has another id than the plan froze: somebody deleted and created it again.
	ErrRecreated = errors.New("topic was recreated")
	// ErrRetention says that wanted positions were deleted from the log, by retention or by DeleteRecords.
	ErrRetention = errors.New("records were deleted from the log")
)

// MaxObjects is how many objects of one archive are looked at at once. They are held in memory, at most 1 KB each at the peak
// (replay/bench.BenchmarkListing).
const MaxObjects = 10_000_000

// ErrTooMany says that an archive has more objects than that.
var ErrTooMany = errors.New("more objects than can be looked at at once")
