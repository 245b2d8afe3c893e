package replica

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"backstitch/replay/klog"
	"backstitch/replay/record"
	"backstitch/replay/synth"
)

// ErrExists is that a topic is there already.
var ErrExists = errors.New("the topic exists")

// parallel is how many partitions are written at a time.
const parallel = 4

// ClientOptions are what a client for Make needs besides its connection. Records go where the replica says; batches are compressed
// as the client's default is.
func ClientOptions() []kgo.Opt {
	return []kgo.Opt{kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(50_000), kgo.ProducerBatchMaxBytes(512 << 10)}
}

// Exists reports whether there is such a topic.
func Exists(ctx context.Context, cl *kgo.Client, topic string) (bool, error) {
	_, err := klog.ID(ctx, cl, topic)
	if errors.Is(err, klog.ErrUnknownTopic) {
		return false, nil
	}
	return err == nil, err
}

// Change is what becomes of a record of the replica on its way into a topic. It may be used by several goroutines. What it is given stays as it
// is.
type Change func(ctx context.Context, partition int32, r record.Record) (record.Record, error)

// of is what c makes of record i; nil leaves it as it is.
func (c Change) of(ctx context.Context, g *synth.Generator, p int32, i int64) (record.Record, error) {
	r := g.Record(p, i)
	if c == nil {
		return r, nil
	}
	return c(ctx, p, r)
}

// Make makes the topic and writes the replica, each partition in order; fates may be nil, and then nothing is lost. change may be nil. It gives
// ErrExists where the topic is there. Retention is switched off, as the records may be old.
func Make(ctx context.Context, cl *kgo.Client, topic string, g *synth.Generator, fates *synth.Planter, change Change) (klog.TopicID, error) {
	keep := "-1"
	partitions := slices.Max(g.Partitions()) + 1
	made, err := kadm.NewClient(cl).CreateTopic(ctx, partitions, -1, map[string]*string{"retention.ms": &keep, "retention.bytes": &keep}, topic)
	if errors.Is(err, kerr.TopicAlreadyExists) {
		return klog.TopicID{}, fmt.Errorf("%s: %w", topic, ErrExists)
	}
	if err != nil {
		return klog.TopicID{}, fmt.Errorf("make topic %s: %w", topic, err)
	}
	id := klog.TopicID(made.ID)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, p := range g.Partitions() {
		group.Go(func() error { return write(ctx, cl, topic, g, fates, change, p) })
	}
	return id, group.Wait()
}

func write(ctx context.Context, cl *kgo.Client, topic string, g *synth.Generator, fates *synth.Planter, change Change, p int32) error {
	var open sync.WaitGroup
	var once sync.Once
	var failed, refused error
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	produce := func(r record.Record) {
		out := &kgo.Record{Topic: topic, Partition: p, Timestamp: time.UnixMilli(r.TimestampMs), Key: r.Key, Value: r.Value}
		for _, h := range r.Headers {
			out.Headers = append(out.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		open.Add(1)
		cl.Produce(ctx, out, func(_ *kgo.Record, err error) {
			if err != nil {
				once.Do(func() { failed = err; cancel(err) })
			}
			open.Done()
		})
	}
	for i := range g.Records(p) {
		if ctx.Err() != nil {
			break
		}
		fate := synth.Kept
		if fates != nil {
			fate = fates.Fate(p, i)
		}
		if fate == synth.Lost {
			continue
		}
		r, err := change.of(ctx, g, p, i)
		if err != nil {
			refused = err
			break
		}
		switch fate {
		case synth.Corrupted:
			produce(synth.Corrupt(r))
		case synth.Doubled:
			produce(r)
			produce(r)
		default:
			produce(r)
		}
	}
	open.Wait()
	if failed == nil {
		failed = cmp.Or(refused, ctx.Err())
	}
	if failed != nil {
		return fmt.Errorf("write %s/%d: %w", topic, p, failed)
	}
	return nil
}

// goneWait bounds how long a deleted topic may be in the way of its successor; recheck is how often it is looked for.
const goneWait, recheck = 30 * time.Second, 100 * time.Millisecond

// Remove deletes the topic that Make has made, and returns once its name is free. A topic of another id is left alone (ErrExists).
func Remove(ctx context.Context, cl *kgo.Client, topic string, id klog.TopicID) error {
	now, err := klog.ID(ctx, cl, topic)
	if err != nil {
		return err
	}
	if now != id {
		return fmt.Errorf("%s has id %s, want %s: %w", topic, now, id, ErrExists)
	}
	if _, err := kadm.NewClient(cl).DeleteTopic(ctx, topic); err != nil {
		return fmt.Errorf("delete topic %s: %w", topic, err)
	}
	cl.PurgeTopicsFromProducing(topic) // the client would go on writing to the old id
	ctx, cancel := context.WithTimeout(ctx, goneWait)
	defer cancel()
	for {
		there, err := Exists(ctx, cl, topic)
		if err != nil || !there {
			return err
		}
		select {
		case <-time.After(recheck):
		case <-ctx.Done():
			return fmt.Errorf("topic %s is still there after its deletion: %w", topic, ctx.Err())
		}
	}
}
