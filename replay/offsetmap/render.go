package offsetmap

import (
	"fmt"
	"io"
	"strings"

	"backstitch/replay/gap"
)

// runsShown is how many runs of a partition are printed without RenderOptions.All.
const runsShown = 5

// RenderOptions are what a person asked for.
type RenderOptions struct {
	From, To string // what the two sides are called
	All      bool   // every run
}

// WriteText prints each partition: how many records have a partner, what has none, and where both sides are in step.
func (m *Map) WriteText(w io.Writer, opt RenderOptions) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Offsets of %s in %s, by %s\n", opt.From, opt.To, m.By)
	var pairs, sourceOnly, targetOnly, named int64
	broken := 0
	for i := range m.Partitions {
		p := &m.Partitions[i]
		p.write(&b, opt)
		pairs, sourceOnly, targetOnly, named = pairs+p.Runs.Pairs(), sourceOnly+p.SourceOnly.Len(), targetOnly+p.TargetOnly.Len(), named+p.Named
		if p.Broken != "" {
			broken++
		}
	}
	b.WriteString(gap.NotCheckedText(m.NotChecked))
	fmt.Fprintf(&b, "\n%s paired; %s only in %s, %s only in %s.", gap.Plural(pairs, "record"), gap.Count(sourceOnly), opt.From, gap.Count(targetOnly), opt.To)
	if broken > 0 {
		fmt.Fprintf(&b, " %s not mapped.", gap.Plural(int64(broken), "partition"))
	}
	b.WriteString("\n")
	if named > 0 && m.By == ByContent {
		fmt.Fprintf(&b, "%s of those only in %s name an offset of %s in the headers of a job, and are no record of it as it is:\n"+
			"--by headers takes them at their word. It is right if %s was not deleted and made anew since that job.\n", gap.Count(named), opt.To, opt.From, opt.From)
	}
	b.WriteString("Nothing was written.\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func (p *Partition) write(b *strings.Builder, opt RenderOptions) {
	fmt.Fprintf(b, "  p%02d  ", p.Partition)
	if p.Broken != "" {
		fmt.Fprintf(b, "not mapped: %s\n", p.Broken)
		return
	}
	fmt.Fprintf(b, "%s paired in %s, %s; read %s of %s and %s of %s\n", gap.Count(p.Runs.Pairs()), gap.Plural(p.Runs.Len(), "run"), p.order(), p.Source, opt.From, p.Target, opt.To)
	shown := 0
	for r := range p.Runs.All() {
		if shown == runsShown && !opt.All {
			fmt.Fprintf(b, "         %s more        (--all to print)\n", gap.Plural(p.Runs.Len()-runsShown, "run"))
			break
		}
		shown++
		fmt.Fprintf(b, "         [%d,%d) -> [%d,%d)   %s   %+d\n", r.Source, r.Source+r.Count, r.Target, r.Target+r.Count, gap.Plural(r.Count, "record"), r.Target-r.Source)
	}
	if p.Marked > 0 {
		fmt.Fprintf(b, "         %s paired by the headers of a job\n", gap.Count(p.Marked))
	}
	if n := p.SourceOnly.Len(); n > 0 {
		fmt.Fprintf(b, "         %s only in %s\n", gap.Plural(n, "record"), opt.From)
	}
	if n := p.TargetOnly.Len(); n > 0 {
		fmt.Fprintf(b, "         %s only in %s\n", gap.Plural(n, "record"), opt.To)
	}
}

// order says whether both sides have one order.
func (p *Partition) order() string {
	if n := p.Runs.Back(); n > 0 {
		return "order differs, going back " + gap.Plural(n, "time")
	}
	return "one order"
}
