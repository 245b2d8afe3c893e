package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"backstitch/replay/gap"
)

// An archive that is listed by an inventory may hold more than is listed. Holes are looked into by whoever reads it; what shows no hole is
// said here: partitions of which the inventory names nothing, and records that are younger than it.

// inventoryOf is how a is listed, nil when that is by itself.
func inventoryOf(ctx context.Context, a Reference) (*Inventory, error) {
	i, ok := a.(Inventoried)
	if !ok {
		return nil, nil
	}
	return i.Inventory(ctx)
}

func (i *Inventory) at() string { return i.Time.UTC().Format(time.RFC3339) }

// hides are the partitions of a topic, of those that are selected, of which the inventory names no object.
func (i *Inventory) hides(s *State, selected []int32) (hidden []int32) {
	for _, p := range s.Partitions {
		if p.LSO > p.LogStart && !slices.Contains(i.Partitions, p.Partition) && (selected == nil || slices.Contains(selected, p.Partition)) {
			hidden = append(hidden, p.Partition)
		}
	}
	return hidden
}

// unlisted is why nothing is said of a partition that it hides.
func (i *Inventory) unlisted() string {
	return fmt.Sprintf("the inventory of %s names no object of this partition, and the topic has records of it; list the bucket itself to compare it", i.at())
}

// inventory looks what the listing of the reference can not tell.
func (b *builder) inventory(ctx context.Context, e ends) error {
	inv, err := inventoryOf(ctx, e.ref)
	if inv == nil || err != nil || b.recipe.Target.Reshape != nil {
		return err // partitions of a target that has others tell nothing of those of the reference
	}
	b.hidden, b.unlisted = inv.hides(&b.state, b.parts), inv.unlisted()
	younger, err := e.end.OffsetsAt(ctx, inv.Time.UnixMilli())
	if err != nil {
		return fmt.Errorf("look for records that are younger than the inventory: %w", err)
	}
	stale := false
	for _, p := range b.state.Partitions {
		from, known := younger[p.Partition]
		stale = stale || known && from < p.LSO
	}
	if stale {
		b.notes = append(b.notes, fmt.Sprintf("the topic has records that are younger than the inventory, which is of %s; what was archived since is found "+
			"behind the last objects that it names and in directories that it lacks", inv.at()))
	}
	return nil
}

// hide adds the partitions of which the inventory names nothing to those of the reference. err is what listing those gave.
func (b *builder) hide(extents map[int32]gap.Extent, err error) (map[int32]gap.Extent, error) {
	if errors.Is(err, ErrNoReference) && b.parts != nil && len(b.hidden) == len(b.parts) {
		extents, err = map[int32]gap.Extent{}, nil // all that were asked for
	}
	if err != nil {
		return nil, err
	}
	for _, n := range b.hidden {
		extents[n] = gap.Extent{Unlisted: b.unlisted}
	}
	return extents, nil
}
