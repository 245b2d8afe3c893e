package recovery

import (
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"backstitch/partition/calendar"
	"backstitch/replay/gap"
)

// RenderOptions are what a person asked for, and where the plan was saved.
type RenderOptions struct {
	All  bool      // also partitions that need nothing
	File string    // "" when the plan was not saved
	Now  time.Time // from which windows are listed that a run meets; zero lists none
	With string    // flags that run needs beside the file, e.g. "--connections agent.yaml"
	// Limits are those that the job would fall under if it ran now.
	Limits []Limit
	// Windows are those of maintenance that it would rest in.
	Windows []calendar.Closure
}

// Limit bounds what is written, and read back, in a second; 0 is no bound.
type Limit struct {
	Scope          string // as backstitch limits calls it
	Bytes, Records int64
}

// maxParts is how many partitions are printed one by one.
const maxParts = 40

// WriteText prints p for people. It is a pure function of the plan and opt.
func (p *Plan) WriteText(w io.Writer, opt RenderOptions) error {
	hash, err := p.Hash()
	if err != nil {
		return err
	}
	var b strings.Builder
	m := &p.Spec.Metadata
	fmt.Fprintf(&b, "Spec %s/%s", m.Namespace, m.Name)
	if p.Cluster != "" {
		fmt.Fprintf(&b, "   Cluster %s", p.Cluster)
	}
	for _, k := range slices.Sorted(maps.Keys(m.Annotations)) {
		fmt.Fprintf(&b, "   %s=%s", k, m.Annotations[k])
	}
	fmt.Fprintf(&b, "\nFrom %s   Into %s\nRange %s\n", sourceName(p.Recipe.Source), targetName(p.Recipe.Target), p.rangeText())
	if t := p.Recipe.Source.Transform; t != nil {
		fmt.Fprintf(&b, "%s\n", t)
	}
	if n := p.Recipe.Source.Names; n != nil {
		fmt.Fprintf(&b, "%s\n", n)
		n.write(&b, opt.All)
	}
	if r := p.Recipe.Source.Rules; r != nil {
		fmt.Fprintf(&b, "%s\n", r)
	}
	if d := p.Recipe.Dedupe; d != nil {
		fmt.Fprintf(&b, "%s\n", d)
	}
	if l := p.Recipe.Late; l != nil {
		fmt.Fprintf(&b, "%s\n", l)
	}
	b.WriteByte('\n')
	p.writeParts(&b, opt)
	p.writeSums(&b, opt)
	for _, n := range p.Notes {
		if n == p.Notes[0] {
			fmt.Fprintf(&b, "\nWarnings: %d\n", len(p.Notes))
		}
		fmt.Fprintf(&b, "  %s %s\n", n.Code, n.Text)
	}
	b.WriteByte('\n')
	run := strings.TrimSpace("backstitch run " + opt.File + " " + opt.With)
	switch {
	case opt.File != "":
		fmt.Fprintf(&b, "Saved to %s (sha256 %s, job %s).  Nothing was written.\n", opt.File, hex.EncodeToString(hash[:6]), JobID(hash))
		if p.Empty() {
			fmt.Fprintf(&b, "Prove it:   %s\n", run)
		} else {
			fmt.Fprintf(&b, "Run exactly this:   %s\n", run)
		}
	default:
		fmt.Fprintf(&b, "Nothing was written (sha256 %s, job %s).\n", hex.EncodeToString(hash[:6]), JobID(hash))
	}
	_, err = io.WriteString(w, b.String())
	return err
}

func (p *Plan) rangeText() string {
	g := p.Spec.Spec.Range
	text := "everything that the reference holds"
	switch {
	case g != nil && g.Offsets != nil:
		text = fmt.Sprintf("offsets [%d,%d)", g.Offsets.From, g.Offsets.To)
	case g != nil:
		text = fmt.Sprintf("[%s,%s)", gap.Moment(p.Recipe.Source.FromMs), gap.Moment(p.Recipe.Source.ToMs))
	}
	if s := p.Spec.Spec.Select.Partitions; s != "" {
		text += ", partitions " + string(s)
	}
	return text
}

func (p *Plan) writeParts(b *strings.Builder, opt RenderOptions) {
	printed := 0
	for _, part := range p.Parts {
		name := p.name(part.Partition)
		if part.Action == "skip" && !opt.All {
			continue
		}
		if printed++; printed > maxParts && !opt.All {
			continue
		}
		switch part.Action {
		case "fill":
			where := fmt.Sprintf("offsets [%d,%d)", part.From, part.To)
			if part.FirstMs != 0 || part.LastMs != 0 {
				where = gap.Moment(part.FirstMs) + " .. " + gap.Moment(part.LastMs)
			}
			from := "from the topic"
			if part.Objects > 0 {
				from = fmt.Sprintf("from %s", plural(part.Objects, "object"))
			}
			fmt.Fprintf(b, "  + fill    %-16s %-52s %12s records %10s   %s, %s\n", name, where, gap.Count(part.Records), gap.Size(part.Bytes),
				plural(part.Ranges, "range"), from)
		case "cannot":
			fmt.Fprintf(b, "  ! cannot  %-16s %s; will be reported, not invented\n", name, part.Reason)
		case "unread":
			fmt.Fprintf(b, "  = skip    %-16s complete as far as the reference can be read\n", name)
		default:
			fmt.Fprintf(b, "  = skip    %-16s already complete\n", name)
		}
	}
	if printed > maxParts && !opt.All {
		fmt.Fprintf(b, "  and %s more (--all to print)\n", plural(printed-maxParts, "partition"))
	}
	if p.Totals.Skip > 0 && !opt.All {
		fmt.Fprintf(b, "  = skip    %s, already complete\n", plural(p.Totals.Skip, "partition"))
	}
	damage := 0
	for _, f := range p.Findings {
		if f.Kind != gap.Corrupt {
			continue
		}
		if damage++; damage <= 5 || opt.All {
			fmt.Fprintf(b, "  ! cannot  %-16s %s; will be reported, not invented\n", p.name(f.Partition), f.Reason)
		}
	}
	if damage > 5 && !opt.All {
		fmt.Fprintf(b, "  ! cannot  %s more (--all to print)\n", gap.Plural(int64(damage-5), "place"))
	}
	b.WriteByte('\n')
}

func (p *Plan) writeSums(b *strings.Builder, opt RenderOptions) {
	t := &p.Totals
	line := func(name, text string) { fmt.Fprintf(b, "  %-12s %s\n", name, text) }
	if p.Empty() {
		fmt.Fprintf(b, "Plan: nothing to write. %s records were compared by content.\n", gap.Count(t.Compared))
	} else {
		fmt.Fprintf(b, "Plan: %s records to write, 0 to delete, %s not recoverable.\n", gap.Count(t.Records), plural(p.lost(), "place"))
		least, by := p.under(opt.Limits)
		line("Estimate", fmt.Sprintf("%s%s; %s to read, in %s", span(max(t.LowSeconds, least), max(t.HighSeconds, least)), by, gap.Size(t.ReadBytes), plural(t.Objects, "object")))
		slower := p.Recipe.Feedback.Text()
		if floor, seconds := p.Recipe.Feedback.floor(), p.atFloor(); floor > 0 {
			slower += fmt.Sprintf("; at its floor of %s/s one node takes %s", gap.Size(floor), upTo(seconds))
		}
		line("Feedback", slower)
		mode := "transactional, order per partition kept, timestamps kept, what appears meanwhile is not written twice"
		if p.Recipe.Target.Reshape != nil {
			mode = "transactional, order per key kept, timestamps kept"
		}
		if p.Recipe.Target.Files() {
			mode = "one commit at a time, order per partition kept"
		}
		line("Write mode", mode)
	}
	line("Compared", fmt.Sprintf("%s records in %s", gap.Count(t.Compared), plural(len(p.Parts), "partition")))
	line("Slices", fmt.Sprintf("%d, priority %d", t.Slices, *p.Spec.Spec.Schedule.Priority))
	p.writeTerms(line, opt.Now, opt.Windows)
	for _, c := range p.Checks {
		text := c.Text
		if c.Status != "ok" {
			text = strings.ToUpper(c.Status) + ": " + text
		}
		line(strings.ToUpper(c.Name[:1])+c.Name[1:], text)
	}
	if locks := p.Locks(); len(locks) > 0 {
		line("Locks", fmt.Sprintf("%s of %s, until the job ends", plural(len(locks), "partition"), p.Target.Topic))
	}
	line("Undo", p.Undo)
}

// lost is how many findings can not be recovered.
func (p *Plan) lost() int {
	n := 0
	for _, f := range p.Findings {
		if f.Kind == gap.Corrupt || f.Kind == gap.NotComparable {
			n++
		}
	}
	return n
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%s %ss", gap.Count(int64(n)), noun)
}

// upTo prints seconds, rounded up.
func upTo(n int64) string {
	switch {
	case n < 120:
		return fmt.Sprintf("%d s", n)
	case n < 7200:
		return fmt.Sprintf("%d min", (n+59)/60)
	case n < 48*3600:
		return fmt.Sprintf("%d h", (n+3599)/3600)
	}
	return fmt.Sprintf("%d days", (n+86399)/86400)
}

// span prints an interval of seconds. It is never a single figure: nobody knows that well.
func span(low, high int64) string {
	low = max(low, 1)
	high = max(high, low+1)
	if high < 120 {
		return fmt.Sprintf("%d-%d s", low, high)
	}
	if high < 7200 {
		return fmt.Sprintf("%d-%d min", max(low/60, 1), (high+59)/60)
	}
	return fmt.Sprintf("%d-%d h", max(low/3600, 1), (high+3599)/3600)
}
