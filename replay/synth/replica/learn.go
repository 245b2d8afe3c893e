package replica

import (
	"context"
	"fmt"
	"io"
	"math"

	"github.com/twmb/franz-go/pkg/kgo"

	"backstitch/partition"
	"backstitch/replay/kbatch"
	"backstitch/replay/klog"
	"backstitch/replay/record"
	"backstitch/replay/synth"
)

// Range is what to learn from, in Kafka's milliseconds; 0 for no limit.
type Range struct{ FromMs, ToMs int64 }

// has reports whether a time lies in the range. Offsets by time only say where the first such record is; others lie behind it.
func (r Range) has(ms int64) bool {
	return (r.FromMs == 0 || ms >= r.FromMs) && (r.ToMs == 0 || ms < r.ToMs)
}

// Learn reads committed records of a topic, one partition after the other, and returns its profile. schemas nil takes values that name a schema
// for bytes. It gives synth.ErrNothing where there are no records, and a *SchemaError where a schema can not be had.
func Learn(ctx context.Context, cl *kgo.Client, topic string, span Range, opt synth.Options, schemas *Schemas) (*synth.Profile, error) {
	marks, err := klog.Watermarks(ctx, cl, topic)
	if err != nil {
		return nil, err
	}
	var from, to map[int32]int64
	if span.FromMs != 0 {
		if from, err = klog.OffsetsAt(ctx, cl, topic, span.FromMs); err != nil {
			return nil, err
		}
	}
	if span.ToMs != 0 {
		if to, err = klog.OffsetsAt(ctx, cl, topic, span.ToMs); err != nil {
			return nil, err
		}
	}
	l := synth.NewLearner(opt)
	for _, p := range marks.Numbers() {
		l.Partition(p)
		r := partition.Range{From: marks.Partitions[p].LogStart, To: marks.Partitions[p].LSO}
		if o, ok := from[p]; ok {
			r.From = max(r.From, o)
		}
		if o, ok := to[p]; ok {
			r.To = min(r.To, o)
		}
		if r.From >= r.To {
			continue
		}
		if err := read(ctx, cl, topic, p, r, func(rec *record.Record) error {
			if !span.has(rec.TimestampMs) {
				return nil
			}
			if err := schemas.meet(ctx, l, p, rec); err != nil {
				return err
			}
			l.Add(p, rec)
			return nil
		}); err != nil {
			return nil, err
		}
	}
	if err := schemas.carry(ctx, l); err != nil {
		return nil, err
	}
	return l.Profile()
}

// read hands the committed records of a range to take, until that returns an error. What take is given is valid during the call only.
func read(ctx context.Context, cl *kgo.Client, topic string, p int32, r partition.Range, take func(*record.Record) error) error {
	reader, err := klog.Open(ctx, cl, klog.Options{Topic: topic, Partition: p, Range: r})
	if err != nil {
		return err
	}
	dec := kbatch.NewDecoder(0)
	want := partition.Ranges{r}
	for {
		chunk, err := reader.Next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s/%d: %w", topic, p, err)
		}
		for _, b := range chunk.Batches {
			var stopped error
			err := dec.Walk(b.Raw, &b.Header, r.From, want, func(r *record.Record) {
				if stopped == nil {
					stopped = take(r)
				}
			})
			if stopped != nil {
				return stopped
			}
			if err != nil {
				return fmt.Errorf("read %s/%d, batch at %d: %w", topic, p, b.Header.BaseOffset, err)
			}
		}
	}
}

// whole is a range to the last stable offset.
var whole = partition.Range{From: 0, To: math.MaxInt64}
