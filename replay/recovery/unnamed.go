package recovery

import (
	"context"
	"errors"
	"slices"

	"backstitch/replay/gap"
)

// An archive says what it holds and not what it should. A partition of which no object is listed may never have been archived, may be
// younger than the archive, or may have been deleted from it, and the records that the topic has of it tell none of these apart. So they
// are neither lost nor fine: they are not comparable. Only a topic as reference is known to have no partitions but those that it lists.

// unnamed is why nothing is said of such a partition.
const unnamed = "no object of the archive names this partition, and the target has records of it: they were compared with nothing; " +
	"if it was never archived, leave it out with --partitions"

// nameless are the partitions of the target with records of which the archive names nothing. have are those that it was found to hold
// something of, in the range of the scan. Partitions that somebody selected by number are not looked for: builder.selected refuses those.
func (b *builder) nameless(ctx context.Context, ref Reference, have func(part int32) bool) ([]int32, error) {
	if b.recipe.Source.Layout == "kafka" || b.recipe.Target.Reshape != nil || (b.parts != nil && b.pinned == nil) {
		return nil, nil
	}
	var left []int32
	for _, p := range b.state.Partitions {
		if p.LSO > p.LogStart && !have(p.Partition) && (b.parts == nil || slices.Contains(b.parts, p.Partition)) {
			left = append(left, p.Partition)
		}
	}
	if len(left) == 0 || b.scope.FromMs == 0 {
		return left, nil
	}
	older, err := ref.Extents(ctx, left, 0) // objects that were left out because all in them is older than the range
	if err != nil && !errors.Is(err, ErrNoReference) {
		return nil, err
	}
	return slices.DeleteFunc(left, func(n int32) bool { _, ok := older[n]; return ok }), nil
}

// extents are the partitions of the reference, with those of which it may hold something that is not listed.
func (b *builder) extents(ctx context.Context, ref Reference) (map[int32]gap.Extent, error) {
	listed, err := ref.Extents(ctx, b.parts, b.scope.FromMs)
	out, err := b.hide(listed, err)
	gone := b.pinned != nil && errors.Is(err, ErrNoReference) // a piece asks for one partition
	if err != nil && !gone {
		return nil, err
	}
	left, lerr := b.nameless(ctx, ref, func(n int32) bool { _, ok := out[n]; return ok })
	switch {
	case lerr != nil:
		return nil, lerr
	case len(left) == 0:
		return out, err
	case out == nil:
		out = map[int32]gap.Extent{}
	}
	for _, n := range left {
		out[n] = gap.Extent{Unlisted: unnamed}
	}
	return out, nil
}
