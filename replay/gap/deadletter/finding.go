package deadletter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/gap/match"
	"backstitch/replay/klog"
)

// Report is what a dead-letter topic says was lost.
type Report struct {
	Topic   string `json:"topic"`
	AtMs    int64  `json:"at"`
	Set     string `json:"set"`
	Letters int64  `json:"letters"`
	Again   int64  `json:"again"` // letters about a record that another one is about
	Lost    int64  `json:"lost"`  // different records
	// Findings have positions in the topics that the letters are from, at most maxRanges ranges each; their count is exact.
	Findings   []gap.Finding `json:"findings"`
	NotChecked []string      `json:"notChecked,omitempty"`
}

// maxRanges bounds what one finding lists.
const maxRanges = 1000

// conclude turns what was read into findings, and asks which origins still have their records.
func (s *scan) conclude(ctx context.Context) error {
	origins := slices.SortedFunc(maps.Keys(s.kinds), func(a, b origin) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.part, b.part), cmp.Compare(a.connector, b.connector), cmp.Compare(a.stage, b.stage), cmp.Compare(a.class, b.class))
	})
	all := map[place]*match.Positions{} // two connectors may drop the same record
	topics := map[string]*klog.Topic{}
	for _, o := range origins {
		t, asked := topics[o.topic]
		if !asked {
			var err error
			if t, err = klog.Watermarks(ctx, s.in.Client, o.topic); err != nil {
				err = klog.Denied(err)
				if !errors.Is(err, klog.ErrUnknownTopic) && !errors.Is(err, klog.ErrDenied) {
					return err
				}
				s.rep.NotChecked = append(s.rep.NotChecked, "whether topic "+o.topic+" still has them: it is not there, or not for this principal")
			}
			topics[o.topic] = t
		}
		k := s.kinds[o]
		s.rep.Again += k.again
		at := place{o.topic, o.part}
		if all[at] == nil {
			all[at] = &match.Positions{}
		}
		for p := range k.positions.All() {
			all[at].Add(p)
		}
		s.rep.Findings = append(s.rep.Findings, s.finding(o, k, t))
	}
	for _, p := range all {
		s.rep.Lost += p.Len()
	}
	if s.nameless > 0 {
		s.rep.Findings = append(s.rep.Findings, gap.Finding{
			Kind: gap.NotComparable, Topic: s.in.Topic, Partition: s.namelessPart, Range: s.namelessAt, Count: s.nameless,
			Cause:  "errors.deadletterqueue.context.headers.enable is not true, or somebody else writes into this topic",
			Reason: fmt.Sprintf("%s where it is from; at the range: %s", plural(s.nameless, "letter does not say", "letters do not say"), s.namelessCause),
		})
	}
	if len(origins) > 0 {
		s.rep.NotChecked = append(s.rep.NotChecked, "whether somebody has written these records since")
	}
	s.rep.Set = gap.Identify("dead letters "+s.in.Topic, s.rep.Findings)
	return nil
}

// place is one partition of a topic.
type place struct {
	topic string
	part  int32
}

func (s *scan) finding(o origin, k *kind, t *klog.Topic) gap.Finding {
	f := gap.Finding{
		Kind: gap.Missing, Topic: o.topic, Partition: o.part, Count: k.positions.Len(), Bytes: k.bytes, FirstMs: k.firstMs, LastMs: k.lastMs, Evidence: "E1",
		Cause: cmp.Or(o.class, "the letters name no exception"), Recoverable: true,
	}
	if o.connector != "" {
		f.About = "connector " + o.connector
	}
	f.Range, f.Ranges = listed(&k.positions)
	reason := []string{plural(f.Count, "record was dropped", "records were dropped")}
	if o.stage != "" {
		reason[0] += " at " + o.stage
	}
	if k.message != "" {
		reason = append(reason, k.message)
	}
	// A dead letter keeps key and value as they were read, so the topic of dead letters is a copy of what was dropped.
	held := []string{"topic " + s.in.Topic}
	if t != nil {
		w, ok := t.Partitions[o.part]
		switch {
		case !ok || f.Range.To > w.LSO:
			reason = append(reason, "the origin ends before these offsets: it was recreated or cut off since")
		case f.Range.From >= w.LogStart:
			held = append(held, "topic "+o.topic)
		}
	}
	f.Reason, f.HeldBy = strings.Join(reason, "; "), strings.Join(held, ", ")
	if s.keeps > 0 && f.FirstMs > 0 {
		f.UntilMs = f.FirstMs + s.keeps // of the first letter
	}
	return f
}

// listed is the span of positions, and the ranges in it when there are several.
func listed(ps *match.Positions) (partition.Range, partition.Ranges) {
	var out partition.Ranges
	var whole partition.Range
	for o := range ps.All() {
		if whole.Empty() {
			whole.From = o
		}
		whole.To = o + 1
		switch n := len(out); {
		case n > 0 && out[n-1].To == o:
			out[n-1].To++
		case n < maxRanges:
			out = append(out, partition.Range{From: o, To: o + 1})
		}
	}
	if len(out) < 2 {
		return whole, nil
	}
	return whole, out
}

// Unknown counts what could not be told.
func (r *Report) Unknown() int { return gap.OfKind(r.Findings, gap.NotComparable) }

func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return gap.Count(n) + " " + many
}
