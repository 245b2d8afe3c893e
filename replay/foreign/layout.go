package foreign

import (
	"context"
	"errors"
	"slices"

	"backstitch/partition"
	"backstitch/replay/bucket"
	"backstitch/replay/record"
	"backstitch/replay/source"
)

// Layout is what one writer's keys mean and what its objects hold. It is safe for concurrent use.
type Layout interface {
	Traits() Traits
	// Parse reads a key. ok is false for what is no object of this topic, like the markers that other tools leave behind.
	Parse(key string) (n Name, ok bool)
	// Decode opens the records of o. A *Damage says that they can not be opened.
	Decode(ctx context.Context, o *Object) (Decoder, error)
}

// Traits are what holds for all objects of a layout.
type Traits struct {
	Title  string // as people call it, e.g. "confluent archive"
	Topic  string
	Prefix string        // that every key of the topic begins with
	Fields record.Fields // what the objects hold of a record
	// Own says that records know their positions; see Decoder.
	Own bool
	// Bytes says that positions are bytes of a journal, and no offsets of a topic.
	Bytes bool
	// Companions are the kinds of objects that stand beside each data object.
	Companions []string
	// Dense says that the objects of one directory follow each other without going back, so that too many records in one are
	// an overlap with the next.
	Dense bool
	// Tagged says that the writer may have put startOffset, endOffset and recordCount into tags of its objects.
	Tagged bool
	// Whole says that the archive knows no partitions: all records are of partition 0.
	Whole bool
	// Opens are the formats of containers that Decode opens; objects of others are named and not read.
	Opens []Format
	// Redelivers says that the writer may have written a record more than once, into several objects.
	Redelivers bool
}

// reads reports whether objects of that format are read.
func (t *Traits) reads(f Format) bool { return f.Readable() || slices.Contains(t.Opens, f) }

// Expecter is a Layout that knows from elsewhere, such as a manifest, which objects there must be.
type Expecter interface {
	Expected(ctx context.Context, b bucket.Bucket) ([]Expected, error)
}

// Expected is an object that must be there.
type Expected struct {
	Key         string
	First, Last partition.Offset
	Records     int64
}

// Decoder returns the records of one object, in their order.
type Decoder interface {
	// Next reads the next record into r, io.EOF after the last. It sets r.Offset if the layout's records have positions of
	// their own. A *Damage whose Record is set costs this record alone, and Next may be called again.
	Next(r *record.Record) error
	// Skip passes over one record, also over one that can not be read. It is only called for layouts whose records have no position of
	// their own.
	Skip() error
	// Buffer holds the bytes of the record that Next returned last. It is nil when they belong to nobody else.
	Buffer() *record.Buffer
	Close()
}

// Limits bound what reading may take.
type Limits struct {
	MaxRecordBytes int   // a longer record is damage
	MaxObjectBytes int64 // an object that decompresses to more is damage
	WholeBytes     int64 // zstd objects up to this size, decompressed, are decoded at once, which is twice as fast
	Parallel       int   // objects that Catalog counts at a time
	MaxObjects     int   // objects of the selected partitions that Catalog takes; more are source.ErrTooMany
	MaxOpen        int   // objects that hold the same positions and are read at a time
	HeldBytes      int64 // of Parquet that one read holds in memory, as stored and decompressed; an object that takes more is damage
}

// DefaultLimits are good for a server.
func DefaultLimits() Limits {
	return Limits{MaxRecordBytes: 64 << 20, MaxObjectBytes: 16 << 30, WholeBytes: 32 << 20, Parallel: 4, MaxObjects: source.MaxObjects, MaxOpen: 256, HeldBytes: 512 << 20}
}

// Validate reports what can not be meant.
func (l Limits) Validate() error {
	if l.MaxRecordBytes < 1 || l.MaxObjectBytes < 1 || l.WholeBytes < 0 || l.Parallel < 1 || l.MaxObjects < 1 || l.MaxOpen < 1 || l.HeldBytes < 1 {
		return errors.New("a limit is not positive")
	}
	return nil
}
