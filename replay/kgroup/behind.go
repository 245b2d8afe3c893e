package kgroup

import (
	"context"
	"errors"
	"fmt"
	"io"

	"backstitch/partition"
	"backstitch/replay/klog"
	"backstitch/replay/source"

	"github.com/twmb/franz-go/pkg/kgo"
)

// How far a group is from offsets that it is waited for to reach. The trap: after its last record a transaction leaves a marker, which takes an
// offset and which no consumer ever sees. A group that has read everything may stand in front of it for ever, so where little is left it
// is looked whether there is a record among it.

// Standing is how far a group is.
type Standing struct {
	Group string
	// Behind counts the offsets in front of it, at least one per partition that it has not reached.
	Behind int64
	Apart  int  // partitions that it has not reached
	None   bool // it has no offset in the topic at all
}

// smallRest is how many offsets are looked into for whether there is a record among them.
const smallRest = 1000

// Behind returns how far a group is from ends, offsets by partition of t, whose watermarks are as of now. What retention has taken is not
// waited for.
func Behind(ctx context.Context, cl *kgo.Client, t *klog.Topic, ends map[int32]int64, group string) (Standing, error) {
	out := Standing{Group: group, None: true}
	commits, err := Commits(ctx, cl, group)
	if err != nil && !errors.Is(err, ErrNoGroup) {
		return out, err
	}
	at := map[int32]int64{}
	for _, c := range commits {
		if c.Topic == t.Name {
			at[c.Partition], out.None = c.Offset, false
		}
	}
	for _, part := range t.Numbers() {
		end, marked := ends[part]
		from := max(at[part], t.Partitions[part].LogStart)
		if !marked || from >= end {
			continue
		}
		left := end - from
		if left <= smallRest {
			some, err := anyRecord(ctx, cl, t, part, partition.Range{From: from, To: end})
			if err != nil {
				return out, err
			}
			if !some {
				continue
			}
		}
		out.Behind += left
		out.Apart++
	}
	return out, nil
}

// anyRecord reports whether a range of a partition holds committed records.
func anyRecord(ctx context.Context, cl *kgo.Client, t *klog.Topic, part int32, r partition.Range) (bool, error) {
	log, err := klog.Open(ctx, cl, klog.Options{Topic: t.Name, ID: t.ID, Partition: part, Range: r, MaxBytes: 64 << 10})
	if err == nil {
		_, err = log.Next(ctx)
	}
	switch {
	case err == nil, errors.Is(err, source.ErrRetention): // the next look sees where the log begins by then
		return true, nil
	case err == io.EOF:
		return false, nil
	}
	return false, fmt.Errorf("look what is left for the group: %w", err)
}
