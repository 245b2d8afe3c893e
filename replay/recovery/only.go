package recovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/record"
	"backstitch/replay/source"
)

// What was set aside is planned again by position: the scan compares everything, as always, and the plan writes and proves only those
// of the positions that are missing now. So what has got into the target since then is not written twice.

// among is the part of rs that the plan may be about.
func (b *builder) among(part int32, rs partition.Ranges) partition.Ranges {
	if b.opt.Only == nil {
		return rs
	}
	return meet(rs, b.opt.Only[part])
}

// meet is what two lists of ranges, each in order, have in common.
func meet(a, b partition.Ranges) (out partition.Ranges) {
	for len(a) > 0 && len(b) > 0 {
		r := partition.Range{From: max(a[0].From, b[0].From), To: min(a[0].To, b[0].To)}
		if !r.Empty() {
			out = append(out, r)
		}
		if a[0].To < b[0].To {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return out
}

// concerning leaves out what was found elsewhere in the reference than the plan is about.
func (b *builder) concerning(fs []gap.Finding) []gap.Finding {
	if b.opt.Only == nil {
		return fs
	}
	return slices.DeleteFunc(slices.Clone(fs), func(f gap.Finding) bool {
		switch f.Kind {
		case gap.Missing, gap.Partly, gap.Corrupt:
			return len(meet(partition.Ranges{f.Range}, b.opt.Only[f.Partition])) == 0
		}
		return false
	})
}

// SameEnds says how the reference or the target of s is another one than that of r, "" where both are the same. Steps, rules and
// ranges do not count.
func (r *Recipe) SameEnds(s *Recipe) string {
	a, b := &r.Source, &s.Source
	if a.URL != b.URL || a.Endpoint != b.Endpoint || a.Connection != b.Connection || a.Brokers != b.Brokers || a.Topic != b.Topic {
		return fmt.Sprintf("The reference is %s, the job's was %s.", sourceName(*b), sourceName(*a))
	}
	x, y := &r.Target, &s.Target
	if x.Kind != y.Kind || x.Path != y.Path || x.Endpoint != y.Endpoint || x.Connection != y.Connection || x.Brokers != y.Brokers || x.Topic != y.Topic {
		return fmt.Sprintf("The target is %s, the job's was %s.", targetName(*y), targetName(*x))
	}
	if (x.Reshape == nil) != (y.Reshape == nil) {
		return fmt.Sprintf("Records get their partition by %s, in the job it was by %s.", y.Reshape.name(), x.Reshape.name())
	}
	return ""
}

// Found is one record of a reference as it stands there now.
type Found struct {
	Record record.Record
	Fields record.Fields // that the reference holds
	Object string        // of the archive; "" for a topic
}

// ErrNoRecord says that a reference has no record at a position.
var ErrNoRecord = errors.New("there is no record")

// Find reads the record at a position of the reference s, as it stands there: no step changes it and no rule holds it back.
func Find(ctx context.Context, s Source, clients Clients, part int32, at partition.Offset) (*Found, error) {
	s.FromMs, s.ToMs = 0, 0
	ref, err := clients.Reference(ctx, s)
	if err != nil {
		return nil, explainEnd(err, CodeNoReference, "the reference "+sourceName(s)+" is not there", "It was there when the job was planned.")
	}
	defer ref.Close()
	extents, err := ref.Extents(ctx, []int32{part}, 0)
	if err != nil {
		return nil, fmt.Errorf("look for position %d of partition %d: %w", at, part, err)
	}
	e := extents[part]
	slice := partition.Slice{Kind: partition.SliceVerify, Partition: part, Ranges: partition.Ranges{{From: at, To: at + 1}}}
	slices.SortFunc(e.Objects, func(a, b partition.Object) int { return cmp.Compare(a.Base, b.Base) })
	for i, o := range e.Objects { // the one that reaches to the position; the next one begins behind it
		if o.Base <= at && (i+1 == len(e.Objects) || e.Objects[i+1].Base > at) {
			slice.Objects = e.Objects[i : i+1]
		}
	}
	r, err := ref.Open(ctx, slice, at)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for {
		batch, err := r.Next(ctx)
		if err == io.EOF {
			return nil, fmt.Errorf("partition %d of %s, position %d: %w", part, sourceName(s), at, ErrNoRecord)
		}
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(batch.Records, func(rec record.Record) bool { return rec.Offset == at })
		if i < 0 {
			batch.Release()
			continue
		}
		out := &Found{Record: clone(&batch.Records[i]), Fields: ref.Fields(), Object: source.ObjectAt(slice, at)}
		batch.Release()
		return out, nil
	}
}

// clone is a record that outlives its batch.
func clone(r *record.Record) record.Record {
	out := *r
	out.Key, out.Value = slices.Clone(r.Key), slices.Clone(r.Value)
	out.Headers = slices.Clone(r.Headers)
	for i := range out.Headers {
		out.Headers[i].Value = slices.Clone(out.Headers[i].Value)
	}
	return out
}
