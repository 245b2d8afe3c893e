package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"

	"backstitch/partition"
	"backstitch/replay/bucket"
	"backstitch/replay/klog"
	"backstitch/storage/failpoint"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
)

// Options of Copy.
type Options struct {
	Topic      string
	Partitions []int32 // nil for all
	// Ranges are the offsets to copy, by partition. A partition that is not in it, or whose Range is zero, is copied from its
	// log start, or the offset at FromMs, to its last stable offset, or the offset at ToMs. Batches that reach over an end of
	// the range are copied whole.
	Ranges   map[int32]partition.Range
	FromMs   int64 // Kafka milliseconds; 0 for no limit
	ToMs     int64 // exclusive; 0 for no limit
	Parallel int   // partitions at a time, each holding one object and one fetch; 0 means 4
	// Progress is called after each object, by one goroutine at a time. It may be nil.
	Progress func(Progress)
}

// defaultParallel times an object of SegmentBytes and a fetch is about 50 MiB.
const defaultParallel = 4

// Progress is how far one partition has come.
type Progress struct {
	Partition int32
	Next, To  int64 // offsets; the partition is copied when they are equal
	Records   int64 // copied by this call
	Bytes     int64 // stored by this call
}

// Copied says what Copy did.
type Copied struct {
	Topic      string
	TopicID    klog.TopicID
	Partitions []CopiedPartition // by number
}

// CopiedPartition says what Copy did in one partition.
type CopiedPartition struct {
	Partition int32
	Range     partition.Range // that was asked for, with its ends made exact
	Records   int64           // stored by this call
	Bytes     int64           // of objects stored by this call
	Objects   int64           // stored by this call
	Present   int64           // objects in the range that were there before
	// Written are the offsets from the first to the last record of each object that this call stored.
	Written partition.Ranges
}

// Copy copies committed data of a topic into the archive in b. It leaves alone what the archive has already, so it may be
// called again after a failure and from several places at once.
func Copy(ctx context.Context, cl *kgo.Client, b bucket.Bucket, opt Options) (*Copied, error) {
	if opt.Parallel <= 0 {
		opt.Parallel = defaultParallel
	}
	if len(opt.Topic) > math.MaxUint8 || bucket.CheckKey(opt.Topic) != nil {
		return nil, fmt.Errorf("topic %q can not be part of an object's name: %w", opt.Topic, ErrName)
	}
	topic, ranges, err := resolve(ctx, cl, opt)
	if err != nil {
		return nil, err
	}
	numbers := opt.Partitions
	if numbers == nil {
		numbers = topic.Numbers()
	}
	out := &Copied{Topic: topic.Name, TopicID: topic.ID, Partitions: make([]CopiedPartition, len(numbers))}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(opt.Parallel)
	for i, n := range numbers {
		g.Go(func() error {
			c := &copier{cl: cl, b: b, topic: topic, part: n, out: &out.Partitions[i], progress: func(p Progress) {
				if opt.Progress != nil {
					mu.Lock()
					defer mu.Unlock()
					opt.Progress(p)
				}
			}}
			c.out.Partition, c.out.Range = n, ranges[n]
			if err := c.run(ctx); err != nil {
				return fmt.Errorf("archive %s/%d: %w", topic.Name, n, err)
			}
			return nil
		})
	}
	// What was stored before a failure is stored, so it is reported too.
	return out, g.Wait()
}

// resolve makes the ranges exact, once, at the beginning.
func resolve(ctx context.Context, cl *kgo.Client, opt Options) (*klog.Topic, map[int32]partition.Range, error) {
	t, err := klog.Watermarks(ctx, cl, opt.Topic)
	if err != nil {
		return nil, nil, err
	}
	at := func(ms int64) (map[int32]int64, error) {
		if ms == 0 {
			return nil, nil
		}
		return klog.OffsetsAt(ctx, cl, opt.Topic, ms)
	}
	from, err := at(opt.FromMs)
	if err != nil {
		return nil, nil, err
	}
	to, err := at(opt.ToMs)
	if err != nil {
		return nil, nil, err
	}
	for _, n := range opt.Partitions {
		if _, ok := t.Partitions[n]; !ok {
			return nil, nil, fmt.Errorf("topic %s has no partition %d: %w", t.Name, n, klog.ErrUnknownTopic)
		}
	}
	ranges := make(map[int32]partition.Range, len(t.Partitions))
	for n, w := range t.Partitions {
		r, ok := opt.Ranges[n]
		if !ok || r == (partition.Range{}) {
			r = partition.Range{From: w.LogStart, To: w.LSO}
			if from != nil {
				r.From = max(r.From, from[n])
			}
			if to != nil {
				r.To = min(r.To, to[n])
			}
		}
		r.To = max(min(r.To, w.LSO), r.From)
		ranges[n] = r
	}
	return t, ranges, nil
}

// copier copies one partition.
type copier struct {
	cl       *kgo.Client
	b        bucket.Bucket
	topic    *klog.Topic
	part     int32
	out      *CopiedPartition
	written  []partition.Range
	progress func(Progress)
}

func (c *copier) run(ctx context.Context) error {
	todo, err := c.missing(ctx)
	if err != nil {
		return err
	}
	build := newBuilder(c.topic.Name, c.topic.ID, c.part)
	for _, r := range todo {
		if err := c.copyRange(ctx, build, r); err != nil {
			return err
		}
	}
	c.out.Written = partition.Normalize(c.written)
	c.report(c.out.Range.To)
	return nil
}

// smallRange is the number of offsets below which a fetch asks for little: such a range is mostly the markers between two
// objects, and everything beyond it would be thrown away.
const (
	smallRange      = 1000
	smallFetchBytes = 64 << 10
)

func (c *copier) copyRange(ctx context.Context, build *builder, r partition.Range) error {
	opt := klog.Options{Topic: c.topic.Name, ID: c.topic.ID, Partition: c.part, Range: r}
	if r.Len() < smallRange {
		opt.MaxBytes = smallFetchBytes
	}
	log, err := klog.Open(ctx, c.cl, opt)
	if err != nil {
		return err
	}
	for {
		chunk, err := log.Next(ctx)
		if err == io.EOF {
			return c.store(ctx, build)
		}
		if err != nil {
			return err
		}
		for i := range chunk.Batches {
			if build.endsBefore(&chunk.Batches[i]) {
				if err := c.store(ctx, build); err != nil {
					return err
				}
			}
			build.add(&chunk.Batches[i])
		}
	}
}

// store writes the object that is being built, if there is one.
func (c *copier) store(ctx context.Context, build *builder) error {
	if build.empty() {
		return nil
	}
	body, foot := build.finish()
	defer build.reset()
	failpoint.Reach(failpoint.ArchiveBeforePut)
	switch _, err := c.b.PutNew(ctx, foot.Name().Key(), body); {
	case errors.Is(err, bucket.ErrExists):
		// The name holds the hash of what is in it, so another copy of the same range was here first.
		c.out.Present++
	case err != nil:
		return err
	default:
		c.out.Objects++
		c.out.Records += foot.Records
		c.out.Bytes += int64(len(body))
		c.written = append(c.written, partition.Range{From: foot.First, To: foot.Last + 1})
	}
	failpoint.Reach(failpoint.ArchiveAfterPut)
	c.report(foot.Last + 1)
	return nil
}

func (c *copier) report(next int64) {
	c.progress(Progress{Partition: c.part, Next: next, To: c.out.Range.To, Records: c.out.Records, Bytes: c.out.Bytes})
}
