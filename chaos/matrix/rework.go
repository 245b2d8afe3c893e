//go:build linux

package matrix

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"backstitch/chaos/testbed"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// rework is what was written in vain, as a reader of everything sees it: records of transactions that were aborted. What a node may
// lose at once is what it wrote since its last commit, so it is counted in commits of the largest size that was seen.
type rework struct {
	records int64           // in all
	open    map[int64]int64 // refilled records of transactions that have not ended yet, by producer: one lane each
	commit  int64           // refilled records of the largest transaction that was committed
	aborted map[int32]int64 // refilled records of transactions that were aborted, by partition
}

func newRework() *rework { return &rework{open: map[int64]int64{}, aborted: map[int32]int64{}} }

// readRework reads a topic from its start to where it ends now.
func readRework(ctx context.Context, topic testbed.Topic) (*rework, error) {
	out := newRework()
	client, err := kgo.NewClient(kgo.SeedBrokers(topic.Broker), kgo.ConsumeTopics(topic.Name), kgo.FetchIsolationLevel(kgo.ReadUncommitted()),
		kgo.KeepControlRecords(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return out, err
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topic.Name)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return out, fmt.Errorf("where %s ends: %w", topic.Name, err)
	}
	left := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition] = o.Offset
		}
	})
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return out, fmt.Errorf("read %s: ends not reached in partitions %v: %w", topic.Name, slices.Sorted(maps.Keys(left)), err)
		}
		if err := fetches.Err(); err != nil {
			return out, fmt.Errorf("read %s: %w", topic.Name, err)
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			if rec.Offset+1 >= left[rec.Partition] {
				delete(left, rec.Partition)
			}
			out.add(rec)
		})
	}
	return out, nil
}

func (w *rework) add(rec *kgo.Record) {
	by := rec.ProducerID // an epoch that fences another ends its transaction
	switch {
	case !rec.Attrs.IsControl():
		w.records++
		if refilled(rec) {
			w.open[by]++
		}
	case len(rec.Key) >= 4 && binary.BigEndian.Uint16(rec.Key[2:]) == 1:
		w.commit = max(w.commit, w.open[by])
		delete(w.open, by)
	default:
		w.aborted[rec.Partition] += w.open[by]
		delete(w.open, by)
	}
}

// worst is the partition in which the most was written in vain, in commits of the largest size.
func (w *rework) worst() float64 {
	var most int64
	for _, n := range w.aborted {
		most = max(most, n)
	}
	if w.commit == 0 {
		return 0
	}
	return float64(most) / float64(w.commit)
}
