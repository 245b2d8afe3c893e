package sequence

import (
	"fmt"
	"io"
	"strings"

	"backstitch/replay/gap"
)

// maxLines bounds what is printed; -o json has all of it.
const maxLines = 100

// WriteText prints a line per finding, what was not checked, and a sum.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	one, many := r.noun()
	fmt.Fprintf(&b, "%s   %s by %s, numbers at %s   %s read\n", r.Topic, plural(int64(r.Sources), one, many), r.Source, r.Sequence, plural(r.Records, "record", "records"))
	for i, f := range r.Findings {
		if i == maxLines {
			fmt.Fprintf(&b, "  %s more                        (-o jsonl has all of them)\n", plural(int64(len(r.Findings)-i), "finding", "findings"))
			break
		}
		about := strings.TrimPrefix(f.About, one+" ")
		switch f.Kind {
		case gap.AtRisk:
			fmt.Fprintf(&b, "  silent       %-20s since %s   %s\n", about, gap.Moment(f.FirstMs), f.ID)
		case gap.NotComparable:
			fmt.Fprintf(&b, "  not decided  %-20s %12s   %s: %s   %s\n", about, gap.Count(f.Count), f.Cause, f.Reason, f.ID)
		default:
			fmt.Fprintf(&b, "  %-12s %-20s %12s   numbers %s   %s .. %s   %s\n", f.Kind, about, gap.Count(f.Count), f.Range, gap.Moment(f.FirstMs), gap.Moment(f.LastMs), f.ID)
		}
	}
	b.WriteString(gap.NotCheckedText(r.NotChecked))
	switch {
	case r.Sources == 0 && r.Debezium:
		b.WriteString("\nNothing was compared: no event has a transaction. Does the connector write metadata of transactions (provide.transaction.metadata=true)?\n")
	case r.Sources == 0:
		b.WriteString("\nNothing was compared: no record has a source and a number.\n")
	case len(r.Findings) == 0:
		fmt.Fprintf(&b, "\nNo number is missing and none is there twice: %s.\n", plural(int64(r.Sources), one, many))
	default:
		fmt.Fprintf(&b, "\n%s (%s): %s missing, %s twice", plural(int64(len(r.Findings)), "finding", "findings"), r.Set, plural(r.Missing, "record", "records"), gap.Count(r.Twice))
		if !r.Debezium {
			fmt.Fprintf(&b, ", %s silent", plural(int64(r.Silent()), one, many))
		}
		fmt.Fprintf(&b, "; %s of %s whole.\n", gap.Count(int64(r.Whole)), plural(int64(r.Sources), one, many))
	}
	b.WriteString("Nothing was written.\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// noun is what those are called that number their records.
func (r *Report) noun() (one, many string) {
	if r.Debezium {
		return "transaction", "transactions"
	}
	return "source", "sources"
}
