package reach

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"backstitch/partition"
	format "backstitch/replay/archive"
	"backstitch/replay/bucket"
	"backstitch/replay/connect"
	"backstitch/replay/gap"
	"backstitch/replay/klog"
	"backstitch/replay/recovery"
	"backstitch/replay/source"
	"backstitch/replay/source/archive"
	"backstitch/replay/source/confluent"
	kafkasource "backstitch/replay/source/kafka"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Reference opens the reference that s names.
func (c *Clients) Reference(ctx context.Context, s recovery.Source) (recovery.Reference, error) {
	if s.Layout == "kafka" {
		cl, err := c.kafka(ctx, s.Connection, s.Brokers)
		if err != nil {
			return nil, err
		}
		src, err := kafkasource.New(cl, kafkasource.Config{Topic: s.Topic, CloseClient: true})
		if err != nil {
			cl.Close()
			return nil, err
		}
		return &topic{Source: src, cl: cl, name: s.Topic}, nil
	}
	store, err := c.store(s)
	if err != nil {
		return nil, err
	}
	b, err := connect.Bucket(ctx, s.URL, store, c.cfg.Env)
	if err != nil {
		return nil, err
	}
	if err := connect.PingBucket(ctx, b); err != nil {
		return nil, err
	}
	switch s.Layout {
	case "archive":
		src, err := archive.New(b, archive.Config{Topic: s.Topic})
		if err != nil {
			return nil, err
		}
		return &own{Source: src, b: b, topic: s.Topic}, nil
	case "confluent":
		cfg := confluent.DefaultConfig(s.Topic)
		if s.Format != "" {
			cfg.Format = confluent.Format(s.Format)
		}
		if cfg.Keys, cfg.Headers, err = confluent.Companions(ctx, b, cfg); err != nil {
			return nil, missing(err)
		}
		src, err := confluent.New(b, cfg)
		if err != nil {
			return nil, err
		}
		return &foreign{Source: src, b: b, cfg: cfg}, nil
	}
	return nil, fmt.Errorf("layout %q: %w", s.Layout, errLayout)
}

// missing marks what a listing did not find.
func missing(err error) error {
	if errors.Is(err, bucket.ErrNotFound) || errors.Is(err, klog.ErrUnknownTopic) {
		return fmt.Errorf("%w: %w", recovery.ErrNoReference, err)
	}
	return err
}

// topic is a Kafka topic as a reference.
type topic struct {
	source.Source
	cl   *kgo.Client
	name string
}

// Extents are log start to last stable offset.
func (t *topic) Extents(ctx context.Context, parts []int32, fromMs int64) (map[int32]gap.Extent, error) {
	marks, err := klog.Watermarks(ctx, t.cl, t.name)
	if err != nil {
		return nil, missing(err)
	}
	var first map[int32]int64
	if fromMs > 0 {
		if first, err = klog.OffsetsAt(ctx, t.cl, t.name, fromMs); err != nil {
			return nil, err
		}
	}
	out := map[int32]gap.Extent{}
	for n, w := range marks.Partitions {
		if wanted(parts, n) {
			out[n] = gap.Extent{Range: partition.Range{From: max(w.LogStart, first[n]), To: w.LSO}}
		}
	}
	return out, nil
}

// Check has no objects to look at.
func (t *topic) Check(context.Context, []partition.Object) ([]string, error) { return nil, nil }

// TopicID is that of the reference itself.
func (t *topic) TopicID(ctx context.Context) (string, error) {
	marks, err := klog.Watermarks(ctx, t.cl, t.name)
	if err != nil {
		return "", missing(err)
	}
	return marks.ID.String(), nil
}

// own is our archive.
type own struct {
	source.Source
	b     bucket.Bucket
	topic string
	first *partition.Object // some object, for its topic id
}

// Extents are what the names of the objects span.
func (a *own) Extents(ctx context.Context, parts []int32, fromMs int64) (map[int32]gap.Extent, error) {
	objects, err := archive.Catalog(ctx, a.b, a.topic, archive.Filter{Partitions: parts, FromMs: fromMs})
	if err != nil {
		return nil, missing(err)
	}
	out := map[int32]gap.Extent{}
	for n, list := range objects {
		span, err := archive.Span(list)
		if err != nil {
			return nil, err
		}
		out[n] = gap.Extent{Range: span, Objects: list}
		if a.first == nil || list[0].Key < a.first.Key {
			a.first = &list[0]
		}
	}
	return out, nil
}

// TopicID is what an object's footer says.
func (a *own) TopicID(ctx context.Context) (string, error) {
	if a.first == nil {
		return "", nil
	}
	f, err := format.ReadFooter(ctx, a.b, a.first.Key, a.first.ETag, a.first.Size)
	if errors.Is(err, format.ErrCorrupt) || errors.Is(err, format.ErrVersion) {
		return "", nil // the scan says what is wrong with it
	}
	if err != nil {
		return "", err
	}
	return f.TopicID.String(), nil
}

// Check lists once and compares.
func (a *own) Check(ctx context.Context, objects []partition.Object) ([]string, error) {
	return check(ctx, a.b, a.topic+"/", objects)
}

// foreign is an archive in Confluent's layout.
type foreign struct {
	source.Source
	b   bucket.Bucket
	cfg confluent.Config
}

// Extents counts the lines of all files. Positions above the last file do not exist, but a damaged file's length is not known.
func (f *foreign) Extents(ctx context.Context, parts []int32, _ int64) (map[int32]gap.Extent, error) {
	listing, err := confluent.Catalog(ctx, f.b, f.cfg, parts)
	if err != nil {
		return nil, missing(err)
	}
	out := map[int32]gap.Extent{}
	for n, list := range listing.Objects {
		e := gap.Extent{Objects: list, Range: partition.Range{From: list[0].Base}}
		for _, o := range list {
			if o.Count < 0 {
				e.Range.To = math.MaxInt64
				break
			}
			e.Range.To = max(e.Range.To, o.Base+o.Count)
		}
		for _, d := range listing.Damaged {
			for _, o := range list {
				if o.Key == d.Object {
					e.Damaged = append(e.Damaged, d)
				}
			}
		}
		out[n] = e
	}
	return out, nil
}

// TopicID is not in such files.
func (f *foreign) TopicID(context.Context) (string, error) { return "", nil }

// Check lists once and compares. Companions are part of an object's ETag; they are checked when the object is read.
func (f *foreign) Check(ctx context.Context, objects []partition.Object) ([]string, error) {
	plain := make([]partition.Object, 0, len(objects))
	for _, o := range objects {
		o.ETag, _, _ = strings.Cut(o.ETag, "|")
		plain = append(plain, o)
	}
	return check(ctx, f.b, "", plain)
}

// check says which objects are gone or other.
func check(ctx context.Context, b bucket.Bucket, prefix string, objects []partition.Object) ([]string, error) {
	want := make(map[string]partition.Object, len(objects))
	for _, o := range objects {
		want[o.Key] = o
	}
	var moved []string
	for in, err := range b.List(ctx, prefix) {
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", b.URL(), err)
		}
		o, ok := want[in.Key]
		if !ok {
			continue
		}
		delete(want, in.Key)
		if in.ETag != o.ETag {
			moved = append(moved, fmt.Sprintf("Object %s in %s was changed: it has ETag %s, the plan saw %s.", o.Key, b.URL(), in.ETag, o.ETag))
		}
	}
	for _, o := range objects {
		if _, gone := want[o.Key]; gone {
			moved = append(moved, fmt.Sprintf("Object %s in %s is gone.", o.Key, b.URL()))
			delete(want, o.Key)
		}
	}
	return moved, nil
}

func wanted(parts []int32, n int32) bool {
	if parts == nil {
		return true
	}
	for _, p := range parts {
		if p == n {
			return true
		}
	}
	return false
}
