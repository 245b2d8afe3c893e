package delivered

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/record"
)

// Partition is one partition, compared.
type Partition struct {
	Partition int32           `json:"partition"`
	Topic     partition.Range `json:"topic"`     // what the topic has
	Due       partition.Range `json:"due"`       // of it, what the archive must have
	Records   int64           `json:"records"`   // committed records that are due
	Delivered int64           `json:"delivered"` // of them, in the archive
	Missing   int64           `json:"missing"`   // in no object
	Unread    int64           `json:"unread"`    // in objects that can not be read, as far as the archive shows
	Twice     int64           `json:"twice"`     // offsets of the archive with a record that it has already
	// Only are records of the archive that the topic does not have, and need not have any more.
	Only int64 `json:"only"`
}

// Report is what a scan found.
type Report struct {
	Topic      string        `json:"topic"`
	Set        string        `json:"set"`
	NewestMs   int64         `json:"newestMs,omitempty"` // of the archive
	DueMs      int64         `json:"dueMs,omitempty"`    // records from then on are not due yet
	Partitions []Partition   `json:"partitions"`
	Findings   []gap.Finding `json:"findings"`
	NotChecked []string      `json:"notChecked,omitempty"`
}

// Missing is how many records can not be had from the archive: in no object, or in one that can not be read.
func (r *Report) Missing() (n int64) {
	for _, p := range r.Partitions {
		n += p.Missing + p.Unread
	}
	return n
}

// Records is how many due records were compared.
func (r *Report) Records() (n int64) {
	for _, p := range r.Partitions {
		n += p.Records
	}
	return n
}

// Unknown counts the findings about which nothing can be said.
func (r *Report) Unknown() int { return gap.OfKind(r.Findings, gap.NotComparable) }

// Scan compares. An error means that the scan could not go on: the archive does not answer, ctx is over. What is wrong with an
// object is a finding.
func Scan(ctx context.Context, in Input, cfg gap.Config) (*Report, error) {
	if err := in.Validate(); err != nil {
		return nil, err
	}
	a := newArchive(in.Archive, in.Objects)
	scan := gap.Input{
		Dataset: in.Topic, ReferenceTopic: in.Topic, Reference: in.Reference, Target: a,
		Extents: map[int32]gap.Extent{}, TargetFrom: map[int32]int64{}, Faded: map[int32]int64{},
	}
	for part := range in.Extents {
		scan.Extents[part] = gap.Extent{Range: in.due(part), Unlisted: in.Unlisted[part]}
		scan.Faded[part] = in.faded(part)
		if in.Exact {
			scan.TargetFrom[part] = in.Extents[part].Range.From
		}
	}
	found, err := gap.Scan(ctx, scan, cfg)
	if err != nil {
		return nil, err
	}
	rep := &Report{Topic: in.Topic, NewestMs: in.NewestMs, DueMs: in.DueMs(), NotChecked: found.NotChecked, Findings: []gap.Finding{}}
	for i := range found.Results {
		if err := rep.add(ctx, &in, a, found, &found.Results[i], cfg.MaxRanges); err != nil {
			return nil, err
		}
	}
	rep.Set = gap.Identify(rep.world(found), rep.Findings)
	rep.limits(&in)
	return rep, nil
}

// add makes the findings of one partition speak of a topic and its archive. Each lists at most so many ranges.
func (r *Report) add(ctx context.Context, in *Input, a *archive, found *gap.Report, res *gap.Result, most int) error {
	part := res.Partition
	p := Partition{
		Partition: part, Topic: in.Extents[part].Range, Due: in.due(part), Records: res.Expected.Records, Delivered: res.Actual.Records,
		Missing: res.MissingRecords, Twice: res.Duplicates, Only: res.Outside + res.Newer,
	}
	if !res.Comparable {
		p.Records, p.Delivered, p.Missing = 0, 0, 0
	}
	if in.Unplaced {
		p.undue(res)
	}
	d := newDamage(in, part, a.damaged[part])
	for _, f := range found.Findings {
		if f.Partition != part {
			continue
		}
		switch f.Kind {
		case gap.Missing, gap.Partly:
			lost, err := d.split(ctx, due(placesOf(&f, res), p.Due.To))
			if err != nil {
				return err
			}
			if lost.records == 0 {
				continue
			}
			lost.say(&f, res, most)
			f.Reason = fmt.Sprintf("%s of the topic in no object of the archive%s", records(f.Count), in.between(part, f.Range))
			f.HeldBy, f.Recoverable = "the topic", true
			f.UntilMs = in.until(f.FirstMs)
		case gap.Duplicate:
			f.Reason = fmt.Sprintf("the archive has these records more often than the topic; the range is of its own positions, %d of them", f.Count)
		case gap.Extra:
			f.Reason = "the topic has no such records, though they lie above its start; the range is of the archive's positions"
		}
		r.Findings = append(r.Findings, f)
	}
	r.Findings = append(r.Findings, d.findings()...)
	p.Unread = d.records
	p.Missing -= d.records
	if f, ok := in.gone(part); ok {
		r.Findings = append(r.Findings, f)
	}
	r.Partitions = append(r.Partitions, p)
	return nil
}

// world is what the report's name is made of beside its findings. Where they do not list everything, that is what the scan compared, which has
// been looked at whole.
func (r *Report) world(found *gap.Report) string {
	for i := range r.Findings {
		if r.Findings[i].RangesLeft > 0 {
			return r.Topic + " " + found.Set
		}
	}
	return r.Topic
}

// undue takes what lies behind the last record that the archive has out of what is due. A range that is missing has no record in
// it that is there, so that is the last one, if the topic ends with it.
func (p *Partition) undue(res *gap.Result) {
	if !res.Comparable {
		return
	}
	var last partition.Range
	var count int64
	for last, count = range res.Lost() {
	}
	if count == 0 || last.To < res.Compared.Span().To {
		return
	}
	p.Due.To = last.From
	p.Records -= count
	p.Missing -= count
}

// until is when retention may take the oldest of some records; 0 when it does not go by age, or no age is known.
func (in *Input) until(firstMs int64) int64 {
	if in.RetentionMs <= 0 || firstMs <= 0 {
		return 0
	}
	return firstMs + in.RetentionMs
}

// between names the objects around a range, where names tell.
func (in *Input) between(part int32, r partition.Range) string {
	if !in.Exact {
		return ""
	}
	before, after := "", ""
	for _, o := range in.Objects[part].Objects { // by Base
		if o.Base <= r.From {
			before = o.Key
		} else if after == "" && o.Base >= r.To {
			after = o.Key
		}
	}
	switch {
	case before != "" && after != "":
		return fmt.Sprintf(", behind the beginning of %s and before %s", before, after)
	case before != "":
		return ", behind the beginning of " + before + ", which is the last"
	case after != "":
		return ", before " + after + ", which is the first"
	}
	return ""
}

// maxHoles bounds the ranges of one finding.
const maxHoles = 10_000

// gone are offsets that are in no object and that the topic does not have any more.
func (in *Input) gone(part int32) (gap.Finding, bool) {
	start := in.Extents[part].Range.From
	objects := in.Objects[part].Objects
	if !in.Exact || start == 0 || len(objects) == 0 {
		return gap.Finding{}, false
	}
	spans := in.spans(part)
	var holes partition.Ranges
	n, span := int64(0), partition.Range{From: math.MaxInt64}
	next := spans[0].From // what lies before the first object may be older than the archive
	for _, s := range append(spans, partition.Range{From: start, To: start}) {
		if from, to := next, min(s.From, start); from < to {
			span = partition.Range{From: min(from, span.From), To: to}
			if n++; n <= maxHoles {
				holes = append(holes, partition.Range{From: from, To: to})
			}
		}
		next = max(next, s.To)
	}
	if len(holes) == 0 {
		return gap.Finding{}, false
	}
	f := gap.Finding{
		Kind: gap.NotComparable, Partition: part, Range: span, RangesLeft: n - int64(len(holes)), Count: -1,
		Reason: fmt.Sprintf("%s of offsets in no object, and retention has taken them from the topic (it begins at %d): records were there, or "+
			"only markers and aborted ones; nobody can tell any more", plural(n, "range"), start),
	}
	if len(holes) > 1 {
		f.Ranges = holes
	}
	return f, true
}

// due is what was compared of a partition.
func (r *Report) due(in *Input, part int32) partition.Range {
	for _, p := range r.Partitions {
		if p.Partition == part {
			return p.Due
		}
	}
	return in.due(part)
}

// limits says what was not looked at.
func (r *Report) limits(in *Input) {
	var young, taken int64
	empty := []int32{}
	for _, part := range slices.Sorted(maps.Keys(in.Extents)) {
		e := in.Extents[part].Range
		young += e.To - r.due(in, part).To
		taken += e.From
		if !in.Exact && in.NewestMs == 0 && len(in.Objects[part].Objects) == 0 && e.To > e.From {
			empty = append(empty, part)
		}
	}
	if young > 0 {
		why := "behind the archive's last record, whose layout does not say times"
		if in.NewestMs > 0 {
			why = fmt.Sprintf("from %s on, which is %s before the archive's newest record", gap.Moment(r.DueMs), in.Grace)
		}
		r.NotChecked = append(r.NotChecked, fmt.Sprintf("not due yet: %s, %s", plural(young, "offset"), why))
	}
	if len(empty) > 0 {
		r.NotChecked = append(r.NotChecked, fmt.Sprintf("partitions %d: the archive has nothing of them, and does not say how old it is", empty))
	}
	if taken > 0 {
		r.NotChecked = append(r.NotChecked, plural(taken, "offset")+" that retention has taken from the topic")
	}
	if in.Archive.Fields()&record.FieldTimestamp == 0 {
		r.NotChecked = append(r.NotChecked, "equal values at several offsets: which of them is missing can not be told without keys and times")
	}
}

func records(n int64) string { return plural(n, "record") }

func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return gap.Count(n) + " " + noun + "s"
}
