package reach

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"backstitch/partition"
	format "backstitch/replay/archive"
	"backstitch/replay/gap"
	"backstitch/replay/klog"
	"backstitch/replay/source/archive"
)

// Epochs reads the footers of the objects that reach into r. Damaged ones are left out: the scan says what is wrong with them.
func (a *own) Epochs(ctx context.Context, part int32, r partition.Range) ([]gap.EpochRange, error) {
	objects, err := archive.Catalog(ctx, a.b, a.topic, archive.Filter{Partitions: []int32{part}})
	if err != nil {
		return nil, missing(err)
	}
	var out []gap.EpochRange
	list := objects[part]
	for i, o := range list {
		if o.Base >= r.To || i+1 < len(list) && list[i+1].Base <= r.From {
			continue
		}
		f, err := format.ReadFooter(ctx, a.b, o.Key, o.ETag, o.Size)
		if errors.Is(err, format.ErrCorrupt) || errors.Is(err, format.ErrVersion) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for j, e := range f.Epochs {
			to := f.Last + 1
			if j+1 < len(f.Epochs) {
				to = f.Epochs[j+1].From
			}
			out = append(out, gap.EpochRange{Epoch: e.Epoch, Range: partition.Range{From: e.From, To: to}})
		}
	}
	slices.SortFunc(out, func(a, b gap.EpochRange) int { return cmp.Compare(a.Range.From, b.Range.From) })
	return joined(out), nil
}

// joined makes one range of neighbours of one epoch, so that a hole between two objects is not taken for its end.
func joined(list []gap.EpochRange) []gap.EpochRange {
	var out []gap.EpochRange
	for _, e := range list {
		if n := len(out); n > 0 && out[n-1].Epoch == e.Epoch {
			out[n-1].Range.To = max(out[n-1].Range.To, e.Range.To)
			continue
		}
		out = append(out, e)
	}
	return out
}

// EpochEnds asks the brokers.
func (e *kafkaEnd) EpochEnds(ctx context.Context, part int32, epochs []int32) (map[int32]gap.EpochEnd, error) {
	t, err := klog.Watermarks(ctx, e.cl, e.topic)
	if err != nil {
		return nil, err
	}
	ends, err := klog.EpochEnds(ctx, e.cl, t, part, epochs)
	if err != nil {
		return nil, err
	}
	out := make(map[int32]gap.EpochEnd, len(ends))
	for epoch, end := range ends {
		out[epoch] = gap.EpochEnd{Epoch: end.Epoch, End: end.End}
	}
	return out, nil
}
