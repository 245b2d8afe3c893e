package recovery

import (
	"context"
	"errors"
	"slices"
	"time"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/schema"
	"backstitch/replay/sink"
	"backstitch/replay/source"
)

// Clients opens what a recipe names. replay/recovery/reach has the real ones.
type Clients interface {
	// Reference opens the reference. The caller closes it. ErrNoReference when there is nothing of that topic.
	Reference(ctx context.Context, s Source) (Reference, error)
	// Target opens the target for reading. The caller closes it. ErrNoTarget when it is not there.
	Target(ctx context.Context, t Target) (End, error)
	// Registry names a schema registry, by a connection or by its address. It does not connect. The caller closes it.
	Registry(name string) (*schema.Registry, error)
}

// Reference is the side that has the truth.
type Reference interface {
	source.Source
	// Extents says what there is, by partition. parts is nil for all. fromMs leaves out what is older for sure, 0 for nothing.
	Extents(ctx context.Context, parts []int32, fromMs int64) (map[int32]gap.Extent, error)
	// Check compares frozen objects with what is there now and names those that are gone or other.
	Check(ctx context.Context, objects []partition.Object) ([]string, error)
	// TopicID is the id of the topic that the reference was made of, "" when it does not say.
	TopicID(ctx context.Context) (string, error)
	// About is what was found out about it. It is complete once Extents was asked.
	About() About
}

// About is what a reference found out about itself.
type About struct {
	// Source is that which was asked for, with what it left open: the layout, its format and fields.
	Source Source
	// Evidence says, for people, how the layout was recognised; "" when the spec named it.
	Evidence string
	// Notes are for people: which objects hold the same records.
	Notes []string
	// Whole says that the reference knows no partitions: all of its records are of partition 0.
	Whole bool
	// Unplaced says that its positions are no offsets of a topic, and can not be compared with any.
	Unplaced bool
	// Redelivers says that one record may be in the reference more often than it was sent.
	Redelivers bool
}

// Inventoried is an upgrade of Reference for archives that an inventory may list.
type Inventoried interface {
	// Inventory says what it lists; nil when the archive itself is listed.
	Inventory(ctx context.Context) (*Inventory, error)
}

// Inventory is a listing that is older than what it lists.
type Inventory struct {
	Time       time.Time // when it was begun
	Partitions []int32   // that it names objects of
}

// End is the side that must be complete.
type End interface {
	sink.Targets
	Describe(ctx context.Context) (State, error)
	// OffsetsAt returns, per partition, an offset before which no record has a timestamp of ms or later. A target that can not
	// tell returns nothing.
	OffsetsAt(ctx context.Context, ms int64) (map[int32]int64, error)
}

// Grouped is an upgrade of End for targets that have consumer groups.
type Grouped interface {
	// MissingGroups says which of these groups there are not.
	MissingGroups(ctx context.Context, names []string) ([]string, error)
}

// ErrNoReference and ErrNoTarget say that a topic, archive or directory is not there.
var (
	ErrNoReference = errors.New("no such reference")
	ErrNoTarget    = errors.New("no such target")
)

// State is a target as a plan froze it.
type State struct {
	Kind       string           `json:"kind"`
	ClusterID  string           `json:"clusterId,omitempty"` // of Kafka
	Topic      string           `json:"topic"`
	TopicID    string           `json:"topicId,omitempty"`
	Path       string           `json:"path,omitempty"` // of files: a directory, or s3://bucket/prefix
	Partitions []PartitionState `json:"partitions"`     // by number
	Limits     Limits           `json:"limits"`
}

// PartitionState is one partition of a target.
type PartitionState struct {
	Partition   int32 `json:"partition"`
	LogStart    int64 `json:"logStart"`
	LSO         int64 `json:"lso"` // last stable offset
	LeaderEpoch int32 `json:"leaderEpoch"`
}

// Limits are what a target does to records, as far as it says so. Zero values mean that it did not say, or has no limit.
type Limits struct {
	CleanupPolicy     string `json:"cleanupPolicy,omitempty"`
	RetentionMs       int64  `json:"retentionMs,omitempty"`
	RetentionBytes    int64  `json:"retentionBytes,omitempty"`
	MaxMessageBytes   int64  `json:"maxMessageBytes,omitempty"`
	TimestampType     string `json:"timestampType,omitempty"`
	TimestampBeforeMs int64  `json:"timestampBeforeMs,omitempty"` // older than now by more than this is refused
	TimestampAfterMs  int64  `json:"timestampAfterMs,omitempty"`
	Write             string `json:"write,omitempty"` // "yes", "no": whether this principal may write; agents may have another
}

// Partition returns the state of one partition.
func (s *State) Partition(part int32) (PartitionState, bool) {
	i, ok := slices.BinarySearchFunc(s.Partitions, part, func(p PartitionState, n int32) int { return int(p.Partition - n) })
	if !ok {
		return PartitionState{}, false
	}
	return s.Partitions[i], true
}
