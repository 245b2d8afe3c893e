package orders

import (
	"bytes"
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Verdict is what a reader of committed data finds in the topic.
type Verdict struct {
	Missing         int64 `json:"missing"`
	Duplicates      int64 `json:"duplicates"`      // beyond those that were there before the repair
	OrderViolations int64 `json:"orderViolations"` // refilled records that come after a later one
	Changed         int64 `json:"changed"`         // a value that is not the one that was written
	Foreign         int64 `json:"foreign"`         // records that are none of ours
	// LastRefilled is where a refilled record of the last partition with one lies; for tampering with.
	LastRefilled Place `json:"-"`
}

// Place is where a record lies in the topic.
type Place struct {
	Partition int32
	Offset    int64
}

// Judge reads the whole topic as a consumer of committed data. survivors is how many records each partition held before the
// repair: what comes after is refilled.
func Judge(ctx context.Context, brokers []string, s Set, l Loss, survivors map[int32]int64) (Verdict, error) {
	var v Verdict
	seen := make([]uint8, s.Records)
	last := map[int32]int64{}
	err := consume(ctx, brokers, func(r *kgo.Record) {
		n := number(r.Key)
		if n < 0 || n >= s.Records || n%Partitions != int64(r.Partition) {
			v.Foreign++
			return
		}
		if seen[n] < 255 {
			seen[n]++
		}
		if !bytes.Equal(r.Value, s.Value(n)) || !r.Timestamp.Equal(s.Time(n)) {
			v.Changed++
		}
		if r.Offset < survivors[r.Partition] {
			return
		}
		if before, ok := last[r.Partition]; ok && before > n {
			v.OrderViolations++
		}
		last[r.Partition] = n
		v.LastRefilled = Place{Partition: r.Partition, Offset: r.Offset}
	})
	if err != nil {
		return v, err
	}
	for n, times := range seen {
		want := uint8(1)
		if l.Doubled(int32(n%Partitions), int64(n)/Partitions) {
			want = 2
		}
		switch {
		case times < want:
			v.Missing++
		case times > want:
			v.Duplicates += int64(times - want)
		}
	}
	return v, nil
}

// Survivors is how many records each partition holds now.
func Survivors(ctx context.Context, brokers []string) (map[int32]int64, error) {
	out := map[int32]int64{}
	ends, err := ends(ctx, brokers)
	if err != nil {
		return nil, err
	}
	ends.Each(func(o kadm.ListedOffset) { out[o.Partition] = o.Offset })
	return out, nil
}

func ends(ctx context.Context, brokers []string) (kadm.ListedOffsets, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	out, err := kadm.NewClient(cl).ListCommittedOffsets(ctx, Topic)
	if err != nil {
		return nil, fmt.Errorf("ends of the topic: %w", err)
	}
	return out, out.Error()
}

// consume hands every committed record to take, each partition in order.
func consume(ctx context.Context, brokers []string, take func(*kgo.Record)) error {
	ends, err := ends(ctx, brokers)
	if err != nil {
		return err
	}
	todo := map[int32]int64{}
	start := map[int32]kgo.Offset{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			todo[o.Partition] = o.Offset
			start[o.Partition] = kgo.NewOffset().AtStart()
		}
	})
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{Topic: start}), kgo.FetchMaxPartitionBytes(4<<20),
	)
	if err != nil {
		return err
	}
	defer cl.Close()
	// A partition ends with a record or with a marker, and markers are kept: so every end is seen.
	for len(todo) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("read the topic: %w", err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				take(r)
			}
			if r.Offset+1 >= todo[r.Partition] {
				delete(todo, r.Partition)
			}
		})
	}
	return nil
}
