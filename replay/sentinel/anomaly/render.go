package anomaly

import (
	"fmt"
	"io"
	"strings"

	"backstitch/replay/gap"
	"backstitch/replay/sentinel/baseline"
)

// maxLines bounds what is printed; -o json has all of it.
const maxLines = 50

// RenderOptions are what a person asked for.
type RenderOptions struct {
	All  bool   // also places of which there is nothing to say
	Kept string // where the state was written; "" for nowhere
}

// WriteText prints what was found, each with what was expected, then what was not checked, and a sum.
func (r *Report) WriteText(w io.Writer, opt RenderOptions) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s   %s of %s   %s .. %s   judged from %s on\n", r.Topic, gap.Plural(r.Records, "record"), gap.Plural((r.ToMs-r.FromMs)/hourMs, "hour"),
		gap.Moment(r.FromMs), gap.Moment(r.ToMs), gap.Moment(r.JudgeMs))
	for i, f := range r.Findings {
		if i == maxLines {
			fmt.Fprintf(&b, "  %s more                        (-o jsonl has all of them)\n", gap.Plural(int64(len(r.Findings)-i), "finding"))
			break
		}
		fmt.Fprintf(&b, "  anomaly  %-20s %12s   %s .. %s   %s\n", f.About, gap.Count(f.Count), gap.Moment(f.FirstMs), gap.Moment(f.LastMs), f.ID)
		fmt.Fprintf(&b, "           %s\n           Likely: %s.\n", f.Reason, f.Cause)
	}
	if opt.All {
		for _, p := range r.Places {
			text := fmt.Sprintf("%d of %d hours", p.Hours, baseline.WarmHours)
			if p.Now.State != baseline.Learning {
				text = p.Now.Text("records")
			}
			fmt.Fprintf(&b, "  %-8s %-20s %s\n", p.Now.State, p.Name, text)
		}
	}
	b.WriteString(gap.NotCheckedText(r.NotChecked))
	switch {
	case r.Judged == 0 && len(r.Findings) == 0:
		b.WriteString("\nNothing was judged: too few hours were seen, or --except leaves none.\n")
	case len(r.Findings) == 0:
		fmt.Fprintf(&b, "\nNothing is unusual: %s judged", gap.Plural(int64(r.Judged), "measure"))
		if r.Source != "" {
			fmt.Fprintf(&b, ", %s", gap.Plural(int64(r.Sources), "source"))
		}
		b.WriteString(".\n")
	default:
		fmt.Fprintf(&b, "\n%s (%s). What is unusual need not be lost.\n", gap.Plural(int64(len(r.Findings)), "finding"), r.Set)
	}
	if opt.Kept != "" {
		fmt.Fprintf(&b, "What was learned is in %s; nothing else was written.\n", opt.Kept)
	} else {
		b.WriteString("Nothing was written.\n")
	}
	if len(r.Findings) > 0 {
		fmt.Fprintf(&b, "Next: backstitch gaps list %s --archive s3://BUCKET/PREFIX     says which records an archive has and the topic lacks\n", r.Topic)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
