package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"backstitch/partition"
	"backstitch/partition/plan"
	"backstitch/replay/gap"
)

// plan freezes what the scan found.
func (b *builder) plan(ctx context.Context, e ends) (*Plan, error) {
	b.report.Findings = b.concerning(b.report.Findings)
	p := &Plan{
		Version: PlanVersion, Cluster: b.opt.Cluster, Spec: b.spec, Recipe: b.recipe, Target: b.state,
		Findings: unheld(b.report.Findings), Set: b.report.Set,
	}
	limits, err := b.limits()
	if err != nil {
		return nil, err
	}
	var parts []plan.Part
	for i := range b.report.Results {
		res := &b.report.Results[i]
		if err := b.listed(res); err != nil {
			return nil, err
		}
		b.freezeTarget(p, res)
		p.Totals.Compared += res.Expected.Records
		part := b.part(res)
		doc := b.describe(res, &part)
		p.Parts = append(p.Parts, doc)
		if res.Comparable && len(part.Compare) > 0 {
			parts = append(parts, part)
		}
	}
	cut, err := plan.Cut("", parts, limits)
	if err != nil {
		if errors.Is(err, plan.ErrTooLarge) {
			return nil, tooLarge(err)
		}
		return nil, fmt.Errorf("cut the plan: %w", err)
	}
	b.slices(p, cut)
	if err := b.lateRecords(ctx, e, p); err != nil {
		return nil, err
	}
	if err := b.preflight(p); err != nil {
		return nil, err
	}
	if err := b.deadline(p); err != nil {
		return nil, err
	}
	p.Recipe.Left, p.Recipe.LeftMore = p.left()
	if err := b.validate(p); err != nil {
		return nil, err
	}
	p.Undo = p.undo()
	return p, nil
}

func tooLarge(err error) error {
	return &Error{Code: CodeTooLarge, Title: "the plan is larger than one job can be", Why: err.Error(), Exit: exitUsage,
		Hint: "narrow spec.range or spec.select.partitions and recover in steps", Err: err}
}

// listed refuses a partition that lacks more ranges than its scan lists, if all of them are to be written. One job could not have as many
// anyhow, and part of them is no plan.
func (b *builder) listed(res *gap.Result) error {
	if res.MissingLeft == 0 || b.opt.Only != nil || b.spec.Spec.Select.Only == "all" {
		return nil
	}
	return tooLarge(fmt.Errorf("%w: partition %d lacks records in %s ranges: narrow the time range and recover in steps", plan.ErrTooLarge, res.Partition,
		gap.Count(int64(len(res.Missing))+res.MissingLeft)))
}

// freezeTarget puts the end of the target that the scan saw into the plan: what came after it was not compared.
func (b *builder) freezeTarget(p *Plan, res *gap.Result) {
	if b.view != nil {
		return // it was looked at as it was described
	}
	for i := range p.Target.Partitions {
		if t := &p.Target.Partitions[i]; t.Partition == res.Partition && res.Comparable {
			t.LogStart, t.LSO = res.TargetFrom, res.TargetTo
		}
	}
}

func (b *builder) limits() (plan.Limits, error) {
	l := plan.DefaultLimits()
	size, err := b.spec.Spec.Slices.Bytes.Parse()
	if err != nil {
		return l, err
	}
	l.Bytes, l.Records = size, b.spec.Spec.Slices.Records
	return l, nil
}

// part is what plan.Cut gets for one partition.
func (b *builder) part(res *gap.Result) plan.Part {
	out := plan.Part{
		Partition: res.Partition, Compare: b.among(res.Partition, res.Compared), Fill: b.fill(res),
		TargetFrom: res.TargetFrom, TargetTo: res.TargetTo, Counts: []plan.Count{},
	}
	if b.opt.Only != nil {
		for _, r := range out.Fill {
			out.Counts = append(out.Counts, plan.Count{Range: r, Records: r.Len(), Bytes: res.BytesOf(r, r.Len())})
		}
	} else if b.spec.Spec.Select.Only == "all" {
		for _, w := range res.Windows {
			out.Counts = append(out.Counts, plan.Count{Range: w.Range, Records: w.Records, Bytes: w.Bytes})
		}
	} else {
		for i, r := range res.Missing {
			out.Counts = append(out.Counts, plan.Count{Range: r, Records: res.MissingCounts[i], Bytes: res.BytesOf(r, res.MissingCounts[i])})
		}
	}
	b.split(&out)
	b.leaveSuperseded(&out)
	damaged := map[string]bool{}
	for _, f := range b.report.Findings {
		if f.Kind == gap.Corrupt && f.Partition == res.Partition && f.Whole {
			damaged[f.Object] = true
		}
	}
	for _, o := range b.extent[res.Partition].Objects {
		if !damaged[o.Key] {
			out.Objects = append(out.Objects, o)
		}
	}
	slices.SortStableFunc(out.Objects, func(a, b partition.Object) int {
		if a.Base != b.Base {
			return int(min(max(a.Base-b.Base, -1), 1))
		}
		return strings.Compare(a.Key, b.Key)
	})
	return out
}

// fill are the positions that a partition is to be filled with, before any of them are left out.
func (b *builder) fill(res *gap.Result) partition.Ranges {
	switch {
	case b.opt.Only != nil:
		var out partition.Ranges
		for r := range res.Lost() { // and not only of what is listed
			out = append(out, b.among(res.Partition, partition.Ranges{r})...)
		}
		return out
	case b.spec.Spec.Select.Only == "all":
		return res.Compared
	}
	return res.Missing
}

// describe is a partition in the form in which people read it.
func (b *builder) describe(res *gap.Result, part *plan.Part) Part {
	out := Part{Partition: res.Partition, Action: "skip", Ranges: len(part.Fill)}
	if !res.Comparable {
		out.Action = "cannot"
		for _, f := range b.report.Findings {
			if f.Partition == res.Partition && f.Kind == gap.NotComparable {
				out.Reason = f.Reason
			}
		}
		return out
	}
	if len(part.Fill) == 0 {
		if b.unreadable(res.Partition) {
			out.Action = "unread"
		}
		return out
	}
	out.Action = "fill"
	span := part.Fill.Span()
	out.From, out.To = span.From, span.To
	for _, c := range part.Counts {
		out.Records += c.Records
		out.Bytes += c.Bytes
	}
	if b.report.Columns == "time" {
		_, out.FirstMs, out.LastMs = res.Estimate(slices.Values(part.Fill), out.Records)
	}
	return out
}

// slices freezes the cut and sums it up.
func (b *builder) slices(p *Plan, cut []partition.Slice) {
	read := map[string]int64{}
	perPart := map[int32]map[string]bool{}
	for _, s := range cut {
		if s.Kind == partition.SliceVerify {
			// A verify slice reads all that was compared; the counts given to Cut were those of the records to write.
			res := b.report.Result(s.Partition)
			s.Records, s.Bytes = res.Expected.Records, res.Expected.Bytes
			if b.opt.Only != nil {
				s.Records, s.Bytes = s.Ranges.Len(), res.BytesOf(s.Ranges.Span(), s.Ranges.Len())
			}
		} else {
			for _, o := range s.Objects {
				read[o.Key] = o.Size
				if perPart[s.Partition] == nil {
					perPart[s.Partition] = map[string]bool{}
				}
				perPart[s.Partition][o.Key] = true
			}
		}
		p.Slices = append(p.Slices, freeze(s))
	}
	p.Totals.Records, p.Totals.Bytes = plan.Totals(cut)
	p.Totals.Objects, p.Totals.Slices = len(read), len(cut)
	for _, size := range read {
		p.Totals.ReadBytes += size
	}
	if len(read) == 0 {
		p.Totals.ReadBytes = p.Totals.Bytes
	}
	for i := range p.Parts {
		part := &p.Parts[i]
		part.Objects = len(perPart[part.Partition])
		switch part.Action {
		case "fill":
			p.Totals.Fill++
		case "skip":
			p.Totals.Skip++
		default:
			p.Totals.Cannot++
		}
	}
	work := p.Totals.Bytes + p.Totals.ReadBytes + b.comparedBytes()
	p.Totals.LowSeconds, p.Totals.HighSeconds = (work+fastBytes-1)/fastBytes, (work+slowBytes-1)/slowBytes
}

// Speeds of an estimate, in bytes per second over all nodes, reading and comparing included.
const (
	slowBytes = 20 << 20
	fastBytes = 200 << 20
)

func (b *builder) comparedBytes() int64 {
	var n int64
	for _, r := range b.report.Results {
		n += r.Expected.Bytes
	}
	return n
}

func (b *builder) rangeText() string {
	g := b.spec.Spec.Range
	switch {
	case g == nil:
		return "everything"
	case g.Offsets != nil:
		return fmt.Sprintf("offsets [%d,%d)", g.Offsets.From, g.Offsets.To)
	}
	return fmt.Sprintf("[%s,%s)", g.From, g.To)
}
