package recovery

import (
	"context"
	"errors"
	"slices"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/klog"
)

// EpochReference is a Reference that knows under which leader epochs its records were written.
type EpochReference interface {
	// Epochs returns those of the objects that reach into r, by offset.
	Epochs(ctx context.Context, part int32, r partition.Range) ([]gap.EpochRange, error)
}

// EpochTarget is an End that knows where leader epochs end.
type EpochTarget interface {
	EpochEnds(ctx context.Context, part int32, epochs []int32) (map[int32]gap.EpochEnd, error)
}

// causes looks for the reason of what is missing: only where something is, and only where offsets of both sides are of one topic.
func (b *builder) causes(ctx context.Context, ref Reference, end End) error {
	cuts := map[int32][]gap.Cut{}
	epochs, ok1 := ref.(EpochReference)
	ends, ok2 := end.(EpochTarget)
	if ok1 && ok2 && b.report.Facts.Recreated == "no" {
		for _, res := range b.report.Results {
			if len(res.Missing) == 0 {
				continue
			}
			list, err := epochs.Epochs(ctx, res.Partition, res.Missing.Span())
			if err != nil {
				return err
			}
			var numbers []int32
			for _, e := range list {
				numbers = append(numbers, e.Epoch)
			}
			slices.Sort(numbers)
			found, err := ends.EpochEnds(ctx, res.Partition, slices.Compact(numbers))
			if errors.Is(err, klog.ErrDenied) {
				b.report.NotChecked = append(b.report.NotChecked, "whether an election cut the log off: this principal may not ask for leader epochs")
				break
			}
			if err != nil {
				return err
			}
			if c := gap.Cuts(list, found, res.TargetFrom); len(c) > 0 {
				cuts[res.Partition] = c
			}
		}
	}
	b.report.Blame(cuts)
	return nil
}
