package archive

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"backstitch/partition"
	format "backstitch/replay/archive"
	"backstitch/replay/bucket"
	"backstitch/replay/source"
)

// Filter narrows a catalog.
type Filter struct {
	Partitions []int32 // nil for all
	// FromMs leaves out objects whose newest record is older, in Kafka milliseconds; 0 for no limit. It costs one small read
	// per object. There is no upper limit, because nothing says how old the oldest record of a batch is.
	FromMs int64
	// MaxObjects bounds the objects of all those partitions; 0 is source.MaxObjects.
	MaxObjects int
}

// Catalog lists the objects of topic in b, by partition and first offset, as a plan freezes them. Objects may overlap, where
// copies began at different places; a reader returns each offset once. A bucket that holds no object of topic gives
// bucket.ErrNotFound, one that holds more than Filter.MaxObjects source.ErrTooMany.
func Catalog(ctx context.Context, b bucket.Bucket, topic string, filter Filter) (map[int32][]partition.Object, error) {
	parts := filter.Partitions
	if parts == nil {
		var err error
		if parts, err = partitions(ctx, b, topic); err != nil {
			return nil, err
		}
	}
	left := filter.MaxObjects
	if left == 0 {
		left = source.MaxObjects
	}
	out := make(map[int32][]partition.Object, len(parts))
	for _, p := range parts {
		for o, err := range format.List(ctx, b, topic, p) {
			if err != nil {
				return nil, fmt.Errorf("list archive of %s/%d: %w", topic, p, err)
			}
			if filter.FromMs > 0 {
				f, err := format.ReadFooter(ctx, b, o.Info.Key, o.Info.ETag, o.Info.Size)
				if err != nil {
					return nil, err
				}
				if f.MaxTime < filter.FromMs {
					continue
				}
			}
			if left--; left < 0 {
				return nil, fmt.Errorf("archive of topic %s in %s: %w", topic, b.URL(), source.ErrTooMany)
			}
			out[p] = append(out[p], partition.Object{Key: o.Info.Key, ETag: o.Info.ETag, Size: o.Info.Size, Base: o.Name.First, Count: o.Name.Records})
		}
	}
	if len(out) == 0 && filter.FromMs == 0 {
		return nil, fmt.Errorf("archive of topic %s in %s: %w", topic, b.URL(), bucket.ErrNotFound)
	}
	return out, nil
}

// partitions finds the partitions that have objects. It lists everything once, which is what List would do partition by
// partition too.
func partitions(ctx context.Context, b bucket.Bucket, topic string) ([]int32, error) {
	var out []int32
	for in, err := range b.List(ctx, topic+"/") {
		if err != nil {
			return nil, fmt.Errorf("list archive of %s: %w", topic, err)
		}
		part, _, ok := strings.Cut(strings.TrimPrefix(in.Key, topic+"/"), "/")
		n, err := strconv.ParseInt(part, 10, 32)
		if !ok || err != nil {
			return nil, fmt.Errorf("list archive of %s: %q: %w", topic, in.Key, format.ErrName)
		}
		if len(out) == 0 || out[len(out)-1] != int32(n) {
			out = append(out, int32(n))
		}
	}
	return out, nil
}

// Span returns the range of positions that objects can hold.
func Span(objects []partition.Object) (partition.Range, error) {
	var r partition.Range
	for i, o := range objects {
		n, err := format.ParseName(o.Key)
		if err != nil {
			return partition.Range{}, err
		}
		if i == 0 {
			r.From = n.First
		}
		r.From, r.To = min(r.From, n.First), max(r.To, n.Last+1)
	}
	return r, nil
}

// Check compares objects with what the bucket has now: source.ErrChanged, source.ErrGone.
func Check(ctx context.Context, b bucket.Bucket, objects []partition.Object) error {
	for _, o := range objects {
		r, _, err := b.Get(ctx, o.Key, o.ETag)
		if err != nil {
			return sourceError(err)
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	return nil
}

// sourceError turns a bucket's answer into what a slice's reader says.
func sourceError(err error) error {
	switch {
	case errors.Is(err, bucket.ErrNotFound):
		return fmt.Errorf("%w: %w", source.ErrGone, err)
	case errors.Is(err, bucket.ErrChanged):
		return fmt.Errorf("%w: %w", source.ErrChanged, err)
	}
	return err
}
