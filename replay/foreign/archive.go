package foreign

import (
	"context"
	"fmt"
	"slices"

	"backstitch/partition"
	"backstitch/replay/bucket"
	"backstitch/replay/record"
	"backstitch/replay/source"
)

// Archive is the archive of one topic. It satisfies source.Source.
type Archive struct {
	b      bucket.Bucket
	layout Layout
	traits Traits
	limits Limits
}

var (
	_ source.Source   = (*Archive)(nil)
	_ source.Digester = (*Archive)(nil)
)

// New returns an archive over b, which stays the caller's. It does not touch the store.
func New(b bucket.Bucket, layout Layout, limits Limits) (*Archive, error) {
	t := layout.Traits()
	if err := limits.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", t.Title, err)
	}
	return &Archive{b: b, layout: layout, traits: t, limits: limits}, nil
}

// Fields says what the objects hold.
func (a *Archive) Fields() record.Fields { return a.traits.Fields }

// Layout is what was given to New.
func (a *Archive) Layout() Layout { return a.layout }

// Limits is what was given to New.
func (a *Archive) Limits() Limits { return a.limits }

// Close does nothing; the bucket is the caller's.
func (a *Archive) Close() error { return nil }

// Open starts reading slice at cursor.
func (a *Archive) Open(ctx context.Context, slice partition.Slice, cursor partition.Offset) (source.Reader, error) {
	return a.start(ctx, slice, cursor, nil)
}

// OpenDigests is Open for a comparison of fields.
func (a *Archive) OpenDigests(ctx context.Context, slice partition.Slice, cursor partition.Offset, fields record.Fields) (source.Reader, error) {
	return a.start(ctx, slice, cursor, &fields)
}

func (a *Archive) start(ctx context.Context, slice partition.Slice, cursor partition.Offset, compared *record.Fields) (source.Reader, error) {
	objs := slices.Clone(slice.Objects)
	slices.SortStableFunc(objs, func(a, b partition.Object) int { return int(min(max(a.Base-b.Base, -1), 1)) })
	for _, o := range objs {
		if n, ok := a.layout.Parse(o.Key); !ok || n.Companion != "" || n.Partition != slice.Partition {
			return nil, fmt.Errorf("open slice %s: %s is no object of %s, partition %d", slice.ID, o.Key, a.traits.Topic, slice.Partition)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &reader{cancel: cancel, out: make(chan result, readAhead), done: make(chan struct{})}
	p := &pump{
		opener: opener{b: a.b, layout: a.layout, limits: &a.limits, held: new(int64)}, kinds: a.traits.Companions, part: slice.Partition, want: slice.Ranges,
		objects: objs, cursor: max(cursor, slice.Ranges.Span().From), out: r.out, compared: compared,
	}
	read := p.sequence
	if a.traits.Own {
		read = p.merge
	}
	go func() {
		defer close(r.done)
		p.run(ctx, read)
	}()
	return r, nil
}
