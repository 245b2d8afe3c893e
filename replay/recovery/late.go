package recovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"backstitch/partition"
	"backstitch/partition/due"
	"backstitch/replay/gap"
	"backstitch/replay/late"
	"backstitch/replay/source"
	"backstitch/replay/spec"

	"golang.org/x/sync/errgroup"
)

// Which records are late hangs on the highest event time before them, in what readers of the target see: what is there, and then what the job
// writes, in order. Slices are read anywhere and again, so a plan says what the highest is in front of each. Where slices begin and which records
// they write is known after the cut, so what is to be written is read once more for it, in order.

// Late is what a recipe says of late records.
type Late struct {
	Time      spec.EventTime `json:"time"`
	AllowedMs int64          `json:"allowedMs"`
	Parts     []LatePart     `json:"parts,omitempty"` // by partition; those that the job writes
}

// LatePart is one partition.
type LatePart struct {
	Partition int32 `json:"partition"`
	Records   int64 `json:"records,omitempty"` // that are late
	MostMs    int64 `json:"mostMs,omitempty"`  // by how much, the latest of them
	Untimed   int64 `json:"untimed,omitempty"` // without an event time; they are written
	// TargetFrom is the first offset that the target's partition had, and HighestMs the highest event time there when the plan was made; nil where
	// there is none.
	TargetFrom int64  `json:"targetFrom"`
	HighestMs  *int64 `json:"highestMs,omitempty"`
	// Begins are the highest event times before slices, where they are higher than before the slice before; that before the first is HighestMs.
	Begins []LateBegin `json:"begins,omitempty"`
}

// LateBegin is the highest event time before a fill slice.
type LateBegin struct {
	Slice     uint32 `json:"slice"`
	HighestMs int64  `json:"highestMs"`
}

// maxBegins bounds what a recipe says of slices.
const maxBegins = 20_000

// newLate takes over what a spec says.
func newLate(l *spec.Late) (*Late, error) {
	if l == nil {
		return nil, nil
	}
	allowed, err := l.Allowed.Parse()
	return &Late{Time: l.Time, AllowedMs: allowed.Milliseconds()}, err
}

// Rule is l, ready for use; nil where l is.
func (l *Late) Rule() (*late.Rule, error) {
	if l == nil {
		return nil, nil
	}
	return late.New(l.Time, time.Duration(l.AllowedMs)*time.Millisecond)
}

// Of is what the plan says of a partition, false for one that the job does not write.
func (l *Late) Of(part int32) (LatePart, bool) {
	i, ok := slices.BinarySearchFunc(l.Parts, part, func(p LatePart, n int32) int { return cmp.Compare(p.Partition, n) })
	if !ok {
		return LatePart{}, false
	}
	return l.Parts[i], true
}

// Begins is the mark before a fill slice.
func (l *Late) Begins(s partition.Slice) late.Mark {
	p, _ := l.Of(s.Partition)
	i, ok := slices.BinarySearchFunc(p.Begins, s.ID.N, func(b LateBegin, n uint32) int { return cmp.Compare(b.Slice, n) })
	switch {
	case ok:
		return late.At(&p.Begins[i].HighestMs)
	case i > 0:
		return late.At(&p.Begins[i-1].HighestMs)
	}
	return late.At(p.HighestMs)
}

// Records is how many are late.
func (l *Late) Records() (n int64) {
	for _, p := range l.Parts {
		n += p.Records
	}
	return n
}

// String names l for people: Late by value.at, 10m allowed: 12 records, by up to 3h2m.
func (l *Late) String() string { return "Late " + l.Text() }

// Text is String without the word in front.
func (l *Late) Text() string {
	out := fmt.Sprintf("by %s, %s allowed: %s", l.Time, due.Length(ms(l.AllowedMs)), gap.Plural(l.Records(), "record"))
	if l.Records() == 0 {
		out = fmt.Sprintf("by %s, %s allowed: none", l.Time, due.Length(ms(l.AllowedMs)))
	}
	var most, untimed int64
	for _, p := range l.Parts {
		most, untimed = max(most, p.MostMs), untimed+p.Untimed
	}
	if most > 0 {
		out += ", by up to " + lateText(most)
	}
	if untimed > 0 {
		out += fmt.Sprintf(", %s without an event time", gap.Count(untimed))
	}
	return out
}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// lateText is how late something is at most. Event times can be further apart than a time.Duration is long.
func lateText(n int64) string {
	const day = 24 * 60 * 60 * 1000
	if n >= 2*day {
		return gap.Plural((n+day-1)/day, "day")
	}
	return due.Length(ms(n))
}

// listen lets a plan hear what event times its target has, where the recipe asks for late records.
func (b *builder) listen(in *gap.Input) error {
	rule, err := b.recipe.Late.Rule()
	if err != nil || rule == nil || !b.planning {
		return err
	}
	if lacks := rule.Lacks(b.fields); lacks != 0 {
		return &Error{Code: CodeBlindTime, Title: fmt.Sprintf("write.late looks at %s, which the reference does not hold", fieldsText(lacks)), Exit: exitUsage,
			Why:  fmt.Sprintf("%s holds %s of each record.", sourceName(b.recipe.Source), fieldsText(b.fields)),
			Hint: "name another event time: write.late.time: value.PATH, or read from a reference that holds it"}
	}
	b.heard = late.Listen(in.Target, rule)
	in.Target = b.heard
	return nil
}

// lateRecords finds out what of the plan's slices is late, and freezes from where each of them counts.
func (b *builder) lateRecords(ctx context.Context, e ends, p *Plan) error {
	rule, err := p.Recipe.Late.Rule()
	if err != nil || rule == nil {
		return err
	}
	src, err := p.Recipe.Source.Over(e.ref, nil) // closing it would close the reference
	if err != nil {
		return err
	}
	if p.Recipe.Source.Layout == "kafka" {
		src = b.opt.Pace.Source(src)
	}
	lanes, err := p.lanes()
	if err != nil {
		return err
	}
	parts, untimed := make([]LatePart, len(lanes)), make([]source.Reasons, len(lanes))
	b.highest = make([]late.Mark, len(lanes))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(b.opt.Scan.Parallel)
	for i, lane := range lanes {
		g.Go(func() (err error) {
			l := lateLane{part: LatePart{Partition: lane[0].Partition}}
			if err := l.look(gctx, src, b.heard, rule, lane); err != nil {
				return fmt.Errorf("look for late records of %s: %w", p.name(lane[0].Partition), err)
			}
			parts[i], untimed[i], b.highest[i] = l.part, l.untimed, l.high
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return b.amid(err)
	}
	said := *p.Recipe.Late
	said.Parts, b.untimed = parts, reasons{}
	begins := 0
	for i := range said.Parts {
		begins += len(said.Parts[i].Begins)
		said.Parts[i].Untimed = b.untimed.add(p.name(said.Parts[i].Partition), untimed[i])
	}
	if begins > maxBegins {
		return &Error{Code: CodeManySlices, Title: "the plan has more slices than late records can be told for", Exit: exitUsage,
			Why:  fmt.Sprintf("Of %s slices each begins at another highest event time; a job takes %s of them along.", gap.Count(int64(begins)), gap.Count(maxBegins)),
			Hint: "raise spec.slices.bytes and spec.slices.records, or narrow spec.range and recover in steps"}
	}
	p.Recipe.Late = &said
	return nil
}

// lanes are the fill slices of p by partition, in the order in which they are written.
func (p *Plan) lanes() (out [][]partition.Slice, err error) {
	for i := range p.Slices {
		s, err := p.Slices[i].thaw("")
		if err != nil {
			return nil, err
		}
		if s.Kind != partition.SliceFill {
			continue
		}
		if n := len(out); n == 0 || out[n-1][0].Partition != s.Partition {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], s)
	}
	return out, nil
}

// lateLane is one partition, as it is read.
type lateLane struct {
	part    LatePart
	untimed source.Reasons
	high    late.Mark // when the job is done
}

func (l *lateLane) look(ctx context.Context, src source.Source, target *late.Heard, rule *late.Rule, lane []partition.Slice) error {
	begin, from, err := target.Until(ctx, l.part.Partition, lane[0].TargetTo)
	if err != nil {
		return err
	}
	l.part.TargetFrom, l.part.HighestMs = from, begin.Ms()
	mark := rule.Watermark(begin)
	for _, s := range lane {
		if high := mark.High(); high != begin {
			begin = high
			l.part.Begins = append(l.part.Begins, LateBegin{s.ID.N, *high.Ms()})
		}
		if err := l.slice(ctx, src, mark, s); err != nil {
			return err
		}
	}
	l.high = mark.High()
	return nil
}

// slice looks at the records of one slice.
func (l *lateLane) slice(ctx context.Context, src source.Source, mark *late.Watermark, s partition.Slice) (err error) {
	r, err := src.Open(ctx, s, s.Ranges.Span().From)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for {
		b, err := r.Next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range b.Records {
			lateMs, why := mark.See(&b.Records[i])
			switch {
			case why != nil:
				l.untimed.Add(b.Records[i].Offset, why)
			case lateMs > 0:
				l.part.Records++
				l.part.MostMs = max(l.part.MostMs, lateMs)
			}
		}
		b.Release()
	}
}

// late says to people what is late, and what could not be told.
func (c *preflight) late() error {
	l := c.p.Recipe.Late
	if l == nil {
		return nil
	}
	if n := c.b.untimed.records; n > 0 && n == c.p.Totals.Records {
		return &Error{Code: CodeNoEventTime, Title: "no record to write has the event time of write.late, which is " + string(l.Time), Exit: exitUsage,
			Why:  fmt.Sprintf("%s: %s.", gap.Plural(n, "record"), c.b.untimed.text()),
			Hint: "look at a record, and mend write.late.time"}
	}
	var where, ahead []string
	now := c.b.opt.Now().UnixMilli()
	for i, p := range l.Parts {
		name := c.p.name(p.Partition)
		if p.Records > 0 {
			where = append(where, name+" "+gap.Count(p.Records))
		}
		if high := c.b.highest[i].Ms(); high != nil && *high > now {
			ahead = append(ahead, name+" "+gap.Moment(*high))
		}
	}
	if n := l.Records(); n > 0 {
		c.note(NoteLate, fmt.Sprintf("More than %s behind an earlier one, by %s: %s. What is late is written, with the header backstitch.late: %s.",
			due.Length(ms(l.AllowedMs)), l.Time, gap.Plural(n, "record"), gap.Some(where)))
	}
	if c.b.untimed.records > 0 {
		c.note(NoteUntimed, fmt.Sprintf("No event time tells whether %s came late. What has no event time is written without a word, and makes nothing late: %s.",
			gap.Plural(c.b.untimed.records, "record"), c.b.untimed.text()))
	}
	if len(ahead) > 0 {
		c.note(NoteAhead, "Event times are ahead of the clock here, and everything behind them counts as late: "+gap.Some(ahead)+".")
	}
	return nil
}
