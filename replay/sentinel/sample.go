package sentinel

import (
	"cmp"
	"maps"
	"slices"
)

// Sample is what a Kafka cluster said at one moment.
type Sample struct {
	AtMs   int64                  `json:"at"` // Kafka milliseconds
	Topics map[string]TopicSample `json:"topics"`
	Groups map[string]GroupSample `json:"groups"`
	// NotChecked says what could not be asked for, and why.
	NotChecked []string `json:"notChecked,omitempty"`
}

// TopicSample is one topic.
type TopicSample struct {
	ID         string                    `json:"id"` // "" from brokers that give none
	Retention  Retention                 `json:"retention"`
	Partitions map[int32]PartitionSample `json:"partitions"`
}

// PartitionSample is one partition of a topic.
type PartitionSample struct {
	LogStart int64 `json:"logStart"`
	End      int64 `json:"end"`   // where a reader of committed data ends
	Bytes    int64 `json:"bytes"` // of its leader's log; Unlimited when the brokers do not say
	// OldestMs is the timestamp of the first record, NoTime when there is none.
	OldestMs int64 `json:"oldest"`
	// ExpiredTo is the first offset that the settings of now let stay by time: what lies before it goes with the next check of
	// its segment.
	ExpiredTo int64 `json:"expiredTo"`
}

// NoTime stands for a record without a timestamp, or for no record.
const NoTime int64 = -1

// GroupSample is one consumer group.
type GroupSample struct {
	State   string   `json:"state"` // as Kafka spells it: Stable, Empty, ...
	Members int      `json:"members"`
	Commits []Commit `json:"commits"`
}

// Commit is where a group is in one partition.
type Commit struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"` // the next one that it reads
	// UnreadMs is the newest timestamp among everything up to and with the record at Offset: Kafka can not delete that record
	// before this one has expired. NoTime when there is nothing unread, or when it has no timestamp.
	UnreadMs int64 `json:"unread"`
}

// commit finds that of a group in a partition.
func (s *Sample) commit(group, topic string, part int32) (Commit, bool) {
	for _, c := range s.Groups[group].Commits {
		if c.Topic == topic && c.Partition == part {
			return c, true
		}
	}
	return Commit{}, false
}

// groups are the names of the groups, sorted.
func (s *Sample) groups() []string { return slices.Sorted(maps.Keys(s.Groups)) }

// sorted are the commits by topic and partition.
func (g GroupSample) sorted() []Commit {
	out := slices.Clone(g.Commits)
	slices.SortFunc(out, func(a, b Commit) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return out
}
