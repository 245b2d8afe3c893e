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
	windows []partition.Range // what each of all can hide
	counts  []int64           // of absent records, by damage
	oldest  []int64           // times of the oldest of them, 0 for none known
	records int64
}

func newDamage(in *Input, part int32, all []*source.DamagedError) *damage {
	d := &damage{in: in, part: part, all: all, counts: make([]int64, len(all)), oldest: make([]int64, len(all))}
	for _, e := range all {
		d.windows = append(d.windows, d.where(e))
	}
	return d
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

// maxPending bounds the ranges that are held to be counted together.
const maxPending = 1 << 16

// split counts what damage hides of all, and returns what is left. Of several objects that may have held a record the first is said to.
func (d *damage) split(ctx context.Context, all places) (loss, error) {
	left := loss{ranges: func(yield func(partition.Range) bool) {
		for r := range all {
			for _, rest := range d.visible(r, nil) {
				if !yield(rest) {
					return
				}
			}
		}
	}}
	hidden := make([]partition.Ranges, len(d.all))
	pending := 0
	for r, n := range all {
		left.records += n
		d.visible(r, func(i int, inside partition.Ranges) {
			hidden[i] = append(hidden[i], inside...)
			pending += len(inside)
		})
		if pending < maxPending {
			continue
		}
		if err := d.hide(ctx, &left, hidden); err != nil {
			return loss{}, err
		}
		pending = 0
	}
	err := d.hide(ctx, &left, hidden)
	return left, err
}

// visible is what no damage hides of r. What one does hide is given to hides, with its number; nil for nobody.
func (d *damage) visible(r partition.Range, hides func(i int, inside partition.Ranges)) partition.Ranges {
	left := partition.Ranges{r}
	for i, w := range d.windows {
		if w.To <= r.From || w.From >= r.To {
			continue // as most do, of millions of places
		}
		inside, outside := cut(left, w)
		if len(inside) == 0 {
			continue
		}
		if hides != nil {
			hides(i, inside)
		}
		left = outside
	}
	return left
}

// hide takes out of left the records in hidden, by damage, and empties that.
func (d *damage) hide(ctx context.Context, left *loss, hidden []partition.Ranges) error {
	for i, rs := range hidden {
		if len(rs) == 0 {
			continue
		}
		n, oldestMs, err := d.count(ctx, rs)
		if err != nil {
			return err
		}
		d.counts[i] += n
		if d.oldest[i] == 0 || oldestMs > 0 && oldestMs < d.oldest[i] {
			d.oldest[i] = oldestMs
		}
		d.records += n
		left.records -= n
		hidden[i] = rs[:0]
	}
	return nil
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
		f := gap.Finding{
			Kind: gap.Corrupt, Partition: d.part, Object: e.Object, Whole: e.Offset < 0, Reason: e.Error(), Range: d.windows[i], Count: d.counts[i], Evidence: "E2",
		}
		f.Range.To = max(f.Range.From, min(f.Range.To, d.in.Extents[d.part].Range.To))
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
