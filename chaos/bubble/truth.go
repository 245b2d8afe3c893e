package bubble

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"backstitch/chaos/fakes"
	"backstitch/partition"
)

const (
	reference = "orders-copy" // the topic that has everything
	target    = "orders"      // the topic that lost some
)

// entry is one record, as the setup produced it and as a reader sees it.
type entry struct {
	key, value []byte // nil is not empty
	header     []byte
	ms         int64
}

func (e entry) String() string {
	null := func(b []byte) string {
		if b == nil {
			return "null"
		}
		return fmt.Sprintf("%q", b)
	}
	return fmt.Sprintf("%d %s=%s [%s]", e.ms, null(e.key), null(e.value), null(e.header))
}

// truth is what was produced and what of it was lost. Position i of a partition is offset i of the reference.
type truth struct {
	parts []truthPart
}

type truthPart struct {
	all  []entry
	lost partition.Ranges
}

func newTruth(p Plan) *truth {
	r := rand.New(rand.NewPCG(p.Seed, 0x7a))
	t := &truth{}
	for part := range p.Partitions {
		var tp truthPart
		for i := range p.Records {
			e := entry{
				ms: 1_700_000_000_000 + int64(i)*10 - int64(r.IntN(30)), key: fmt.Appendf(nil, "k%d", r.IntN(9)),
				value: fmt.Appendf(nil, "%d/%d", part, i), header: fmt.Appendf(nil, "h%d", r.IntN(3)),
			}
			switch r.IntN(14) {
			case 0:
				e.value = nil
			case 1:
				e.value = []byte{}
			case 2:
				e.key = nil
			case 3, 4: // real data repeat
				if i > 0 {
					e = tp.all[r.IntN(i)]
				}
			}
			tp.all = append(tp.all, e)
		}
		for at := 0; at < p.Records; {
			from := at + r.IntN(20)
			to := min(p.Records, from+1+r.IntN(60)*r.IntN(2))
			if from < to {
				tp.lost = append(tp.lost, partition.Range{From: partition.Offset(from), To: partition.Offset(to)})
			}
			at = to + 1
		}
		tp.lost = partition.Normalize(tp.lost)
		t.parts = append(t.parts, tp)
	}
	return t
}

// want is what the target has to hold in the end: what had survived, and then what was lost, each in its order.
func (p truthPart) want() (out []entry) {
	for i, e := range p.all {
		if !p.lost.Contains(partition.Offset(i)) {
			out = append(out, e)
		}
	}
	for i, e := range p.all {
		if p.lost.Contains(partition.Offset(i)) {
			out = append(out, e)
		}
	}
	return out
}

func (p truthPart) survivors() int { return len(p.all) - int(p.lost.Len()) }

// produce writes the reference, and what survived into the target.
func (t *truth) produce(ctx context.Context, k *fakes.Kafka) error {
	cl, err := kgo.NewClient(append(k.Opts("setup"), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		return err
	}
	defer cl.Close()
	var rs []*kgo.Record
	for n, p := range t.parts {
		for i, e := range p.all {
			r := kgo.Record{
				Topic: reference, Partition: int32(n), Key: e.key, Value: e.value, Timestamp: time.UnixMilli(e.ms),
				Headers: []kgo.RecordHeader{{Key: "h", Value: e.header}},
			}
			rs = append(rs, &r)
			if !p.lost.Contains(partition.Offset(i)) {
				survivor := r
				survivor.Topic, survivor.Headers = target, slices.Clone(r.Headers)
				rs = append(rs, &survivor)
			}
		}
	}
	return cl.ProduceSync(ctx, rs...).FirstErr()
}

// visible reads what a reader of committed data sees of a partition of the target.
func visible(ctx context.Context, k *fakes.Kafka, part int32) ([]entry, error) {
	info := k.Cluster.PartitionInfo(target, part)
	if info == nil {
		return nil, fmt.Errorf("partition %d is not there", part)
	}
	if info.LastStableOffset != info.HighWatermark {
		return nil, fmt.Errorf("partition %d: a transaction is open at %d, the end is %d", part, info.LastStableOffset, info.HighWatermark)
	}
	at := map[string]map[int32]kgo.Offset{target: {part: kgo.NewOffset().AtStart()}}
	cl, err := kgo.NewClient(append(k.Opts("judge"), kgo.ConsumePartitions(at), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())...)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var out []entry
	for next := info.LogStartOffset; next < info.LastStableOffset; {
		fs := cl.PollFetches(ctx)
		if err := fs.Err(); err != nil {
			return nil, fmt.Errorf("read partition %d at %d: %w", part, next, err)
		}
		fs.EachRecord(func(r *kgo.Record) {
			next = r.Offset + 1
			if r.Attrs.IsControl() {
				return
			}
			e := entry{key: r.Key, value: r.Value, ms: r.Timestamp.UnixMilli()}
			for _, h := range r.Headers {
				if h.Key == "h" {
					e.header = h.Value
				}
			}
			out = append(out, e)
		})
	}
	return out, nil
}
