package sentinel

import (
	"fmt"
	"io"
	"strings"

	"backstitch/replay/gap"
)

// RenderOptions are what a person asked for.
type RenderOptions struct {
	All   bool   // also groups that nothing threatens
	About string // what names the same brokers again on a command line, e.g. "--kafka HOST:9092"
}

// WriteText prints the table, the worst first, then what drifted, what was not checked, and what to type next.
func (r *Report) WriteText(w io.Writer, opt RenderOptions) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Forecast   %s   %s", gap.Moment(r.AtMs), gap.Plural(int64(r.Samples), "sample"))
	if r.Samples > 1 {
		fmt.Fprintf(&b, ", %s apart", Days(r.SpanMs))
	}
	b.WriteByte('\n')
	var rows [][]string
	hidden := 0
	for _, o := range r.Outlooks {
		if !opt.All && (o.State == Current || o.State == Endless || o.State == Catching) {
			hidden++
			continue
		}
		rows = append(rows, r.row(o))
	}
	if len(rows) > 0 {
		write(&b, []string{"STATE", "GROUP", "PARTITION", "LAG", "OLDEST", "KEPT FOR", "WRITTEN/S", "READ/S", "LOSS BEGINS IN"}, rows)
	}
	if hidden > 0 {
		fmt.Fprintf(&b, "  %s not threatened                        (--all to print)\n", places(hidden))
	}
	for _, d := range r.Drift {
		fmt.Fprintf(&b, "  ! %s  %s was %s, is %s\n", d.Topic, d.Setting, d.text(d.Was), d.text(d.Is))
	}
	for _, f := range r.Findings {
		if f.About == "" {
			fmt.Fprintf(&b, "    %s  offsets %s, up to %s, go with the broker's next check   %s\n", name(f.Topic, f.Partition), f.Range, gap.Plural(f.Count, "record"), f.ID)
		}
	}
	b.WriteString(gap.NotCheckedText(r.NotChecked))
	b.WriteString("\n" + r.summary(opt.About))
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) row(o Outlook) []string {
	kept := r.Sample.Topics[o.Topic].Retention
	rate := func(perSecond float64) string {
		if !o.Measured {
			return "-"
		}
		return fmt.Sprintf("%.1f", perSecond)
	}
	age, keeps := "-", "?"
	if o.AgeMs != NoTime {
		age = Days(o.AgeMs)
	}
	if kept.Known {
		keeps = Days(kept.Ms)
		if kept.Bytes != Unlimited {
			keeps += ", " + gap.Size(kept.Bytes)
		}
		if !kept.Deletes() {
			keeps = "ever"
		}
	}
	return []string{string(o.State), o.Group, name(o.Topic, o.Partition), gap.Count(o.Lag), age, keeps, rate(o.Produced), rate(o.Consumed), r.when(o)}
}

// when says in words when loss begins.
func (r *Report) when(o Outlook) string {
	switch o.State {
	case Lost:
		return fmt.Sprintf("%s gone already", gap.Plural(o.LogStart-o.Committed, "offset"))
	case Misled, Current, Endless:
		return o.Reason
	case Unknown:
		if o.Stopped == nil {
			return o.Reason
		}
		return "if it stops now: " + r.span(*o.Stopped) + "; " + o.Reason
	case Catching:
		if o.Stopped != nil {
			return "never at this rate; if it stops now: " + r.span(*o.Stopped)
		}
		return "never at this rate"
	}
	return r.span(*o.Loss)
}

// span prints a window as time from now on.
func (r *Report) span(w Window) string {
	from, to := w.FromMs-r.AtMs, w.ToMs-r.AtMs
	switch {
	case w.ToMs == 0:
		return Days(from) + " or later"
	case to <= 0:
		return "overdue: with the broker's next check"
	case from <= 0:
		return "any moment .. " + Days(to)
	case Days(from) == Days(to):
		return Days(from)
	}
	return Days(from) + " .. " + Days(to)
}

func (r *Report) summary(about string) string {
	var b strings.Builder
	lost, risk := r.Count(Lost), gap.OfKind(r.Findings, gap.AtRisk)
	switch {
	case len(r.Outlooks) == 0 && len(r.Findings) == 0:
		b.WriteString("Nothing was foretold: no group has committed anything here.\n")
	case len(r.Findings) == 0 && r.Count(Unknown) > 0:
		fmt.Fprintf(&b, "No loss is known to be near; %s can not be told.\n", places(r.Count(Unknown)))
	case len(r.Findings) == 0:
		fmt.Fprintf(&b, "No loss is near: %s looked at.\n", places(len(r.Outlooks)))
	default:
		fmt.Fprintf(&b, "%s (%s): %d at risk, %d with records gone.\n", gap.Plural(int64(len(r.Findings)), "finding"), r.Set, risk, lost)
	}
	b.WriteString("Nothing was written.\n")
	if next := r.next(about); next != "" {
		b.WriteString("Next: " + next + "\n")
	}
	return b.String()
}

// next is what to type about the worst.
func (r *Report) next(about string) string {
	if about != "" {
		about = " " + about
	}
	for _, f := range r.Findings {
		if f.Kind == gap.Missing {
			return "backstitch gaps group " + strings.TrimPrefix(f.About, "group ") + about
		}
	}
	if len(r.Findings) > 0 {
		f := r.Findings[0]
		return fmt.Sprintf("backstitch archive %s s3://BUCKET/PREFIX%s     copies what is there, before it goes", f.Topic, about)
	}
	if r.Samples < 2 && r.Count(Unknown) > 0 {
		return "backstitch forecast" + about + " --samples 2"
	}
	return ""
}

func places(n int) string { return gap.Plural(int64(n), "group partition") }

// write prints rows under a header, columns parted by two spaces.
func write(b *strings.Builder, header []string, rows [][]string) {
	width := make([]int, len(header))
	for _, row := range append([][]string{header}, rows...) {
		for i, c := range row {
			width[i] = max(width[i], len(c))
		}
	}
	for _, row := range append([][]string{header}, rows...) {
		var line strings.Builder
		for i, c := range row {
			fmt.Fprintf(&line, "  %-*s", width[i], c)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}
