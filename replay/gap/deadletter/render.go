package deadletter

import (
	"fmt"
	"io"
	"strings"

	"backstitch/replay/gap"
)

// held says who has the records, and until when that is sure.
func held(f *gap.Finding) string {
	if f.UntilMs == 0 {
		return f.HeldBy
	}
	return f.HeldBy + ", at least until " + gap.Moment(f.UntilMs)
}

// WriteText prints a block per finding, what was not checked, and a sum.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s   %s read\n", r.Topic, plural(r.Letters, "dead letter", "dead letters"))
	for _, f := range r.Findings {
		if f.Kind == gap.NotComparable {
			fmt.Fprintf(&b, "  not decided  %12s   %s   %s\n    probably   %s\n", gap.Count(f.Count), f.Reason, f.ID, f.Cause)
			continue
		}
		where := "offsets " + f.Range.String()
		if n := len(f.Ranges); n > 1 {
			where += fmt.Sprintf(" at %d places", n)
		}
		fmt.Fprintf(&b, "  %-16s %12s   %s   %s   %s\n", gap.Name(f.Topic, f.Partition), plural(f.Count, "record", "records"), where, f.About, f.ID)
		fmt.Fprintf(&b, "    %s\n    because    %s\n    between    %s .. %s\n    still in   %s\n", f.Cause, f.Reason, gap.Moment(f.FirstMs), gap.Moment(f.LastMs), held(&f))
	}
	b.WriteString(gap.NotCheckedText(r.NotChecked))
	switch {
	case r.Letters == 0:
		b.WriteString("\nThere is no dead letter.\n")
	default:
		fmt.Fprintf(&b, "\n%s (%s): %s dropped, %s more of the same.\n", plural(int64(len(r.Findings)), "finding", "findings"), r.Set,
			plural(r.Lost, "record was", "records were"), plural(r.Again, "letter", "letters"))
	}
	b.WriteString("Nothing was written.\n")
	_, err := io.WriteString(w, b.String())
	return err
}
