package group

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/kgroup"
	"backstitch/replay/klog"
	"backstitch/replay/sentinel"
	"backstitch/replay/source"
)

// A skipped range is cut where the answer to "where is it still to be had" changes: at the log's start and at the archive's ends.
// Each piece is a finding. Where a copy can be read its records are counted; elsewhere the number of offsets is all there is.

// findings are what a walk comes to.
func (p *place) findings(ctx context.Context, w *walk, now kgroup.Commit) ([]gap.Finding, error) {
	var out []gap.Finding
	for _, list := range []struct {
		kind  gap.Kind
		skips []skip
	}{{gap.Missing, w.skipped}, {gap.NotComparable, w.undecided}} {
		for _, s := range list.skips {
			for _, r := range p.cut(s.Range) {
				f, err := p.piece(ctx, list.kind, s, r)
				if err != nil {
					return nil, err
				}
				if f.Count != 0 {
					out = append(out, f)
				}
			}
		}
	}
	if now.Offset > p.log.end {
		out = append(out, gap.Finding{
			Kind: gap.AtRisk, Topic: p.log.topic, Partition: p.log.part, About: p.about, Evidence: "E0",
			Range: partition.Range{From: p.log.start, To: p.log.end}, Count: p.log.end - p.log.start, HeldBy: "topic " + p.log.topic,
			Cause: "the topic was recreated, or its log was cut off",
			Reason: fmt.Sprintf("the group stands at %s and the log ends at %s; with auto.offset.reset=latest it will skip everything that is there",
				gap.Count(now.Offset), gap.Count(p.log.end)),
		})
	}
	sortFindings(out)
	return out, nil
}

// cut parts r where its holder changes.
func (p *place) cut(r partition.Range) []partition.Range {
	at := []int64{r.From, r.To}
	edges := []int64{p.log.start, p.log.end}
	if p.archive != nil {
		e := p.archive.Extents[p.log.part].Range
		edges = append(edges, e.From, e.To)
	}
	for _, e := range edges {
		if e > r.From && e < r.To {
			at = append(at, e)
		}
	}
	slices.Sort(at)
	at = slices.Compact(at)
	var out []partition.Range
	for i := 1; i < len(at); i++ {
		out = append(out, partition.Range{From: at[i-1], To: at[i]})
	}
	return out
}

// piece makes a finding of a range with one holder.
func (p *place) piece(ctx context.Context, kind gap.Kind, s skip, r partition.Range) (gap.Finding, error) {
	f := gap.Finding{
		Kind: kind, Topic: p.log.topic, Partition: p.log.part, About: p.about, Range: r, Count: r.Len(), Evidence: "E0", Cause: s.cause, Reason: s.reason,
	}
	var held []string
	counted := false
	count := func(offset, ms int64) bool {
		if !counted {
			counted, f.Count, f.FirstMs, f.LastMs = true, 0, ms, ms
		}
		f.Count, f.FirstMs, f.LastMs = f.Count+1, min(f.FirstMs, ms), max(f.LastMs, ms)
		return true
	}
	read := false
	if r.From >= p.log.start && r.To <= p.log.end {
		held = append(held, "topic "+p.log.topic)
		slice := partition.Slice{Kind: partition.SliceVerify, Partition: p.log.part, Ranges: partition.Ranges{r}}
		switch err := klog.Denied(each(ctx, p.src, slice, count)); {
		case err == nil:
			read = true
		case errors.Is(err, klog.ErrDenied), errors.Is(err, source.ErrRetention):
			counted, f.Count, f.FirstMs, f.LastMs = false, r.Len(), 0, 0
		default:
			return f, err
		}
		if err := p.until(ctx, &f); err != nil {
			return f, err
		}
	}
	if p.holds(r) {
		held = append(held, p.archive.Name)
		f.UntilMs = 0 // nobody here knows how long an archive keeps
		if !read {
			whole, err := p.copied(ctx, r, count)
			if err != nil {
				return f, err
			}
			if read = whole; !whole {
				counted, f.Count, f.FirstMs, f.LastMs = false, r.Len(), 0, 0
			}
		}
	}
	f.HeldBy, f.Recoverable = strings.Join(held, ", "), len(held) > 0
	switch {
	case read && !counted:
		f.Count = 0 // only markers and holes: nobody misses them
	case read:
		f.Evidence = "E1"
		if n := r.Len(); f.Count < n {
			f.Reason += fmt.Sprintf("; %s there for %s", gap.Plural(f.Count, "record"), gap.Plural(n, "offset"))
		}
	default:
		f.Reason += "; the count is of offsets, markers and holes among them"
	}
	return f, nil
}

// until notes how long the topic keeps the first record of a finding for sure.
func (p *place) until(ctx context.Context, f *gap.Finding) error {
	r := p.log.retention
	if !r.Deletes() || r.Ms == sentinel.Unlimited {
		return nil
	}
	newest, err := klog.NewestUpTo(ctx, p.client, p.log.topic, map[int32]int64{p.log.part: f.Range.From}, p.now)
	if err != nil {
		return err
	}
	if ms := newest[p.log.part]; ms != klog.NoTime {
		f.UntilMs = ms + r.Ms
	}
	return nil
}
