package sink

import (
	"context"
	"io"

	"backstitch/replay/record"
)

// Targets reads back what a target holds. It is how a repair is planned and proved, and it never writes. It is safe for
// concurrent use.
type Targets interface {
	// Bounds returns the first offset that partition still has and the one after the last committed record.
	Bounds(ctx context.Context, partition int32) (start, end int64, err error)
	// Settled waits until everything that is in partition now is decided, so that Bounds has it or never will. What was
	// committed is not yet seen while an older transaction of anybody is open.
	Settled(ctx context.Context, partition int32) error
	// Read reads the committed records at offsets [from, to) of partition; it ends at the end of committed data of now when
	// that comes first.
	Read(ctx context.Context, partition int32, from, to int64) (Reader, error)
	// Fields says what the records of this target hold.
	Fields() record.Fields
	io.Closer
}

// Whole is an upgrade of Targets that can tell all of its partitions at once.
type Whole interface {
	// AllBounds returns what Bounds does, for each partition in the order of their numbers.
	AllBounds(ctx context.Context) ([]Bound, error)
}

// Bound is the first offset that a partition still has and the one after its last committed record.
type Bound struct{ Start, End int64 }

// Spread is an upgrade of Targets whose partitions are those of the reference, while the target itself has others. The records of one lie in
// all partitions of the target, so offsets are numbers that it gives them.
type Spread interface {
	// At is where a record lies that was read under number.
	At(number int64) (partition int32, offset int64)
	// Strayed says in which partition of the target a record belongs that was read of partition from, false where it is in that one.
	Strayed(from int32, r *record.Record) (partition int32, strayed bool)
}

// Names of the headers that say where a refilled record came from. A record that has one more than once counts by the last.
const (
	OriginHeader = record.OwnHeaderPrefix + "origin" // "TOPIC/PARTITION/OFFSET" of the reference
	JobHeader    = record.OwnHeaderPrefix + "job"    // the job that wrote it
	LateHeader   = record.OwnHeaderPrefix + "late"   // by how many milliseconds it lies behind the watermark; only late records have it
)
