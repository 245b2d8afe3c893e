package delivered

import (
	"fmt"
	"io"
	"strings"

	"backstitch/replay/gap"
)

// WriteText prints a report for people.
func WriteText(w io.Writer, rep *Report) error {
	var b strings.Builder
	if len(rep.Findings) > 0 {
		fmt.Fprintf(&b, "%-14s %-15s %-14s %12s %10s  %s\n", "FINDING", "KIND", "PARTITION", "RECORDS", "SIZE", "OFFSETS")
	}
	for i := range rep.Findings {
		f := &rep.Findings[i]
		count, size := "-", "-"
		if f.Count >= 0 {
			count, size = gap.Count(f.Count), gap.Size(f.Bytes)
		}
		fmt.Fprintf(&b, "%-14s %-15s %-14s %12s %10s  %s\n%30s %s\n", f.ID, f.Kind, gap.Name(rep.Topic, f.Partition), count, size, f.Range, "", f.Reason)
		if f.HeldBy != "" {
			fmt.Fprintf(&b, "%30s %s\n", "", held(f))
		}
	}
	if len(rep.Findings) > 0 {
		b.WriteByte('\n')
	}
	b.WriteString(rep.summary())
	for _, n := range rep.NotChecked {
		fmt.Fprintf(&b, "Not checked: %s.\n", n)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func held(f *gap.Finding) string {
	if f.UntilMs == 0 {
		return f.HeldBy + " still has them"
	}
	return fmt.Sprintf("%s still has them; the oldest may go from %s on", f.HeldBy, gap.Moment(f.UntilMs))
}

func (r *Report) summary() string {
	if r.Records() == 0 {
		return "Nothing was compared: no record of the topic is due. That is no pass.\n"
	}
	var twice, unread int64
	for _, p := range r.Partitions {
		twice += p.Twice
		unread += p.Unread
	}
	out := fmt.Sprintf("%s of the topic compared by content: ", records(r.Records()))
	if n := r.Missing(); n == 0 {
		out += "all that could be compared are in the archive."
	} else {
		out += fmt.Sprintf("%s are not in the archive", gap.Count(n))
		if unread > 0 {
			out += fmt.Sprintf(", %s of them in objects that can not be read", gap.Count(unread))
		}
		out += "."
	}
	if twice > 0 {
		out += fmt.Sprintf("   Twice: %s.", gap.Count(twice))
	}
	if n := r.Unknown(); n > 0 {
		out += fmt.Sprintf("   Unknown: %d.", n)
	}
	return out + "\n"
}
