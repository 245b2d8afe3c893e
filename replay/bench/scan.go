package bench

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/gap/match"
	"backstitch/replay/klog"
	"backstitch/replay/record"
	"backstitch/replay/sink"
	kafkasink "backstitch/replay/sink/kafka"
	"backstitch/replay/source"
	kafkasource "backstitch/replay/source/kafka"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A scan as `backstitch gaps` runs it, of one side and of two. With one side there is nothing to match, so what is left is the price
// of reading, hashing and keeping windows; a bag that keeps nothing stands for the other side.

// Scanned is what a scan has read.
type Scanned struct {
	Records int64 // of both sides
	Sum     record.Sum
	Peak    int64 // most records that waited for their match at one time
}

// ReadTopic scans a topic as a reference, and nothing as a target.
func ReadTopic(ctx context.Context, t Topic, lanes int) (Scanned, error) {
	return withTopic(ctx, t, func(src source.Source, extents map[int32]gap.Extent) (Scanned, error) {
		return ReadSide(ctx, src, extents, lanes)
	})
}

// CompareTopic scans a topic as both sides.
func CompareTopic(ctx context.Context, t Topic, lanes int) (Scanned, error) {
	return withTopic(ctx, t, func(src source.Source, extents map[int32]gap.Extent) (Scanned, error) {
		cfg := kafkasink.DefaultConfig()
		cfg.Client, cfg.Cluster, cfg.Topic, cfg.SourceTopic = []kgo.Opt{kgo.SeedBrokers(t.Broker)}, "bench", t.Name, t.Name
		target, err := kafkasink.New(cfg)
		if err != nil {
			return Scanned{}, err
		}
		defer target.Close()
		opt := gap.DefaultConfig()
		opt.Parallel = lanes
		return scan(ctx, src, extents, target, opt)
	})
}

func withTopic(ctx context.Context, t Topic, f func(source.Source, map[int32]gap.Extent) (Scanned, error)) (Scanned, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(t.Broker))
	if err != nil {
		return Scanned{}, err
	}
	src, err := kafkasource.New(cl, kafkasource.Config{Topic: t.Name, CloseClient: true})
	if err != nil {
		cl.Close()
		return Scanned{}, err
	}
	defer src.Close()
	marks, err := klog.Watermarks(ctx, cl, t.Name)
	if err != nil {
		return Scanned{}, err
	}
	extents := map[int32]gap.Extent{}
	for n, w := range marks.Partitions {
		extents[n] = gap.Extent{Range: partition.Range{From: w.LogStart, To: w.LSO}}
	}
	return f(src, extents)
}

// ReadSide scans src as a reference, and nothing as a target.
func ReadSide(ctx context.Context, src source.Source, extents map[int32]gap.Extent, lanes int) (Scanned, error) {
	opt := gap.DefaultConfig()
	opt.Parallel, opt.NewBag = lanes, func() (match.Bag, error) { return forgetful{}, nil }
	return scan(ctx, src, extents, nowhere{}, opt)
}

func scan(ctx context.Context, src source.Source, extents map[int32]gap.Extent, target sink.Targets, opt gap.Config) (out Scanned, err error) {
	rep, err := gap.Scan(ctx, gap.Input{Dataset: "bench", Reference: src, Extents: extents, Target: target}, opt)
	if err != nil {
		return out, err
	}
	if len(rep.Findings) > 0 {
		return out, fmt.Errorf("a scan without a loss found %s: %s", rep.Findings[0].Kind, rep.Findings[0].Reason)
	}
	for i := range rep.Results {
		r := &rep.Results[i]
		out.Records += r.Expected.Records + r.Actual.Records
		out.Peak = max(out.Peak, r.Unmatched)
		var sum [16]byte
		if _, err := hex.Decode(sum[:], []byte(r.Expected.Sum)); err != nil {
			return out, err
		}
		out.Sum.Add(sum)
	}
	return out, nil
}

// nowhere is a target without records.
type nowhere struct{}

func (nowhere) Bounds(context.Context, int32) (start, end int64, err error) { return 0, 0, nil }
func (nowhere) Settled(context.Context, int32) error                        { return nil }
func (nowhere) Read(context.Context, int32, int64, int64) (sink.Reader, error) {
	return nowhere{}, nil
}
func (nowhere) Next(context.Context) (*record.Batch, error) { return nil, io.EOF }
func (nowhere) Position() int64                             { return 0 }
func (nowhere) Fields() record.Fields                       { return record.AllFields }
func (nowhere) Close() error                                { return nil }

// forgetful is a bag that is always empty.
type forgetful struct{}

func (forgetful) Add([16]byte, uint64) error              { return nil }
func (forgetful) Take([16]byte) (uint64, bool, error)     { return 0, false, nil }
func (forgetful) Len() int64                              { return 0 }
func (forgetful) Each(func([16]byte, uint64) error) error { return nil }
func (forgetful) Close() error                            { return nil }
