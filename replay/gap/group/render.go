package group

import (
	"fmt"
	"io"
	"strings"

	"backstitch/replay/gap"
	"backstitch/replay/sentinel"
)

// RenderOptions are what a person asked for.
type RenderOptions struct {
	All   bool   // also partitions in which nothing was found
	About string // what names the same places again on a command line
}

// WriteText prints where the group stands, what it never saw, what was not checked, and what to type next.
func (r *Report) WriteText(w io.Writer, opt RenderOptions) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Group %s   %s   %s\n", r.Group, r.State, gap.Moment(r.AtMs))
	hidden := 0
	for _, p := range r.Places {
		found := r.of(p)
		if len(found) == 0 && !opt.All {
			hidden++
			continue
		}
		if p.Committed < 0 {
			fmt.Fprintf(&b, "  %-16s has no position, the log is [%s, %s)\n", gap.Name(p.Topic, p.Partition), gap.Count(p.LogStart), gap.Count(p.End))
			for _, f := range found {
				r.write(&b, &f)
			}
			continue
		}
		fmt.Fprintf(&b, "  %-16s stands at %s, the log is [%s, %s), lag %s; its commits are known %s\n", gap.Name(p.Topic, p.Partition),
			gap.Count(p.Committed), gap.Count(p.LogStart), gap.Count(p.End), gap.Count(p.Lag), since(p.KnownFromMs))
		for _, f := range found {
			r.write(&b, &f)
		}
	}
	if hidden > 0 {
		fmt.Fprintf(&b, "  %s in which it skipped nothing that can be told                        (--all to print)\n", gap.Plural(int64(hidden), "partition"))
	}
	b.WriteString(gap.NotCheckedText(r.NotChecked))
	b.WriteString("\n" + r.summary(opt.About))
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) of(p Place) []gap.Finding {
	var out []gap.Finding
	for _, f := range r.Findings {
		if f.Topic == p.Topic && f.Partition == p.Partition {
			out = append(out, f)
		}
	}
	return out
}

func since(ms int64) string {
	if ms == 0 {
		return "no more than that"
	}
	return "since " + gap.Moment(ms)
}

func (r *Report) write(b *strings.Builder, f *gap.Finding) {
	kind := string(f.Kind)
	if f.Kind == gap.NotComparable {
		kind = "not decided"
	}
	unit := "record"
	if f.Evidence == "E0" {
		unit = "offset"
	}
	fmt.Fprintf(b, "    %-12s %15s  offsets %s  %s\n", kind, gap.Plural(f.Count, unit), f.Range, f.ID)
	fmt.Fprintf(b, "      probably   %s\n      because    %s\n", f.Cause, f.Reason)
	held := "nowhere that was looked"
	if f.HeldBy != "" {
		held = f.HeldBy
		switch {
		case f.UntilMs > r.AtMs:
			held += ", at least until " + gap.Moment(f.UntilMs) + " (" + sentinel.Days(f.UntilMs-r.AtMs) + ")"
		case f.UntilMs > 0:
			held += ", and expired: it goes with the broker's next check"
		}
	}
	fmt.Fprintf(b, "      still in   %s\n", held)
}

// Lost is how much the group never saw, and how much of that is still somewhere.
func (r *Report) Lost() (records, held int64) {
	for _, f := range r.Findings {
		if f.Kind == gap.Missing {
			records += f.Count
			if f.Recoverable {
				held += f.Count
			}
		}
	}
	return records, held
}

// Unknown counts the findings that could not be decided.
func (r *Report) Unknown() int { return gap.OfKind(r.Findings, gap.NotComparable) }

func (r *Report) summary(about string) string {
	lost, held := r.Lost()
	risk := gap.OfKind(r.Findings, gap.AtRisk)
	var b strings.Builder
	switch {
	case len(r.Places) == 0:
		b.WriteString("Nothing was looked at: the group has committed nothing here.\n")
	case len(r.Findings) == 0:
		fmt.Fprintf(&b, "Nothing is known to be lost to it: %s looked at.\n", gap.Plural(int64(len(r.Places)), "partition"))
	default:
		fmt.Fprintf(&b, "%s (%s): %s never seen, %s of them still to be had.", gap.Plural(int64(len(r.Findings)), "finding"), r.Set, gap.Plural(lost, "record"), gap.Count(held))
		if risk > 0 {
			fmt.Fprintf(&b, "   At risk: %d.", risk)
		}
		if n := r.Unknown(); n > 0 {
			fmt.Fprintf(&b, "   Not decided: %d.", n)
		}
		b.WriteByte('\n')
	}
	b.WriteString("Nothing was written, and no group was joined.\n")
	topic := ""
	if !strings.Contains(about, "--topic") {
		topic = " --topic TOPIC"
	}
	switch {
	case lost > 0 && held < lost && !strings.Contains(about, "--archive"):
		fmt.Fprintf(&b, "Next: backstitch gaps group %s %s%s --archive URL     counts exactly, and says what an archive still has\n", r.Group, about, topic)
	case r.Unknown() > 0 && !strings.Contains(about, "--archive"):
		fmt.Fprintf(&b, "Next: backstitch gaps group %s %s%s --archive URL --reset latest|earliest     decides what the commits alone do not\n", r.Group, about, topic)
	case r.Unknown() > 0 && !strings.Contains(about, "--reset"):
		fmt.Fprintf(&b, "Next: backstitch gaps group %s %s --reset latest|earliest\n", r.Group, about)
	case lost > 0 || risk > 0:
		fmt.Fprintf(&b, "Next: backstitch forecast --group %s%s     what it is going to lose besides\n", r.Group, kafkaOnly(about))
	}
	return b.String()
}

// kafkaOnly leaves of a command line what a forecast takes.
func kafkaOnly(about string) string {
	words := strings.Fields(about)
	for i, w := range words {
		if w == "--kafka" && i+1 < len(words) {
			return " --kafka " + words[i+1]
		}
	}
	return ""
}
