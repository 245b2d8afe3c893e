package deadletter

import (
	"context"
	"errors"
	"fmt"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/gap/match"
	"backstitch/replay/klog"
	"backstitch/replay/record"
	"backstitch/replay/sentinel"
	"backstitch/replay/source"
	"backstitch/replay/source/kafka"

	"github.com/twmb/franz-go/pkg/kgo"
)

// ErrTooMany says that there are more kinds of dead letters than are kept.
var ErrTooMany = errors.New("too many kinds of dead letters to keep in memory")

// Input is what to read.
type Input struct {
	Client *kgo.Client
	Topic  string // the dead-letter topic
	NowMs  int64
	// MaxKinds bounds the kinds: origin partition, connector, stage and exception together.
	MaxKinds int
	// Progress is told how many records and bytes were read since the last time; nil for nobody.
	Progress func(records, bytes int64)
}

// DefaultMaxKinds is a great many for one topic.
const DefaultMaxKinds = 100_000

// kind is what dead letters of one origin come to.
type kind struct {
	positions       match.Positions
	bytes           int64
	again           int64 // letters about a position that had one
	firstMs, lastMs int64 // of the letters
	message         string
}

// Scan reads a dead-letter topic.
func Scan(ctx context.Context, in Input) (*Report, error) {
	t, err := klog.Watermarks(ctx, in.Client, in.Topic)
	if err != nil {
		return nil, klog.Denied(err)
	}
	src, err := kafka.New(in.Client, kafka.Config{Topic: in.Topic, ID: t.ID})
	if err != nil {
		return nil, err
	}
	s := &scan{in: in, rep: &Report{Topic: in.Topic, AtMs: in.NowMs}, kinds: map[origin]*kind{}}
	if s.keeps, err = keeps(ctx, in); err != nil {
		return nil, err
	}
	for _, n := range t.Numbers() {
		w := t.Partitions[n]
		slice := partition.Slice{Partition: n, Ranges: partition.Ranges{{From: w.LogStart, To: w.LSO}}}
		if err := source.Each(ctx, src, slice, func(r *record.Record) (bool, error) { return true, s.add(n, r) }); err != nil {
			return nil, klog.Denied(fmt.Errorf("dead letters in %s: %w", gap.Name(in.Topic, n), err))
		}
	}
	if err := s.conclude(ctx); err != nil {
		return nil, err
	}
	return s.rep, nil
}

// keeps is how long the dead-letter topic keeps records by their age.
func keeps(ctx context.Context, in Input) (int64, error) {
	values, _, err := klog.Settings(ctx, in.Client, in.Topic)
	if errors.Is(err, klog.ErrDenied) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	r, err := sentinel.ParseRetention(values)
	if err != nil {
		return 0, fmt.Errorf("settings of topic %s: %w", in.Topic, err)
	}
	if !r.Deletes() || r.Ms == sentinel.Unlimited {
		return 0, nil
	}
	return r.Ms, nil
}

// scan is a dead-letter topic on its way to a Report.
type scan struct {
	in    Input
	rep   *Report
	kinds map[origin]*kind
	keeps int64 // how long the dead-letter topic keeps records, in milliseconds; 0 when it is not known or has no limit

	nameless      int64
	namelessAt    partition.Range
	namelessPart  int32
	namelessCause string
}

func (s *scan) add(part int32, r *record.Record) error {
	if s.rep.Letters++; s.in.Progress != nil {
		s.in.Progress(1, r.Size())
	}
	l, err := parse(r)
	if err != nil {
		if s.nameless == 0 {
			s.namelessPart, s.namelessAt, s.namelessCause = part, partition.Range{From: r.Offset, To: r.Offset + 1}, err.Error()
		}
		s.nameless++
		return nil
	}
	k := s.kinds[l.origin]
	if k == nil {
		if len(s.kinds) == s.in.MaxKinds {
			return fmt.Errorf("offset %d: %d kinds: %w", r.Offset, len(s.kinds), ErrTooMany)
		}
		k = &kind{message: firstLine(l.message), firstMs: r.TimestampMs, lastMs: r.TimestampMs}
		s.kinds[l.origin] = k
	}
	k.firstMs, k.lastMs = min(k.firstMs, r.TimestampMs), max(k.lastMs, r.TimestampMs)
	if !k.positions.Add(l.offset) {
		k.again++
		return nil
	}
	k.bytes += int64(len(r.Key) + len(r.Value))
	return nil
}
