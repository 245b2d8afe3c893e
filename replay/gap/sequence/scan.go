package sequence

import (
	"context"
	"errors"
	"fmt"
	"time"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/klog"
	"backstitch/replay/record"
	"backstitch/replay/sentinel"
	"backstitch/replay/source/kafka"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Input is what to read.
type Input struct {
	Client *kgo.Client
	Topic  string
	// FromMs leaves out what is older, ToMs what is not; 0 for no limit.
	FromMs, ToMs int64
	NowMs        int64
	// Grace is how long a record may take to arrive: what is missing next to younger records is not called so yet.
	Grace time.Duration
	// Progress is told how many records and bytes were read since the last time; nil for nobody.
	Progress func(records, bytes int64)
}

// DefaultGrace is how long a Kafka producer tries, by default.
const DefaultGrace = 2 * time.Minute

// fetchMemory is what all partitions together fetch ahead; each has two fetches.
const (
	fetchMemory = 64 << 20
	leastFetch  = 64 << 10
)

// edges are where what was read begins and ends, in time.
type edges struct {
	spread  int64 // before it some partition has lost records: a source that is in several may lack numbers
	emptied bool  // a partition has lost all of them
	cut     bool  // a partition has lost some
	from    int64 // before it nothing was asked for
	young   int64 // after it records may be on their way
}

// Scan reads a topic and finds the numbers that its sources lack.
func Scan(ctx context.Context, in Input, cfg Config) (*Report, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	rep := &Report{Topic: in.Topic, Sequence: cfg.Sequence.String(), AtMs: in.NowMs}
	for i, p := range cfg.Source {
		if i > 0 {
			rep.Source += " "
		}
		rep.Source += p.String()
	}
	compacted, err := rep.compacted(ctx, &in)
	if err != nil {
		return nil, err
	}
	d := newDetector(cfg)
	at, err := in.all(ctx, d.add)
	if err != nil {
		return nil, err
	}
	rep.conclude(d, at, compacted)
	return rep, nil
}

// Each reads every partition of the topic side by side, and calls f with each record, about in the order of time. It returns from when on, in
// Kafka milliseconds, all partitions have all of their records: 0 where nothing was ever taken away, NowMs where a partition has none left.
func Each(ctx context.Context, in Input, f func(part int32, r *record.Record) error) (wholeMs int64, err error) {
	at, err := in.all(ctx, f)
	if at.emptied {
		return in.NowMs, err
	}
	return max(at.spread, at.from), err
}

// all reads every partition of the topic.
func (in *Input) all(ctx context.Context, add func(part int32, r *record.Record) error) (edges, error) {
	lanes, at, err := open(ctx, in)
	defer func() {
		for _, l := range lanes {
			l.close()
		}
	}()
	if err != nil {
		return at, err
	}
	if err := in.read(ctx, lanes, add); err != nil {
		return at, fmt.Errorf("scan %s: %w", in.Topic, err)
	}
	return at, nil
}

// read gives the records of all that are in time to add, about in the order of time.
func (in *Input) read(ctx context.Context, all []*lane, add func(part int32, r *record.Record) error) error {
	var records, bytes int64
	err := merge(ctx, all, func(part int32, r *record.Record) error {
		if in.ToMs > 0 && r.TimestampMs >= in.ToMs {
			return nil
		}
		if records, bytes = records+1, bytes+r.Size(); records == progressEvery {
			in.tell(records, bytes)
			records, bytes = 0, 0
		}
		return add(part, r)
	})
	in.tell(records, bytes)
	return err
}

// compacted asks whether the topic may have dropped records for which there are newer ones.
func (r *Report) compacted(ctx context.Context, in *Input) (bool, error) {
	values, _, err := klog.Settings(ctx, in.Client, in.Topic)
	if errors.Is(err, klog.ErrDenied) {
		r.NotChecked = append(r.NotChecked, "whether the topic is compacted: its settings may not be seen (DescribeConfigs)")
		return false, nil
	}
	if err != nil {
		return false, err
	}
	kept, err := sentinel.ParseRetention(values)
	if err != nil {
		return false, fmt.Errorf("settings of topic %s: %w", in.Topic, err)
	}
	return gap.Facts{CleanupPolicy: kept.Policy}.Compacted(), nil
}

const progressEvery = 1 << 15

func (in *Input) tell(records, bytes int64) {
	if in.Progress != nil && records > 0 {
		in.Progress(records, bytes)
	}
}

// open opens every partition. Where they end is asked for once, before anything is read. The lanes are returned also with an error.
func open(ctx context.Context, in *Input) ([]*lane, edges, error) {
	at := edges{from: in.FromMs, young: in.NowMs - in.Grace.Milliseconds()}
	t, err := klog.Watermarks(ctx, in.Client, in.Topic)
	if err != nil {
		return nil, at, klog.Denied(err)
	}
	starts := map[int32]int64{}
	if in.FromMs > 0 {
		if starts, err = klog.OffsetsAt(ctx, in.Client, in.Topic, in.FromMs); err != nil {
			return nil, at, err
		}
	}
	oldest := map[int32]int64{}
	for n, w := range t.Partitions {
		if w.LogStart > 0 {
			oldest[n] = 0
			at.cut = true
		}
	}
	first, err := klog.At(ctx, in.Client, in.Topic, oldest)
	if err != nil {
		return nil, at, err
	}
	for _, s := range first {
		if s.Offset < 0 {
			at.emptied = true
			continue
		}
		at.spread = max(at.spread, s.TimestampMs)
	}
	src, err := kafka.New(in.Client, kafka.Config{Topic: in.Topic, ID: t.ID, FetchBytes: int32(max(leastFetch, fetchMemory/2/len(t.Partitions)))})
	if err != nil {
		return nil, at, err
	}
	var all []*lane
	for _, n := range t.Numbers() {
		w := t.Partitions[n]
		rg := partition.Range{From: max(w.LogStart, starts[n]), To: w.LSO}
		r, err := src.Open(ctx, partition.Slice{Partition: n, Ranges: partition.Ranges{rg}}, rg.From)
		if err != nil {
			return all, at, klog.Denied(err)
		}
		all = append(all, &lane{part: n, r: r, at: -1})
	}
	return all, at, nil
}
