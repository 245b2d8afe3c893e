package bubble

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"backstitch/chaos/check"
	"backstitch/chaos/fakes"
	"backstitch/chaos/traffic"
	"backstitch/partition"
)

const (
	reference = "orders-copy" // the topic that has everything
	target    = "orders"      // the topic that lost some
)

// truth is what was produced and what of it was lost. Position i of a partition is offset i of the reference.
type truth struct {
	parts []truthPart
}

type truthPart struct {
	all  []traffic.Event
	lost partition.Ranges
}

func newTruth(p Plan) *truth {
	r := rand.New(rand.NewPCG(p.Seed, 0x7a))
	t := &truth{}
	for part := range p.Partitions {
		var tp truthPart
		for i := range p.Records {
			e := traffic.Event{
				Partition: int32(part), TimestampMs: 1_700_000_000_000 + int64(i)*10 - int64(r.IntN(30)), Key: fmt.Appendf(nil, "k%d", r.IntN(9)),
				Value: fmt.Appendf(nil, "%d/%d", part, i), Headers: []traffic.Header{{Key: "h", Value: fmt.Appendf(nil, "h%d", r.IntN(3))}},
			}
			switch r.IntN(14) {
			case 0:
				e.Value = nil
			case 1:
				e.Value = []byte{}
			case 2:
				e.Key = nil
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

// String lists what was lost, a partition a line.
func (t *truth) String() string {
	var b strings.Builder
	for n, p := range t.parts {
		fmt.Fprintf(&b, "  partition %d lost %d: %v\n", n, p.lost.Len(), p.lost)
	}
	return b.String()
}

// made is what readers have to find.
func (t *truth) made() check.Made {
	m := check.Made{Truth: traffic.Truth{}, Reference: map[check.Place]traffic.Event{}}
	for n, p := range t.parts {
		for i, e := range p.all {
			m.Truth[e.ID()]++
			m.Reference[check.Place{Partition: int32(n), Offset: int64(i)}] = e
		}
	}
	return m
}

// undisturbed is what a run in which nothing goes wrong leaves: what had survived, and then what was lost, each in its order.
func (t *truth) undisturbed() check.Log {
	out := check.Log{}
	for n, p := range t.parts {
		part := &check.Part{}
		add := func(lost bool) {
			for i, e := range p.all {
				if p.lost.Contains(partition.Offset(i)) == lost {
					part.Records = append(part.Records, check.Record{Event: e, Offset: part.End, Refilled: lost, Origin: int64(i)})
					part.End++
				}
			}
		}
		add(false)
		add(true)
		part.Stable, part.Reached = part.End, part.End
		out[int32(n)] = part
	}
	return out
}

func (p truthPart) survivors() int { return len(p.all) - int(p.lost.Len()) }

// produce writes the reference, and, if wanted, what survived into the target.
func (t *truth) produce(ctx context.Context, k *fakes.Kafka, survivors bool) error {
	cl, err := kgo.NewClient(append(k.Opts("setup"), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		return err
	}
	defer cl.Close()
	var rs []*kgo.Record
	for _, p := range t.parts {
		for i, e := range p.all {
			rs = append(rs, toKafka(reference, e))
			if survivors && !p.lost.Contains(partition.Offset(i)) {
				rs = append(rs, toKafka(target, e))
			}
		}
	}
	return cl.ProduceSync(ctx, rs...).FirstErr()
}

func toKafka(topic string, e traffic.Event) *kgo.Record {
	r := &kgo.Record{Topic: topic, Partition: e.Partition, Key: e.Key, Value: e.Value, Timestamp: time.UnixMilli(e.TimestampMs)}
	for _, h := range e.Headers {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	return r
}
