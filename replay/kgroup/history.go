package kgroup

import (
	"context"
	"fmt"
	"math"
	"unicode/utf16"

	"backstitch/partition"
	"backstitch/replay/klog"
	"backstitch/replay/record"
	"backstitch/replay/source"
	"backstitch/replay/source/kafka"

	"github.com/twmb/franz-go/pkg/kgo"
)

// OffsetsTopic is where a Kafka cluster keeps the commits of its groups.
const OffsetsTopic = "__consumer_offsets"

// Kind says what an Event is.
type Kind uint8

// The kinds of events.
const (
	Committed Kind = iota + 1 // a position was committed
	Forgotten                 // a position expired or was deleted: the group has none any more
	Presence                  // how many members the group has from now on
)

// Event is one thing that happened to a group.
type Event struct {
	Kind    Kind
	AtMs    int64
	Commit  Commit // of Committed; of Forgotten the topic and the partition
	Members int    // of Presence
}

// History is what is left of a group's past, in the order in which it happened. Compaction takes older commits away, but leaves
// no hole between two that are still there: below the point where it stopped it keeps the last commit of a partition, and above
// everything.
type History struct {
	Group  string
	Events []Event
	// Unreadable counts records of the group's part of the topic that could not be understood.
	Unreadable int64
}

// ReadHistory reads what __consumer_offsets still has of a group. It takes the right to read that topic: klog.ErrDenied without.
// Commits in a transaction count when it was committed.
func ReadHistory(ctx context.Context, cl *kgo.Client, group string) (*History, error) {
	t, err := klog.Watermarks(ctx, cl, OffsetsTopic)
	if err != nil {
		return nil, klog.Denied(fmt.Errorf("history of group %s: %w", group, err))
	}
	part := offsetsPartition(group, int32(len(t.Partitions)))
	src, err := kafka.New(cl, kafka.Config{Topic: OffsetsTopic, ID: t.ID})
	if err != nil {
		return nil, err
	}
	mark := t.Partitions[part]
	d := decoder{history: &History{Group: group}, members: map[string]bool{}}
	slice := partition.Slice{Partition: part, Ranges: partition.Ranges{{From: mark.LogStart, To: mark.LSO}}}
	err = source.Each(ctx, src, slice, func(r *record.Record) (bool, error) {
		d.add(r)
		return true, nil
	})
	if err != nil {
		return nil, klog.Denied(fmt.Errorf("history of group %s: %w", group, err))
	}
	return d.history, nil
}

// offsetsPartition is where a group's records lie: Kafka takes the absolute value of Java's hash of the group's name, and 0 for the one hash
// that has none (Utils.abs, GroupCoordinatorService.partitionFor). To clear the sign instead, as partitioners do with keys, is right for
// names with a positive hash only.
func offsetsPartition(group string, partitions int32) int32 {
	var hash int32
	for _, unit := range utf16.Encode([]rune(group)) {
		hash = 31*hash + int32(unit)
	}
	switch {
	case hash == math.MinInt32:
		hash = 0
	case hash < 0:
		hash = -hash
	}
	return hash % partitions
}

// Of returns what happened to a group in one partition, with the presence of its members.
func (h *History) Of(topic string, part int32) []Event {
	var out []Event
	for _, e := range h.Events {
		if e.Kind == Presence || e.Commit.Topic == topic && e.Commit.Partition == part {
			out = append(out, e)
		}
	}
	return out
}
