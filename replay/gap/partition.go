package gap

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"backstitch/partition"
	"backstitch/replay/gap/match"
	"backstitch/replay/record"
	"backstitch/replay/schema"
	"backstitch/replay/sink"
	"backstitch/replay/source"
)

// One partition: both sides are read once and matched (match.Run). What the target has too often or the reference does not know
// then takes another look at both sides (classify.go), because only after the first pass is it known whose records those are.

// scan is one partition on its way to a Result.
type scan struct {
	in     *Input
	cfg    *Config
	part   int32
	extent Extent

	res     *Result
	win     windows
	cells   *grid
	timed   bool // both sides hold timestamps
	damaged []*source.DamagedError
	open    bool    // the last of res.Compared may grow
	seenMs  bool    // a timestamp was seen
	maxMs   int64   // newest timestamp of the reference
	lastMs  int64   // of the last record of the reference, for damage behind it
	pending []int64 // times before damage that waits for the next record to know how far it reaches

	records, bytes int64 // since the last Progress
}

// run returns an error only for what is wrong with the target or with us.
func (s *scan) run(ctx context.Context) (*Result, error) {
	s.res = &Result{Partition: s.part, Comparable: true}
	s.timed = s.in.timed()
	s.cells = newGrid(positionLadder)
	if s.timed {
		s.cells = newGrid(timeLadder)
	}
	s.res.cells = s.cells
	s.damaged = slices.Clone(s.extent.Damaged)
	if slices.Contains(s.in.Missing, s.part) {
		s.notComparable("the target has no such partition")
		return s.res, nil
	}
	if s.extent.Unlisted != "" {
		s.notComparable(s.extent.Unlisted)
		return s.res, nil
	}
	if s.in.Fields()&record.FieldValue == 0 {
		s.notComparable("the two sides have no field in common that could be compared")
		return s.res, nil
	}
	if len(s.extent.Unread) > 0 && len(s.extent.Objects) == 0 {
		s.res.Comparable = false
		s.unread()
		return s.res, nil
	}
	from, to, err := s.in.Target.Bounds(ctx, s.part)
	if err != nil {
		return nil, err
	}
	s.res.TargetFrom, s.res.TargetTo = from, to
	out, err := s.compare(ctx)
	var ref *referenceError
	if errors.As(err, &ref) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s.res.Compared, s.res.findings = nil, nil
		s.notComparable(ref.Error())
		return s.res, nil
	}
	if err != nil {
		return nil, err
	}
	defer out.Close()
	if s.in.Repeated != nil {
		s.res.Repeated = s.in.Repeated(s.part)
	}
	s.res.Windows, s.res.Unmatched = s.win.list, out.Unmatched
	s.totals(out)
	if err := s.redelivered(ctx, out); err != nil {
		return nil, err
	}
	surplus, err := s.classify(ctx, out)
	if err != nil {
		return nil, err
	}
	doubt, err := s.same(ctx, out, surplus)
	if err != nil {
		return nil, err
	}
	s.conclude(surplus, doubt)
	s.unread()
	s.astray()
	s.progress()
	return s.res, nil
}

// referenceError is what is wrong with the reference. It makes a partition not comparable and does not end the scan.
type referenceError struct{ err error }

func (e *referenceError) Error() string { return e.err.Error() }
func (e *referenceError) Unwrap() error { return e.err }

// slice is the whole extent in scope as something that a source can open.
func (s *scan) slice() partition.Slice {
	sl := partition.Slice{Kind: partition.SliceVerify, Partition: s.part, Objects: s.extent.Objects}
	if r := s.in.Scope.Clip(s.extent.Range); !r.Empty() {
		sl.Ranges = partition.Ranges{r}
	}
	return sl
}

// reference reads the reference and tells its errors from those of the target.
type reference struct {
	source.Reader
	schemas *schema.Side
	fields  record.Fields
}

func (r reference) Next(ctx context.Context) (*record.Batch, error) {
	b, err := r.Reader.Next(ctx)
	var damaged *source.DamagedError
	var ours *referenceError
	if err != nil && !errors.Is(err, errEOF) && !errors.As(err, &damaged) && !errors.As(err, &ours) {
		err = &referenceError{err}
	}
	if err != nil {
		return b, err
	}
	return Learn(ctx, r.schemas, b, r.fields, "reference")
}

// target reads the target.
type target struct {
	sink.Reader
	schemas *schema.Side
	fields  record.Fields
}

func (t target) Next(ctx context.Context) (*record.Batch, error) {
	b, err := t.Reader.Next(ctx)
	if err != nil {
		return b, err
	}
	return Learn(ctx, t.schemas, b, t.fields, "target")
}

// openReference opens the reference at the beginning of the scope; nil when nothing is in scope.
func (s *scan) openReference(ctx context.Context) (match.Reader, func() error, error) {
	return s.openSource(ctx, s.in.Reference)
}

func (s *scan) openSource(ctx context.Context, src source.Source) (match.Reader, func() error, error) {
	sl := s.slice()
	if len(sl.Ranges) == 0 {
		return ended{}, func() error { return nil }, nil
	}
	r, err := s.readSource(ctx, src, sl)
	if err != nil {
		return nil, nil, &referenceError{err}
	}
	return reference{r, s.in.ReferenceSchemas, s.in.Fields()}, r.Close, nil
}

// readSource asks for digests alone, unless what names schemas is to be learnt from the records first, or is looked at afterwards.
func (s *scan) readSource(ctx context.Context, src source.Source, sl partition.Slice) (source.Reader, error) {
	if s.in.ReferenceSchemas != nil || s.in.Rendered != "" {
		return src.Open(ctx, sl, sl.Ranges[0].From)
	}
	return source.OpenDigests(ctx, src, sl, sl.Ranges[0].From, s.in.Fields())
}

func (s *scan) openTarget(ctx context.Context, from, to int64) (sink.Reader, error) {
	r, err := s.in.Target.Read(ctx, s.part, from, to)
	if err != nil || s.in.TargetSchemas == nil {
		return r, err
	}
	return target{r, s.in.TargetSchemas, s.in.Fields()}, nil
}

// targetStart is the first offset of the target that can be in scope.
func (s *scan) targetStart() int64 {
	return max(s.res.TargetFrom, min(s.in.TargetFrom[s.part], s.res.TargetTo))
}

func (s *scan) compare(ctx context.Context) (*match.Outcome, error) {
	ref, closeRef, err := s.openReference(ctx)
	if err != nil {
		return nil, err
	}
	defer closeRef()
	tgt, err := s.openTarget(ctx, s.targetStart(), s.res.TargetTo)
	if err != nil {
		return nil, err
	}
	defer tgt.Close()
	return match.Run(ctx, ref, tgt, match.Options{
		Fields: s.in.Fields(), NewBag: s.cfg.NewBag,
		ReferenceFrames: s.in.ReferenceSchemas.Frames(), TargetFrames: s.in.TargetSchemas.Frames(),
		Watch: match.Watch{
			WantReference: s.want, WantTarget: s.wantTarget,
			Reference: s.reference, Absent: s.absent, Found: s.found, Damaged: s.damage,
			Target: func(_ *record.Record, d *record.Digest) { s.step(d.Bytes) },
		},
	})
}

// want keeps the ranges that were compared: neighbours in scope are one range, also over holes.
func (s *scan) want(r *record.Record) bool {
	if (s.timed && !s.in.Scope.HasTime(r.TimestampMs)) || !s.in.Scope.HasOffset(r.Offset) || s.copied(r) {
		s.open = false
		return false
	}
	n := len(s.res.Compared)
	switch {
	case s.open:
		s.res.Compared[n-1].To = r.Offset + 1
	case n > 0 && s.res.Compared[n-1].To == r.Offset:
		s.res.Compared[n-1].To = r.Offset + 1
	default:
		s.res.Compared = append(s.res.Compared, partition.Range{From: r.Offset, To: r.Offset + 1})
	}
	s.open = true
	return true
}

func (s *scan) wantTarget(r *record.Record) bool {
	return !s.timed || s.in.Scope.HasTime(r.TimestampMs)
}

// column is where a record of the reference is drawn.
func (s *scan) column(r *record.Record) int64 {
	if s.timed {
		return r.TimestampMs
	}
	return r.Offset
}

func (s *scan) reference(r *record.Record, d *record.Digest) {
	s.step(d.Bytes)
	s.win.add(r.Offset, d.Bytes, r.TimestampMs)
	if d.Framed && s.in.ReferenceSchemas == nil {
		s.res.Framed++
	}
	if d.Glued {
		s.res.Glued++
	}
	s.res.Largest = max(s.res.Largest, d.Bytes)
	s.cells.at(s.column(r)).Total++
	if !s.seenMs || r.TimestampMs > s.maxMs {
		s.maxMs = r.TimestampMs
	}
	for _, fromMs := range s.pending {
		s.smear(fromMs, r.TimestampMs)
	}
	s.pending = s.pending[:0]
	s.seenMs, s.lastMs = true, r.TimestampMs
}

func (s *scan) absent(r *record.Record) { s.cells.at(s.column(r)).Missing++ }

// found takes back what absent counted. Equal records have equal timestamps when both sides hold them.
func (s *scan) found(pos partition.Offset, target *record.Record) {
	if s.timed {
		s.cells.at(target.TimestampMs).Missing--
	} else {
		s.cells.at(pos).Missing--
	}
}

// maxDamage bounds the list of damage of one partition.
const maxDamage = 10_000

func (s *scan) damage(d *source.DamagedError) error {
	if len(s.damaged) == maxDamage {
		return &referenceError{fmt.Errorf("more than %d places of the reference are damaged; the last is %w", maxDamage, d)}
	}
	for _, known := range s.extent.Damaged {
		if known.Object == d.Object && known.Offset == d.Offset {
			s.open = false
			return nil
		}
	}
	s.damaged, s.open = append(s.damaged, d), false
	if s.timed {
		if s.seenMs {
			s.pending = append(s.pending, s.lastMs)
		}
		return nil
	}
	if d.Offset >= 0 {
		s.smear(d.Offset, max(d.Next-1, d.Offset))
	}
	return nil
}

// smear marks the buckets from a to b as damaged.
func (s *scan) smear(a, b int64) {
	a, b = min(a, b), max(a, b)
	for s.cells.step+1 < len(s.cells.ladder) && (b-a)/s.cells.width() > maxCells/4 {
		s.cells.coarsen(s.cells.step + 1)
	}
	for x := a; ; x += s.cells.width() {
		s.cells.at(min(x, b)).Corrupt = true
		if x >= b {
			return
		}
	}
}

// progressEvery is how many records make a Progress.
const progressEvery = 1 << 15

func (s *scan) step(bytes int64) {
	s.records++
	s.bytes += bytes
	if s.records == progressEvery {
		s.progress()
	}
}

func (s *scan) progress() {
	if s.cfg.Progress != nil && s.records > 0 {
		s.cfg.Progress(Progress{Partition: s.part, Records: s.records, Bytes: s.bytes})
	}
	s.records, s.bytes = 0, 0
}

// totals writes down both sides. The matched side is counted from the target's own records, not from the reference's.
func (s *scan) totals(out *match.Outcome) {
	sum := out.Reference.Sum.Bytes()
	s.res.Expected = Side{Records: out.Reference.Records, Bytes: out.Reference.Bytes, Sum: hex.EncodeToString(sum[:])}
	matched := out.Target.Sum
	matched.SubSum(out.SurplusSum)
	sum = matched.Bytes()
	s.res.Actual = Side{
		Records: out.Target.Records - out.Surplus.Len(), Bytes: out.Target.Bytes - out.SurplusBytes, Sum: hex.EncodeToString(sum[:]),
	}
	s.res.MissingRecords, s.res.MissingBytes = out.Missing.Len(), out.MissingBytes
	s.res.setLost(&lost{positions: out.Missing, holes: out.Holes}, s.cfg.MaxRanges)
}

func (s *scan) notComparable(reason string) {
	s.res.Comparable = false
	s.res.findings = append(s.res.findings, Finding{
		Kind: NotComparable, Partition: s.part, Range: s.in.Scope.Clip(s.extent.Range), Count: -1, Reason: reason,
	})
}
