package ledger

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"backstitch/partition"
	"backstitch/replay/gap"
)

// What a ledger is believed for. Everything here errs on the side of reading: a reason that is wrong costs time, a missing one costs
// the truth.

// unable says why nothing that is read of a topic can be vouched for later, "" when it can.
func unable(s *gap.LogState) string {
	switch {
	case strings.Trim(s.ID, "0") == "":
		return "the brokers give the topic no id"
	case s.CleanupPolicy == "":
		return "it is not known whether the topic is compacted"
	case strings.Contains(s.CleanupPolicy, "compact"):
		return "the topic is compacted: records may go that were there"
	}
	return ""
}

// vouchLog says why windows that were read under an anchor are not what is there now, "" when they are. An error of the brokers is a
// reason; it returns one only when ctx is over.
func vouchLog(ctx context.Context, log gap.Log, now *gap.LogState, had *logAnchor, n int32) (string, error) {
	if reason := unable(now); reason != "" {
		return reason, nil
	}
	if had.ID != now.ID {
		return fmt.Sprintf("the topic was deleted and created again: its id is %s, %s was read", now.ID, had.ID), nil
	}
	if had.Cluster != now.Cluster || had.Topic != now.Topic {
		return fmt.Sprintf("it is topic %s of cluster %q, %s of %q was read", now.Topic, now.Cluster, had.Topic, had.Cluster), nil
	}
	p, ok := now.Partitions[n]
	switch {
	case !ok:
		return "there is no such partition any more", nil
	case p.End < had.End:
		return fmt.Sprintf("the log ends at offset %d, and was read up to %d", p.End, had.End), nil
	case p.Start < had.Start:
		return fmt.Sprintf("the log begins at offset %d, and began at %d: a log does not grow at its start", p.Start, had.Start), nil
	}
	// Records below the end of an epoch that is still there are those that its leader had, whoever leads now.
	ends, err := log.EpochEnds(ctx, n, []int32{had.Epoch})
	if err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return fmt.Sprintf("the brokers do not say whether an election cut the log off: %v", err), nil
	}
	if end, ok := ends[had.Epoch]; !ok || end.Epoch != had.Epoch || end.End < had.End {
		return fmt.Sprintf("leader epoch %d does not reach offset %d any more: an election may have cut the log off", had.Epoch, had.End), nil
	}
	return "", nil
}

// lastEpoch is the leader epoch of the last record below end, as far as the brokers tell: an epoch under which nothing was written is
// forgotten at the next election, and who holds on to it reads everything again.
func lastEpoch(ctx context.Context, log gap.Log, n, epoch int32, end int64) (int32, error) {
	for epoch > 0 {
		ends, err := log.EpochEnds(ctx, n, []int32{epoch - 1})
		if err != nil {
			return 0, err
		}
		before, ok := ends[epoch-1]
		if !ok || before.Epoch < 0 || before.Epoch >= epoch || before.End < end {
			return epoch, nil
		}
		epoch = before.Epoch
	}
	return epoch, nil
}

// objectsOf is what a ledger keeps of objects.
func objectsOf(list []partition.Object, span func(partition.Object) partition.Range) []object {
	out := make([]object, len(list))
	for i, o := range list {
		out[i] = object{Key: o.Key, ETag: o.ETag, Size: o.Size, Base: o.Base, Count: o.Count}
		if span != nil {
			r := span(o)
			out[i].From, out[i].To = r.From, r.To
		}
	}
	return out
}

// changed are the objects that only one of two listings has.
func changed(had, now []object) []object {
	count := make(map[object]int, len(had))
	for _, o := range had {
		count[o]++
	}
	var out []object
	for _, o := range now {
		if count[o]--; count[o] < 0 {
			out = append(out, o)
		}
	}
	for _, o := range had {
		if count[o] > 0 {
			count[o]--
			out = append(out, o)
		}
	}
	return out
}

// untouched says which windows objects do not reach into. Where spans are not known, records of an object lie at its base or behind it,
// and nobody knows how far.
func untouched(objects []object, spans bool) func(partition.Range) bool {
	if !spans {
		floor := int64(math.MaxInt64)
		for _, o := range objects {
			floor = min(floor, o.Base)
		}
		return func(r partition.Range) bool { return r.To <= floor }
	}
	var dirty partition.Ranges
	for _, o := range objects {
		dirty = append(dirty, partition.Range{From: o.From, To: o.To})
	}
	dirty = partition.Normalize(dirty)
	return func(r partition.Range) bool {
		i, _ := slices.BinarySearchFunc(dirty, r.From, func(x partition.Range, from partition.Offset) int {
			if x.To <= from {
				return -1
			}
			return 1
		})
		return i == len(dirty) || !dirty[i].Overlaps(r)
	}
}
