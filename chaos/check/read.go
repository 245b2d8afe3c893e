package check

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"backstitch/chaos/traffic"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Record is one record as a reader of committed data sees it.
type Record struct {
	traffic.Event       // without the headers that backstitch adds
	Offset        int64 // in the topic
	Refilled      bool  // it carries our origin
	Origin        int64 // offset in the reference, when refilled
	Job           string
	ProducerID    int64
	ProducerEpoch int16
}

// Part is what a reader found in one partition.
type Part struct {
	Start   int64 // log start offset
	Stable  int64 // last stable offset when the reading began
	End     int64 // high watermark then
	Reached int64 // the offset after the last one that was passed, control records included
	Records []Record
}

// Log is what a reader found in a topic, by partition.
type Log map[int32]*Part

// fit refuses a log that can not be judged.
func (l Log) fit() error {
	if len(l) == 0 {
		return unfit("a log without partitions")
	}
	for p, part := range l {
		switch {
		case part == nil:
			return unfit("partition %d was not read", p)
		case part.Stable < part.End:
			return unfit("partition %d: a transaction is open at %d, the end is %d", p, part.Stable, part.End)
		case part.Reached < part.End:
			return unfit("partition %d: the reader reached %d of %d", p, part.Reached, part.End)
		}
		last := int64(-1)
		for _, r := range part.Records {
			if r.Partition != p || r.Offset <= last || r.Offset < part.Start || r.Offset >= part.Reached {
				return unfit("partition %d: offset %d of partition %d after %d, in a log from %d to %d", p, r.Offset, r.Partition, last, part.Start, part.Reached)
			}
			last = r.Offset
		}
	}
	return nil
}

// Truth counts the records by content.
func (l Log) Truth() traffic.Truth {
	t := traffic.Truth{}
	for _, part := range l {
		for _, r := range part.Records {
			t[r.ID()]++
		}
	}
	return t
}

// Refilled counts the records that carry our origin.
func (l Log) Refilled() (n int64) {
	for _, part := range l {
		for _, r := range part.Records {
			if r.Refilled {
				n++
			}
		}
	}
	return n
}

// The headers as the product documents them to consumers.
const (
	ownHeaders   = "backstitch."
	originHeader = "backstitch.origin"
	jobHeader    = "backstitch.job"
)

// Read reads all of a topic with a plain consumer of committed data, up to what was its end when it began. opts say how the
// cluster is reached. An open transaction ends the reading at its start; the checkers refuse such a log.
func Read(ctx context.Context, topic string, opts ...kgo.Opt) (Log, error) {
	log, err := bounds(ctx, topic, opts)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", topic, err)
	}
	at := map[int32]kgo.Offset{}
	for p, part := range log {
		if part.Reached < part.Stable {
			at[p] = kgo.NewOffset().At(part.Start)
		}
	}
	if len(at) == 0 {
		return log, nil
	}
	cl, err := kgo.NewClient(append(opts, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: at}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxWait(100*time.Millisecond))...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", topic, err)
	}
	defer cl.Close()
	for !log.reached() {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("read %s: %w", topic, err)
		}
		var bad error
		fetches.EachRecord(func(r *kgo.Record) {
			part := log[r.Partition]
			if part == nil || r.Offset >= part.Stable {
				return
			}
			part.Reached = r.Offset + 1
			if r.Attrs.IsControl() {
				return
			}
			out, err := fromKafka(r)
			if err != nil {
				bad = err
			}
			part.Records = append(part.Records, out)
		})
		if bad != nil {
			return nil, fmt.Errorf("read %s: %w", topic, bad)
		}
	}
	return log, nil
}

// bounds asks how long each partition is.
func bounds(ctx context.Context, topic string, opts []kgo.Opt) (Log, error) {
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	start, err := adm.ListStartOffsets(ctx, topic)
	if err != nil {
		return nil, err
	}
	stable, err := adm.ListCommittedOffsets(ctx, topic)
	if err != nil {
		return nil, err
	}
	end, err := adm.ListEndOffsets(ctx, topic)
	if err != nil {
		return nil, err
	}
	log := Log{}
	for p, s := range start[topic] {
		st, e := stable[topic][p], end[topic][p]
		for _, o := range []kadm.ListedOffset{s, st, e} {
			if o.Err != nil {
				return nil, fmt.Errorf("partition %d: %w", p, o.Err)
			}
		}
		log[p] = &Part{Start: s.Offset, Stable: st.Offset, End: e.Offset, Reached: s.Offset}
	}
	return log, nil
}

func (l Log) reached() bool {
	for _, part := range l {
		if part.Reached < part.Stable {
			return false
		}
	}
	return true
}

func fromKafka(r *kgo.Record) (Record, error) {
	out := Record{
		Event:  traffic.Event{Partition: r.Partition, TimestampMs: r.Timestamp.UnixMilli(), Key: r.Key, Value: r.Value},
		Offset: r.Offset, ProducerID: r.ProducerID, ProducerEpoch: r.ProducerEpoch,
	}
	for _, h := range r.Headers {
		if err := out.header(h.Key, h.Value); err != nil {
			return out, err
		}
	}
	return out, nil
}

// header reads one header: ours say where the record came from, the others belong to it.
func (r *Record) header(key string, value []byte) error {
	switch {
	case key == originHeader:
		text := string(value)
		n, err := strconv.ParseInt(text[strings.LastIndexByte(text, '/')+1:], 10, 64)
		if err != nil {
			return fmt.Errorf("origin %q at %d/%d: %w", text, r.Partition, r.Offset, err)
		}
		r.Refilled, r.Origin = true, n
	case key == jobHeader:
		r.Job = string(value)
	case !strings.HasPrefix(key, ownHeaders):
		r.Headers = append(r.Headers, traffic.Header{Key: key, Value: value})
	}
	return nil
}
