package regroup

import (
	"fmt"
	"io"
	"strings"

	"backstitch/replay/gap"
	"backstitch/replay/offsetmap"
)

// RenderOptions are what a person asked for.
type RenderOptions struct {
	File string // where the plan was saved, "" for nowhere
	Hash string
	With string // what applying it needs on its command line besides
}

// WriteText prints what p does, what it does not do, and what to type next.
func (p *Plan) WriteText(w io.Writer, opt RenderOptions) error {
	if err := p.WriteParts(w); err != nil {
		return err
	}
	if opt.File == "" {
		_, err := fmt.Fprint(w, "\nNothing was written, and no plan was saved: -o FILE saves it.\n")
		return err
	}
	_, err := fmt.Fprintf(w, "\nSaved to %s (sha256 %.12s). Nothing was written to Kafka.\nNext: stop the group's consumers, then   %s\n",
		opt.File, opt.Hash, strings.TrimSpace("backstitch groups apply "+opt.File+" "+opt.With))
	return err
}

// WriteParts prints what p does with each partition, and what it does not do.
func (p *Plan) WriteParts(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Group %s   %s   %s\n", p.Group, p.way(), p.how())
	for _, s := range p.Stood {
		fmt.Fprintf(&b, "  %s stands at %s%s\n", gap.Name(p.From.Topic, s.Partition), s.Stands, lacks(&s))
	}
	fmt.Fprintf(&b, "  %-9s %14s %14s %14s  %s\n", "PARTITION", "STANDS", "HAS", "NEW", "AGAIN")
	for i := range p.Parts {
		p.Parts[i].write(&b)
	}
	b.WriteString(gap.NotCheckedText(p.How.NotChecked))
	moved, cannot := p.Count()
	fmt.Fprintf(&b, "\n%s to move, %d that can not be.\n", gap.Plural(int64(moved), "position"), cannot)
	for _, n := range p.Notes {
		fmt.Fprintf(&b, "Note %s: %s\n", n.Code, n.Text)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// lacks says what of a partition is not to be had in the other topic.
func lacks(s *Stood) string {
	if s.Lacking == 0 {
		return ""
	}
	return fmt.Sprintf("; %s behind that %s lacking", gap.Plural(s.Lacking, "record"), are(s.Lacking))
}

func are(n int64) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// way says from where to where.
func (p *Plan) way() string {
	from, to := p.From.Topic+" at "+p.From.Kafka, p.To.Topic+" at "+p.To.Kafka
	switch {
	case p.From.same(p.To):
		return from
	case p.From.Kafka == p.To.Kafka:
		return p.From.Topic + " -> " + to
	}
	return from + " -> " + to
}

func (p *Plan) how() string {
	if p.How.TimeMs != 0 {
		return "back to " + gap.Moment(p.How.TimeMs)
	}
	return fmt.Sprintf("%s, by %s", p.How.Choice, p.How.By)
}

func (p *Part) write(b *strings.Builder) {
	fmt.Fprintf(b, "  p%02d       %14s %14s %14s  ", p.Partition, position(p.Stands), position(p.Before), p.place())
	switch {
	case p.Cannot:
		fmt.Fprintf(b, "! cannot: %s\n", p.Why)
	case p.Offset < 0:
		fmt.Fprintf(b, "= left: %s\n", p.Why)
	case p.Landing == nil:
		fmt.Fprintf(b, "%s at most   %s\n", gap.Count(p.Back), p.Why)
	default:
		fmt.Fprintf(b, "%s   %s\n", seen(p.Landing), p.Why)
	}
}

func (p *Part) place() string {
	if p.Offset < 0 {
		return "-"
	}
	return gap.Count(p.Offset)
}

func position(c *Commit) string {
	if c == nil {
		return "-"
	}
	return gap.Count(c.Offset)
}

// seen says how many records are seen again, and how many may be.
func seen(l *offsetmap.Landing) string {
	if l.Unknown == 0 {
		return gap.Count(l.Again)
	}
	return fmt.Sprintf("%s to %s", gap.Count(l.Again), gap.Count(l.Again+l.Unknown))
}

// WriteResults prints what reading back has shown.
func WriteResults(w io.Writer, group string, to Place, results []Result) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Group %s in %s at %s, read back\n", group, to.Topic, to.Kafka)
	for _, r := range results {
		fmt.Fprintf(&b, "  p%02d  %14s -> %-14s  %s", r.Partition, position(r.Before), position(r.After), r.Outcome)
		if r.Already {
			b.WriteString(", already before")
		}
		if r.Reason != "" {
			b.WriteString(": " + r.Reason)
		}
		b.WriteString("\n")
	}
	if len(results) == 0 {
		b.WriteString("  nothing to change\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
