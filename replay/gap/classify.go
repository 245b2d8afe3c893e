package gap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"backstitch/partition"
	"backstitch/replay/gap/match"
	"backstitch/replay/record"
	"backstitch/replay/sink"
	"backstitch/replay/source"
)

var errEOF = io.EOF

// ended is a side without records.
type ended struct{}

func (ended) Next(context.Context) (*record.Batch, error) { return nil, io.EOF }

// surplus is what the target has and the reference has not, sorted out.
type surplus struct {
	duplicates, extra match.Positions // target offsets
	dupBytes          int64
	extraBytes        int64
	dupFirst, dupLast int64 // timestamps
	newer, outside    int64
	unknown           int64       // that the reference does not know, wherever they are
	numbers           numbersSeen // of those
}

// classify finds out what the records are that the target has beyond the reference. Whether the reference knows a content is
// seen by reading it once more; that is done only when there is something to ask about.
func (s *scan) classify(ctx context.Context, out *match.Outcome) (*surplus, error) {
	x := &surplus{}
	if out.Surplus.Len() == 0 {
		return x, nil
	}
	if err := s.known(ctx, out.Surplus, &x.duplicates); err != nil {
		return nil, err
	}
	var unknown match.Positions
	err := out.Surplus.Each(func(_ [16]byte, offset uint64) error {
		unknown.Add(int64(offset))
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := s.inspect(ctx, out, x, &unknown); err != nil {
		return nil, err
	}
	return x, nil
}

// known moves the records whose content the reference has from bag to dups.
func (s *scan) known(ctx context.Context, bag match.Bag, dups *match.Positions) error {
	src := s.in.Reference
	if s.in.Whole != nil {
		src = s.in.Whole
	}
	return s.each(ctx, src, func(_ *record.Record, d record.Digest) (more bool, err error) {
		for {
			offset, ok, err := bag.Take(d.Hash)
			if err != nil || !ok {
				return bag.Len() > 0, err
			}
			dups.Add(int64(offset))
		}
	})
}

// again reads the reference once more, until its end or until f wants no more.
func (s *scan) again(ctx context.Context, f func(*record.Record, record.Digest) (more bool, err error)) error {
	return s.each(ctx, s.in.Reference, f)
}

func (s *scan) each(ctx context.Context, src source.Source, f func(*record.Record, record.Digest) (more bool, err error)) error {
	ref, closeRef, err := s.openSource(ctx, src)
	if err != nil {
		return err
	}
	defer closeRef()
	h := record.Hasher{Frames: s.in.ReferenceSchemas.Frames()}
	for more := true; more; {
		batch, err := ref.Next(ctx)
		var damaged *source.DamagedError
		switch {
		case err == io.EOF:
			return nil
		case errors.As(err, &damaged):
			continue
		case err != nil:
			return err
		}
		for i := 0; i < len(batch.Records) && more && err == nil; i++ {
			r := &batch.Records[i]
			more, err = f(r, match.Digest(&h, batch, i, s.in.Fields()))
		}
		batch.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// inspect reads the target's surplus records once more, for their size and time.
func (s *scan) inspect(ctx context.Context, out *match.Outcome, x *surplus, unknown *match.Positions) error {
	from, to := int64(math.MaxInt64), int64(0)
	for _, set := range []*match.Positions{&x.duplicates, unknown} {
		if set.Len() > 0 {
			span := set.Span()
			from, to = min(from, span.From), max(to, span.To)
		}
	}
	tgt, err := s.openTarget(ctx, from, to)
	if err != nil {
		return err
	}
	defer tgt.Close()
	var seen match.Positions // an archive may have one offset in several objects
	for {
		batch, err := tgt.Next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range batch.Records {
			r := &batch.Records[i]
			switch {
			case !x.duplicates.Contains(r.Offset) && !unknown.Contains(r.Offset), !seen.Add(r.Offset):
			case x.duplicates.Contains(r.Offset):
				x.duplicate(r, batch.SizeOf(i), s)
			default:
				s.judge(r, batch.SizeOf(i), out, x)
			}
		}
		batch.Release()
	}
}

func (x *surplus) duplicate(r *record.Record, bytes int64, s *scan) {
	if x.dupBytes == 0 && x.dupFirst == 0 && x.dupLast == 0 {
		x.dupFirst, x.dupLast = r.TimestampMs, r.TimestampMs
	}
	x.dupBytes += bytes
	x.dupFirst, x.dupLast = min(x.dupFirst, r.TimestampMs), max(x.dupLast, r.TimestampMs)
	if s.in.timed() {
		s.cells.at(r.TimestampMs).Duplicate++
	}
}

// judge decides on one record whose content the reference does not know.
func (s *scan) judge(r *record.Record, bytes int64, out *match.Outcome, x *surplus) {
	x.note(s, r)
	switch {
	case s.in.Scope.Offsets != (partition.Range{}), r.Offset < s.in.Faded[s.part]:
		x.outside++
	case r.Offset > out.LastMatched, s.in.timed() && s.seenMs && r.TimestampMs > s.maxMs:
		x.newer++
	case len(s.damaged) > 0, len(s.extent.Unread) > 0:
		x.outside++
	default:
		x.extra.Add(r.Offset)
		x.extraBytes += bytes
	}
}

// note looks at what a record that the reference does not know begins with. A null is one under every schema.
func (x *surplus) note(s *scan, r *record.Record) {
	x.unknown++
	if s.in.Rendered != "" && r.Value != nil {
		x.numbers.add(r.Value)
	}
}

// conclude turns what was seen into findings.
func (s *scan) conclude(x *surplus, doubt string) {
	res := s.res
	duplicates, extra := list(x.duplicates.Runs(nil), s.cfg.MaxRanges), list(x.extra.Runs(nil), s.cfg.MaxRanges)
	res.Duplicates, res.DuplicateAt = duplicates.records, duplicates.ranges
	res.Extra, res.ExtraAt = extra.records, extra.ranges
	res.Newer, res.Outside = x.newer, x.outside
	for _, d := range s.damaged {
		s.corrupt(d)
	}
	switch {
	case res.MissingRecords > 0 && s.in.Facts.Compacted():
		n := res.MissingRecords
		res.setLost(nil, 0)
		res.MissingRecords, res.MissingBytes = 0, 0
		s.notComparable(fmt.Sprintf("%s of the reference not in the target, which is compacted (cleanup.policy=%s): newer records of the same keys "+
			"may have replaced them", plural(n, "record"), s.in.Facts.CleanupPolicy))
	case doubt != "":
		s.doubt(doubt, x)
	default:
		s.runs()
	}
	if n := res.Duplicates; n > 0 {
		where := s.inTarget(&res.DuplicateAt, &duplicates)
		res.add(Finding{
			Kind: Duplicate, Partition: s.part, Bytes: x.dupBytes, FirstMs: x.dupFirst, LastMs: x.dupLast, Evidence: "E2",
			Reason: fmt.Sprintf("the target has these records more often than the reference; %s, %d of them", where, n),
		}, &duplicates)
	}
	if res.Extra > 0 {
		where := s.inTarget(&res.ExtraAt, &extra)
		res.add(Finding{
			Kind: Extra, Partition: s.part, Bytes: x.extraBytes, Evidence: "E2",
			Reason: "the reference has no such records, though it has older and newer ones; " + where,
		}, &extra)
	}
}

// inTarget says what a range of the target is. Where the target has other partitions than the reference there is none, and both lists of
// them are emptied: the numbers of what was read mean nothing to people.
func (s *scan) inTarget(at *partition.Ranges, l *listed) string {
	spread, ok := s.in.Target.(sink.Spread)
	if !ok {
		return "the range is of target offsets"
	}
	q, offset := spread.At((*at)[0].From)
	*at, *l = nil, listed{records: l.records}
	return fmt.Sprintf("one is in partition %d of the target at offset %d", q, offset)
}

// runs makes a finding of each long run of missing records, and one of all the others.
func (s *scan) runs() {
	if s.res.lost == nil {
		return
	}
	least, most := s.cfg.RunRecords, s.cfg.MaxFindings
	for r, n := range s.res.lost.runs(least, most) {
		run := list(one(r, n), 1)
		s.missing(Missing, &run, fmt.Sprintf("%s in a row, in the reference and not in the target", plural(n, "record")))
	}
	if rest := list(s.res.lost.scattered(least, most), s.cfg.MaxRanges); rest.records > 0 {
		s.res.lost.least, s.res.lost.most, s.res.lost.partly = least, most, true
		n := int64(len(rest.ranges)) + rest.left
		s.missing(Partly, &rest, fmt.Sprintf("%s at %s, in the reference and not in the target", plural(rest.records, "record"), plural(n, "place")))
	}
}

func (s *scan) missing(kind Kind, l *listed, reason string) {
	f := Finding{Kind: kind, Partition: s.part, Evidence: "E2", Recoverable: true, Reason: reason}
	f.Bytes, f.FirstMs, f.LastMs = estimate(s.win.list, rangesOf(l.all), l.records)
	if !s.in.timed() {
		f.FirstMs, f.LastMs = 0, 0
	}
	s.res.add(f, l)
}

func (s *scan) corrupt(d *source.DamagedError) {
	f := Finding{Kind: Corrupt, Partition: s.part, Count: -1, Object: d.Object, Reason: d.Error()}
	if f.Whole = d.Offset < 0; !f.Whole {
		f.Range = partition.Range{From: d.Offset, To: max(d.Next, d.Offset)}
	}
	if source.Refused(d.Code) {
		f.Code, f.Rule, f.Count = d.Code, d.Rule, 1
	}
	for _, o := range s.extent.Objects {
		if o.Key == d.Object && d.Offset < 0 && o.Count > 0 {
			f.Range, f.Count = partition.Range{From: o.Base, To: o.Base + o.Count}, o.Count
		}
	}
	s.res.findings = append(s.res.findings, f)
}
