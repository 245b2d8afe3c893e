package reach

import (
	"context"
	"errors"
	"fmt"
	"io"

	"backstitch/partition"
	format "backstitch/replay/archive"
	"backstitch/replay/bucket"
	"backstitch/replay/connect"
	"backstitch/replay/gap"
	"backstitch/replay/inventory"
	"backstitch/replay/klog"
	"backstitch/replay/layout"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/source"
	"backstitch/replay/source/archive"
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
		return &topic{Source: src, cl: cl, name: s.Topic, about: recovery.About{Source: s}}, nil
	}
	store, err := c.store(s.Connection, s.Endpoint, s.Region)
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
	live := b.(bucket.Browser) // both backends are
	b = c.cfg.Pace.Bucket(b)
	if s.Inventory != "" {
		if b, err = c.inventory(ctx, b, s, store); err != nil {
			return nil, err
		}
	}
	about := recovery.About{Source: s}
	if s.Layout == layout.Auto {
		if err := detect(ctx, b, &about); err != nil {
			return nil, err
		}
	}
	if about.Source.Layout != layout.Archive {
		if err := c.number(ctx, &about.Source); err != nil {
			return nil, err
		}
		return others(ctx, b, live, about)
	}
	if s.Inventory != "" {
		return nil, unusable(fmt.Errorf("the archive is one of backstitch, whose listing is short; an inventory belongs to those of others: %w", inventory.ErrInventory))
	}
	src, err := archive.New(b, archive.Config{Topic: s.Topic})
	if err != nil {
		return nil, err
	}
	return &own{Source: src, b: b, topic: s.Topic, about: about}, nil
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
	cl    *kgo.Client
	name  string
	about recovery.About
}

// About has found out nothing.
func (t *topic) About() recovery.About { return t.about }

// Describe and EpochEnds are those of a topic, on whichever side it stands.
func (t *topic) Describe(ctx context.Context) (recovery.State, error) { return t.log().Describe(ctx) }

// EpochEnds asks the brokers.
func (t *topic) EpochEnds(ctx context.Context, part int32, epochs []int32) (map[int32]gap.EpochEnd, error) {
	return t.log().EpochEnds(ctx, part, epochs)
}

func (t *topic) log() *kafkaEnd { return &kafkaEnd{cl: t.cl, topic: t.name} }

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
	about recovery.About
}

// About says how the layout was recognised.
func (a *own) About() recovery.About { return a.about }

// OpenDigests is that of the archive.
func (a *own) OpenDigests(ctx context.Context, slice partition.Slice, cursor partition.Offset, fields record.Fields) (source.Reader, error) {
	return source.OpenDigests(ctx, a.Source, slice, cursor, fields)
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

var _ recovery.Positioned = (*own)(nil)

// Newest is what the footers of the last objects say. One that can not be read says nothing; the scan names it.
func (a *own) Newest(ctx context.Context, extents map[int32]gap.Extent) (int64, error) {
	var ms int64
	for _, e := range extents {
		if len(e.Objects) == 0 {
			continue
		}
		last := e.Objects[len(e.Objects)-1]
		f, err := format.ReadFooter(ctx, a.b, last.Key, last.ETag, last.Size)
		switch {
		case err == nil:
			ms = max(ms, f.MaxTime)
		case errors.Is(err, format.ErrCorrupt), errors.Is(err, format.ErrVersion), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, bucket.ErrNotFound), errors.Is(err, bucket.ErrChanged):
		default:
			return 0, err
		}
	}
	return ms, nil
}

// Span is what an object's name says.
func (a *own) Span(o partition.Object) partition.Range {
	n, err := format.ParseName(o.Key)
	if err != nil {
		panic("reach: a catalog lists names of objects only: " + err.Error())
	}
	return partition.Range{From: n.First, To: n.Last + 1}
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
