package foreign

import (
	"context"
	"errors"
	"fmt"
	"io"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/source"

	"github.com/zeebo/xxh3"
)

// Two objects of one directory in which there are more records than offsets between their names. A task that was thought dead
// wrote its object late, a retry wrote under another name, or a name was taken and the sink went on behind it. The trap: which
// records are the same can not be computed, because an offset need not have a record. What is known is that the first record of
// the later object lies no further in the earlier one than the distance of their names; from there on downwards, the first
// place at which both go on with equal records is it.

// overlaps finds objects that hold the same records and sets where the later one begins. It is for layouts whose records do
// not say where they belong; the others are merged by position.
func (a *Archive) overlaps(ctx context.Context, l *Listing, files []*entry) error {
	if a.traits.Own || !a.traits.Dense {
		return nil
	}
	reach := map[stream]*entry{}
	var end partition.Offset
	hurt := false
	for i, e := range files {
		if i > 0 && files[i-1].name.Partition != e.name.Partition {
			end, hurt = 0, false
		}
		at := e.stream()
		before := reach[at]
		e.base = e.after(end, hurt)
		if before != nil && before.damage == nil && e.damage == nil && e.records > 0 && before.reach() > e.start() {
			k, err := a.align(ctx, before, e)
			if err != nil {
				return err
			}
			if k < 0 {
				if end == before.base+before.records {
					end = e.start() // nothing of the one before counts any more
				}
				conflict(before, e)
				hurt = true
				continue
			}
			e.base = before.base + k
			l.Overlaps = append(l.Overlaps, fmt.Sprintf("%s and %s both hold %d records; they are taken once", before.in.Key, e.in.Key, min(before.records-k, e.records)))
		}
		if before == nil || e.base+e.records >= before.base+before.records {
			reach[at] = e
		}
		end, hurt = max(end, e.base+e.records), e.damage != nil
	}
	return nil
}

// reach is the position after the last one that an object takes by its name, or by its records where that says nothing: with
// offsets that have no record a name reaches further than what is counted.
func (e *entry) reach() partition.Offset { return max(e.start()+e.records, e.name.Last+1) }

// conflict takes two objects that claim the same offsets with other records out of what is believed.
func conflict(a, b *entry) {
	for _, e := range []*entry{a, b} {
		other := a
		if e == a {
			other = b
		}
		e.damage = Foreign("it and %s claim the same offsets and hold no equal records: one of them is not what its name says", other.in.Key)
		e.records, e.base, e.disbelieved = 0, -1, true
	}
}

// align returns the record of a with which b begins, -1 when nothing fits.
func (a *Archive) align(ctx context.Context, x, y *entry) (int64, error) {
	hx, err := a.hashes(ctx, x)
	if err != nil {
		return -1, err
	}
	hy, err := a.hashes(ctx, y)
	if err != nil {
		return -1, err
	}
	for k := min(y.start()-x.start(), int64(len(hx))-1); k >= 0; k-- {
		n := min(len(hx)-int(k), len(hy))
		equal := true
		for i := 0; i < n && equal; i++ {
			equal = hx[int(k)+i] == hy[i]
		}
		if equal {
			return k, nil
		}
	}
	return -1, nil
}

// hashes are those of an object's values, in order: 16 bytes per record of two objects, and only where objects overlap.
func (a *Archive) hashes(ctx context.Context, e *entry) ([][16]byte, error) {
	o := &opener{b: a.b, layout: a.layout, limits: &a.limits}
	defer o.close()
	obj, d, err := o.open(ctx, e.name, e.in.Key, frozen{value: e.in.ETag, companions: e.companions}, true)
	if err != nil {
		return nil, fmt.Errorf("compare %s with its neighbour: %w", e.in.Key, err)
	}
	defer obj.close()
	defer d.Close()
	out := make([][16]byte, 0, e.records)
	for {
		var r record.Record
		err := d.Next(&r)
		var bad *Damage
		switch {
		case err == io.EOF:
			return out, nil
		case errors.As(err, &bad) && bad.Record:
			out = append(out, make([][16]byte, bad.records())...)
			continue
		case errors.As(err, &bad):
			return nil, fmt.Errorf("compare %s with its neighbour: %w: %w", e.in.Key, source.ErrChanged, err)
		case err != nil:
			return nil, fmt.Errorf("compare %s with its neighbour: %w", e.in.Key, err)
		}
		out = append(out, xxh3.Hash128(r.Value).Bytes())
	}
}
