package delivered

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/source"
)

// Objects that can not be read. What they held looks like what is in no object; only where an object lies tells the two apart.
// The topic is read once more there, because a range may have holes and the count must be of records.

// damage is that of one partition.
type damage struct {
	in      *Input
	part    int32
	all     []*source.DamagedError
	counts  []int64 // of absent records, by damage
	oldest  []int64 // times of the oldest of them, 0 for none known
	records int64
}

// where are the offsets of the topic that a damage can hide.
func (d *damage) where(e *source.DamagedError) partition.Range {
	if d.in.Exact && e.Offset >= 0 && e.Next >= 0 {
		return partition.Range{From: e.Offset, To: e.Next}
	}
	objects := d.in.Objects[d.part].Objects
	i := slices.IndexFunc(objects, func(o partition.Object) bool { return o.Key == e.Object })
	switch {
	case i < 0: // it is in no list of positions, so it may hold any
		return partition.Range{To: math.MaxInt64}
	case d.in.Exact:
		return d.in.spans(d.part)[i]
	case d.in.Unplaced:
		return partition.Range{To: math.MaxInt64}
	}
	// Without offsets it ends at the latest where a later one begins, unless files of one partition lie side by side.
	r := partition.Range{From: objects[i].Base, To: math.MaxInt64}
	for _, o := range objects[i:] { // by Base
		if o.Base > r.From {
			r.To = o.Base
			break
		}
	}
	return r
}

// spans are the offsets that each object takes, by its own account.
func (in *Input) spans(part int32) []partition.Range {
	objects := in.Objects[part].Objects
	out := make([]partition.Range, len(objects))
	for i, o := range objects {
		out[i] = partition.Range{From: o.Base, To: o.Base + max(o.Count, 0)}
		if in.Span != nil {
			out[i] = in.Span(o)
		}
	}
	return out
}

// split takes out of f what damage hides, and returns what is left of it.
func (d *damage) split(ctx context.Context, f *gap.Finding, res *gap.Result) (int64, error) {
	if len(d.all) == 0 {
		return f.Count, nil
	}
	if d.counts == nil {
		d.counts, d.oldest = make([]int64, len(d.all)), make([]int64, len(d.all))
	}
	parts := f.Ranges
	if len(parts) == 0 {
		parts = partition.Ranges{f.Range}
	}
	left := parts
	var hidden int64
	for i, e := range d.all {
		inside, outside := cut(left, d.where(e))
		if len(inside) == 0 {
			continue
		}
		n, oldestMs, err := d.count(ctx, inside)
		if err != nil {
			return 0, err
		}
		d.counts[i] += n
		if d.oldest[i] == 0 || oldestMs > 0 && oldestMs < d.oldest[i] {
			d.oldest[i] = oldestMs
		}
		hidden += n
		left = outside
	}
	d.records += hidden
	if hidden == 0 {
		return f.Count, nil
	}
	f.Count -= hidden
	f.Range, f.Ranges = left.Span(), nil
	if len(left) > 1 {
		f.Ranges = left
	}
	f.Bytes, f.FirstMs, f.LastMs = res.Estimate(left, f.Count)
	return f.Count, nil
}

// cut parts rs at the ends of w.
func cut(rs partition.Ranges, w partition.Range) (inside, outside partition.Ranges) {
	for _, r := range rs {
		for _, piece := range []struct {
			to *partition.Ranges
			r  partition.Range
		}{
			{&outside, partition.Range{From: r.From, To: min(r.To, w.From)}},
			{&inside, partition.Range{From: max(r.From, w.From), To: min(r.To, w.To)}},
			{&outside, partition.Range{From: max(r.From, w.To), To: r.To}},
		} {
			if !piece.r.Empty() {
				*piece.to = append(*piece.to, piece.r)
			}
		}
	}
	return inside, outside
}

// count reads the topic's records in rs, and returns how many there are and the time of the oldest, 0 when none has one.
func (d *damage) count(ctx context.Context, rs partition.Ranges) (n, oldestMs int64, err error) {
	slice := partition.Slice{Kind: partition.SliceVerify, Partition: d.part, Ranges: rs}
	r, err := d.in.Reference.Open(ctx, slice, rs[0].From)
	if err != nil {
		return 0, 0, err
	}
	defer r.Close()
	for {
		b, err := r.Next(ctx)
		if err == io.EOF {
			return n, oldestMs, nil
		}
		if err != nil {
			return 0, 0, err
		}
		n += int64(len(b.Records))
		for i := range b.Records {
			if ms := b.Records[i].TimestampMs; ms > 0 && (oldestMs == 0 || ms < oldestMs) {
				oldestMs = ms
			}
		}
		b.Release()
	}
}

// unread are objects in a format that is not read: what is in none of the others may be in them.
func unread(e gap.Extent) []*source.DamagedError {
	var out []*source.DamagedError
	for _, u := range e.Unread {
		out = append(out, &source.DamagedError{Object: u.Object, Offset: -1, Next: -1, Code: source.CodeCorrupt, Err: fmt.Errorf("%w: %s", errFormat, u.Format)})
	}
	return out
}

// errFormat is why an object that is whole was not read.
var errFormat = errors.New("its format is not read")

// findings are one per object.
func (d *damage) findings() []gap.Finding {
	var out []gap.Finding
	for i, e := range d.all {
		f := gap.Finding{Kind: gap.Corrupt, Partition: d.part, Object: e.Object, Whole: e.Offset < 0, Reason: e.Error(), Range: d.where(e), Evidence: "E2"}
		f.Range.To = max(f.Range.From, min(f.Range.To, d.in.Extents[d.part].Range.To))
		if d.counts != nil {
			f.Count = d.counts[i]
		}
		if errors.Is(e, errFormat) {
			f.Kind, f.Evidence, f.Reason = gap.NotComparable, "", fmt.Sprintf("object %s: %v", e.Object, e.Err)
		}
		if f.Count > 0 {
			f.HeldBy, f.Recoverable = "the topic", true
			f.UntilMs = d.in.until(d.oldest[i])
			f.Reason += fmt.Sprintf("; %s of the topic there can not be read from the archive", records(f.Count))
		} else {
			f.Reason += "; the topic has nothing there that other objects have not, or has it no more"
		}
		out = append(out, f)
	}
	return out
}
