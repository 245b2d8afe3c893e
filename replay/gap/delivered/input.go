package delivered

import (
	"errors"
	"math"
	"time"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/source"
)

// Input is what to compare.
type Input struct {
	Topic     string
	Reference source.Source
	// Extents are log start to last stable offset of the topic's partitions.
	Extents map[int32]gap.Extent
	Archive source.Source
	// Objects are the archive's, by partition. Those that a catalog could not read are in Damaged.
	Objects map[int32]gap.Extent
	// Exact says that positions of the archive are offsets of this topic.
	Exact bool
	// Unplaced says that they are not even near: a journal counts bytes. Then what lies behind the last record of a partition that
	// the archive has is told by content.
	Unplaced bool
	// Span is what offsets an object takes by its name; nil where names do not tell, and the count stands in.
	Span func(partition.Object) partition.Range
	// NewestMs is the time of the archive's newest record in any partition, 0 when the archive does not say.
	NewestMs int64
	// Grace is how long a sink may hold a record back: of two partitions it may have written one an hour before the other.
	Grace time.Duration
	// DueTo are, per partition, the first offsets of records of DueMs or younger. Without NewestMs it is not looked at.
	DueTo map[int32]int64
	// Unlisted says of partitions why not all of their objects may be listed; nothing is said of those.
	Unlisted map[int32]string
	// Compacted says that the topic drops records by their keys, RetentionMs by their age; 0 is not known or never.
	Compacted   bool
	RetentionMs int64
}

// Validate reports what can not be meant.
func (in *Input) Validate() error {
	switch {
	case in.Topic == "" || in.Reference == nil || in.Archive == nil:
		return errors.New("scan a sink: topic, reference and archive are needed")
	case in.Grace < 0:
		return errors.New("scan a sink: the grace is negative")
	}
	return nil
}

// DueMs is the time from which on records need not be in the archive, 0 when it is not known.
func (in *Input) DueMs() int64 {
	if in.NewestMs <= 0 {
		return 0
	}
	return max(1, in.NewestMs-in.Grace.Milliseconds())
}

// due is the part of a partition that the archive must have by now.
func (in *Input) due(part int32) partition.Range {
	r := in.Extents[part].Range
	if in.Unplaced {
		return r // cut when it is known what the archive has
	}
	to := in.end(part) // whatever lies before what was written was due
	if in.NewestMs > 0 {
		next, ok := in.DueTo[part]
		if !ok {
			next = r.To
		}
		to = max(to, next)
	}
	return partition.Range{From: r.From, To: max(r.From, min(r.To, to))}
}

// end is the position after the archive's last record of a partition; of a damaged last object, its first.
func (in *Input) end(part int32) int64 {
	var to int64
	for _, o := range in.Objects[part].Objects {
		to = max(to, o.Base+max(o.Count, 0))
	}
	if in.Exact {
		to = max(to, in.Objects[part].Range.To) // names span holes; counts do not
	}
	return to
}

// faded is the target offset below which the archive may have more than the topic.
func (in *Input) faded(part int32) int64 {
	if in.Compacted || !in.Exact {
		return math.MaxInt64
	}
	return in.Extents[part].Range.From
}
