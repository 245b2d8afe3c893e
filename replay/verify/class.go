package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"backstitch/partition"
	"backstitch/replay/gap/match"
	"backstitch/replay/record"
	"backstitch/replay/sink"
	"backstitch/replay/source"
)

// A class is compared in one pass if both sides are equal: then the chains that the pass folded are the proof of order. If they
// are not, it is only known afterwards which records have no partner, and the chains of those that have one take a second pass
// that leaves the others out. Folding on the way and guessing which records will find a partner would need a window of unknown
// size.

// class is one class of records, compared.
type class struct {
	c      *comparison
	name   string
	ranges partition.Ranges            // of the reference
	from   int64                       // of the target, half-open
	to     int64                       //
	want   func(r *record.Record) bool // of the target

	out     *match.Outcome
	missing *match.Positions
	surplus match.Positions // target offsets
	chain   [2]record.Chain
	// there chooses the records of the reference whose order counts; nil for all. It is set by chains.
	there  func(*record.Record) bool
	filled bool // the job was to write this class

	// Records that others wrote after the plan and that stand for a refilled one, and the positions of those.
	late       match.Totals
	suppressed match.Positions
}

// matched is how many records of the target have a partner.
func (k *class) matched() int64 {
	return k.out.Target.Records - k.surplus.Len() + k.late.Records
}

// reference reads the class's part of the reference. Damage inside it ends the comparison: what can not be read can not be
// proved.
type reference struct {
	source.Reader
	ranges partition.Ranges
}

func (r *reference) Next(ctx context.Context) (*record.Batch, error) {
	for {
		b, err := r.Reader.Next(ctx)
		var damaged *source.DamagedError
		if errors.As(err, &damaged) && r.outside(damaged) {
			continue
		}
		if err != nil && err != io.EOF {
			err = &referenceError{err}
		}
		return b, err
	}
}

// outside reports whether damage lies where nothing is wanted: the plan knew of it and left it out.
func (r *reference) outside(d *source.DamagedError) bool {
	if d.Offset < 0 || d.Next < 0 {
		return d.Offset >= 0 && d.Offset >= r.ranges.Span().To
	}
	hurt := partition.Range{From: d.Offset, To: max(d.Next, d.Offset+1)}
	for _, w := range r.ranges {
		if w.Overlaps(hurt) {
			return false
		}
	}
	return true
}

// none is a side without records.
type none struct{}

func (none) Next(context.Context) (*record.Batch, error) { return nil, io.EOF }
func (none) Close() error                                { return nil }

type side interface {
	match.Reader
	io.Closer
}

func (k *class) openReference(ctx context.Context) (side, error) {
	if len(k.ranges) == 0 {
		return none{}, nil
	}
	slice := k.c.work.Slice
	slice.Ranges = k.ranges
	slice.Objects = within(slice.Objects, k.ranges)
	r, err := k.c.work.Reference.Open(ctx, slice, k.ranges[0].From)
	if err != nil {
		return nil, &referenceError{err}
	}
	return &reference{r, k.ranges}, nil
}

// within leaves out objects that end before the ranges begin or begin after their end. Others may matter: an object's length is
// not always known.
func within(objects []partition.Object, rs partition.Ranges) []partition.Object {
	span := rs.Span()
	var out []partition.Object
	for i, o := range objects {
		next := i+1 < len(objects) && objects[i+1].Base > o.Base && objects[i+1].Base <= span.From && o.Count >= 0 && o.Base+o.Count <= span.From
		if o.Base < span.To && !next {
			out = append(out, o)
		}
	}
	return out
}

func (k *class) openTarget(ctx context.Context, from, to int64) (side, error) {
	from, to = max(from, k.c.from), min(to, k.c.to)
	if from >= to {
		return none{}, nil
	}
	return k.c.work.Target.Read(ctx, k.c.work.Slice.Partition, from, to)
}

// both opens both sides.
func (k *class) both(ctx context.Context) (ref, tgt side, err error) {
	if ref, err = k.openReference(ctx); err != nil {
		return nil, nil, err
	}
	if tgt, err = k.openTarget(ctx, k.from, k.to); err != nil {
		return nil, nil, errors.Join(err, ref.Close())
	}
	return ref, tgt, nil
}

// compare is the first pass. The caller closes k.out.
func (k *class) compare(ctx context.Context) error {
	ref, tgt, err := k.both(ctx)
	if err != nil {
		return err
	}
	defer ref.Close()
	defer tgt.Close()
	meter := &meter{progress: k.c.cfg.Progress}
	defer meter.flush()
	k.out, err = match.Run(ctx, ref, tgt, match.Options{Fields: k.c.fields, ReferenceFrames: k.c.frames, TargetFrames: k.c.frames, NewBag: k.c.cfg.NewBag, Chains: true, Watch: match.Watch{
		WantTarget: k.want,
		Reference: func(r *record.Record, d *record.Digest) {
			meter.add(d.Bytes)
			k.c.ledger.count(r, d, k.filled)
		},
		Target: func(_ *record.Record, d *record.Digest) { meter.add(d.Bytes) },
	}})
	if err != nil {
		return fmt.Errorf("compare %s: %w", k.name, err)
	}
	k.missing = &k.out.Missing
	return k.out.Surplus.Each(func(_ [16]byte, offset uint64) error {
		k.surplus.Add(int64(offset))
		return nil
	})
}

// chains sets k.chain to those of the records that have a partner.
func (k *class) chains(ctx context.Context) error {
	if k.missing.Len() == 0 && k.surplus.Len() == 0 && k.suppressed.Len() == 0 {
		k.chain = [2]record.Chain{k.out.Reference.Chain, k.out.Target.Chain}
		return nil
	}
	ref, tgt, err := k.both(ctx)
	if err != nil {
		return err
	}
	defer ref.Close()
	defer tgt.Close()
	// A refilled record for which another writer's stands is not at its place in the target, so it is in neither chain.
	k.there = func(r *record.Record) bool { return !k.missing.Contains(r.Offset) && !k.suppressed.Contains(r.Offset) }
	if k.suppressed.Len() > 0 {
		written, ok, err := k.written(ctx)
		if err != nil {
			return err
		}
		if ok {
			k.there = func(r *record.Record) bool { return written.Contains(r.Offset) }
		}
	}
	h := k.c.hasher()
	k.chain[0], err = k.foldAll(ctx, ref, func(r *record.Record) bool {
		if k.missing.Contains(r.Offset) {
			k.c.ledger.lose(r, h.Digest(r, k.c.fields))
		}
		return k.there(r)
	})
	if err != nil {
		return err
	}
	k.chain[1], err = k.foldAll(ctx, tgt, k.matchedTarget)
	return err
}

// matchedTarget chooses the records of the target that have a partner in this class.
func (k *class) matchedTarget(r *record.Record) bool {
	return (k.want == nil || k.want(r)) && !k.surplus.Contains(r.Offset)
}

// written lists the positions that the job's matched records name as theirs; ok is false when one names none, or two name the same.
// Of several equal records for one of which another writer's stands, matching by content can not tell which one the job left
// out, and taking another one than it did would look like a broken order. A header that lies can only do that: contents were compared.
func (k *class) written(ctx context.Context) (out match.Positions, ok bool, err error) {
	tgt, err := k.openTarget(ctx, k.from, k.to)
	if err != nil {
		return out, false, err
	}
	defer tgt.Close()
	ok = true
	err = each(ctx, tgt, func(r *record.Record) error {
		if !k.matchedTarget(r) {
			return nil
		}
		o, named := origin(r)
		ok = ok && named && out.Add(o)
		return nil
	})
	return out, ok, err
}

func (k *class) foldAll(ctx context.Context, r match.Reader, want func(*record.Record) bool) (record.Chain, error) {
	var chain record.Chain
	h := k.c.hasher()
	err := each(ctx, r, func(rec *record.Record) error {
		if want(rec) {
			chain.Fold(h.Hash(rec, k.c.fields))
		}
		return nil
	})
	return chain, err
}

// each calls f for every record of r.
func each(ctx context.Context, r match.Reader, f func(*record.Record) error) error {
	for {
		b, err := r.Next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range b.Records {
			if err = f(&b.Records[i]); err != nil {
				break
			}
		}
		b.Release()
		if err != nil {
			return err
		}
	}
}

// meter reports progress in steps.
type meter struct {
	progress       func(records, bytes int64)
	records, bytes int64
}

const meterStep = 1 << 15

func (m *meter) add(bytes int64) {
	m.records++
	m.bytes += bytes
	if m.records == meterStep {
		m.flush()
	}
}

func (m *meter) flush() {
	if m.progress != nil && m.records > 0 {
		m.progress(m.records, m.bytes)
	}
	m.records, m.bytes = 0, 0
}

// survivors compares what was there when the plan was made.
func (c *comparison) survivors(ctx context.Context) error {
	s := &c.work.Slice
	k := &class{c: c, name: "survivors", ranges: c.wanted.Minus(c.filled), from: s.TargetFrom, to: s.TargetTo, want: c.inPlace(c.hasTime)}
	if err := k.compare(ctx); err != nil {
		return err
	}
	defer k.out.Close()
	if k.missing.Len() > 0 {
		if err := k.explain(ctx); err != nil {
			return err
		}
	}
	if err := k.chains(ctx); err != nil {
		return err
	}
	if k.surplus.Len() > 0 {
		if err := k.preexisting(ctx); err != nil {
			return err
		}
	}
	if k.chain[0] != k.chain[1] {
		at, _, ok, err := k.disorder(ctx)
		if err != nil {
			return err
		}
		text := "order of the records from before the job: it is not that of the reference"
		if ok {
			text += ", first at " + c.name(at)
		}
		c.out.NotChecked = append(c.out.NotChecked, text)
	}
	c.fold(k)
	return nil
}

// preexisting tells copies from records that the reference does not know, among those from before the job.
func (k *class) preexisting(ctx context.Context) error {
	copies, _, err := k.copies(ctx)
	if err != nil {
		return err
	}
	k.c.out.PreexistingDuplicates += copies
	if k.c.bounded() {
		k.c.out.Extra += k.surplus.Len() - copies
	}
	return nil
}

// copies counts the surplus records whose content the reference has, repetitions included, and returns the lowest offset of them. It takes
// them out of the bag.
func (k *class) copies(ctx context.Context) (n, first int64, err error) {
	all := &class{c: k.c, ranges: partition.Normalize(slices.Concat(k.c.wanted, k.c.left))}
	ref, err := all.openReference(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer ref.Close()
	h := k.c.hasher()
	first = -1
	err = each(ctx, ref, func(r *record.Record) error {
		if k.out.Surplus.Len() == 0 {
			return errEnough
		}
		hash := h.Hash(r, k.c.fields)
		for {
			at, ok, err := k.out.Surplus.Take(hash)
			if err != nil || !ok {
				return err
			}
			if n++; first < 0 || int64(at) < first {
				first = int64(at)
			}
		}
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return n, first, err
}

// errEnough ends each early.
var errEnough = errors.New("enough")

// bounded reports whether the job's range goes by time on both sides, or is everything, so that a record of the target that the
// reference does not know can be told from one that is out of range.
func (c *comparison) bounded() bool {
	s := c.work.Recipe.Source
	return s.FromMs == 0 && s.ToMs == 0 || c.fields&record.FieldTimestamp != 0
}

// refilled compares what came since the plan with what the job was to write.
func (c *comparison) refilled(ctx context.Context) error {
	s := &c.work.Slice
	if len(s.Filled) == 0 {
		return nil
	}
	k := &class{c: c, name: "refilled records", ranges: c.filled, from: s.TargetTo, to: c.to, want: c.ours, filled: true}
	if !c.work.Recipe.Write.OriginHeaders {
		k.want = nil // everything since the plan may be ours
	}
	k.want = c.inPlace(k.want)
	if err := k.compare(ctx); err != nil {
		return err
	}
	defer k.out.Close()
	if k.missing.Len() > 0 && c.work.Recipe.Write.OriginHeaders && c.work.Recipe.Target.Reshape == nil {
		if err := k.others(ctx); err != nil {
			return err
		}
	}
	if k.missing.Len() > 0 {
		if err := k.explain(ctx); err != nil {
			return err
		}
	}
	if err := k.chains(ctx); err != nil {
		return err
	}
	if k.surplus.Len() > 0 {
		if err := k.introduced(ctx); err != nil {
			return err
		}
	}
	if k.chain[0] != k.chain[1] {
		c.out.OrderViolations++
		where, err := k.disordered(ctx)
		if err != nil {
			return err
		}
		c.say("refilled records are not in the reference's order" + where)
	}
	c.fold(k)
	return nil
}

// ours reports whether the job wrote r.
func (c *comparison) ours(r *record.Record) bool {
	job, ok := sink.LastHeader(r, sink.JobHeader)
	return ok && job == string(c.work.Slice.ID.Job)
}
