package incident

import (
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Markdown is the incident as a document in GitHub's dialect, which most trackers read. Times are UTC. Whatever somebody typed is only text in it:
// no markup, no link and no HTML of theirs is made anything else of.
func (r Report) Markdown() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# Incident: %s\n\n%s\n\n", plain(r.Title), plain(r.Summary))
	table(&b, r.Facts, []string{"", ""}, func(f Fact) []string { return []string{f.Name, f.Value} })
	b.WriteString("## What was lost\n\n")
	if from, to := r.Span(); !to.IsZero() {
		fmt.Fprintf(&b, "%s records, made between %s and %s.\n\n", humanize.Comma(r.Records()), at(from), at(to))
	} else if len(r.Lost) > 0 {
		fmt.Fprintf(&b, "%s records.\n\n", humanize.Comma(r.Records()))
	}
	if len(r.Lost) == 0 {
		b.WriteString("Which partitions had lost what nobody has written down: the proof has no windows.\n\n")
	} else {
		table(&b, r.Lost, []string{"Partition", "Lost", "Back", "First", "Last", "State"}, func(l Loss) []string {
			return []string{l.Partition, humanize.Comma(l.Records), Back(l), at(l.First), at(l.Last), l.State}
		})
	}
	b.WriteString("## Why\n\n")
	list(&b, r.Why, "Nothing is known of the cause. What a scan found says more while it is kept.")
	b.WriteString("## Timeline\n\n")
	table(&b, r.Timeline, []string{"When", "Who", "What", "Why"}, func(e Event) []string { return []string{at(e.At), e.Who, e.What, e.Why} })
	b.WriteString("## Decisions\n\n")
	table(&b, r.Decided, []string{"What", "By", "Why", "When"}, func(d Decision) []string { return []string{d.What, d.By, d.Why, at(d.At)} })
	b.WriteString("## Proof\n\n")
	if r.Verdict == "" {
		b.WriteString("There is none yet: nobody may say that the records are back.\n\n")
	} else {
		table(&b, r.Checks, []string{"Check", "Expected", "Actual", "Result"}, func(c Check) []string { return []string{c.Name, c.Expected, c.Actual, c.Result} })
	}
	b.WriteString("### Not checked\n\n")
	list(&b, r.Unseen, "Nothing was checked.")
	b.WriteString("## Commands\n\n")
	for _, c := range r.Commands {
		fmt.Fprintf(&b, "- %s: %s\n", plain(c.For), code(c.Run))
	}
	if r.Runbook != "" {
		fmt.Fprintf(&b, "\nWhat to do: %s\n", code(r.Runbook))
	}
	return []byte(b.String())
}

// Back says how many records of a loss are there again.
func Back(l Loss) string {
	if l.Back < 0 {
		return "not compared"
	}
	return humanize.Comma(l.Back)
}

func at(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05") + " UTC"
}

func list(b *strings.Builder, lines []string, none string) {
	for _, l := range lines {
		fmt.Fprintf(b, "- %s\n", plain(l))
	}
	if len(lines) == 0 {
		b.WriteString(none + "\n")
	}
	b.WriteString("\n")
}

func table[T any](b *strings.Builder, rows []T, head []string, cells func(T) []string) {
	if len(rows) == 0 {
		b.WriteString("None.\n\n")
		return
	}
	b.WriteString("| " + strings.Join(head, " | ") + " |\n|" + strings.Repeat("---|", len(head)) + "\n")
	for _, r := range rows {
		out := cells(r)
		for i := range out {
			out[i] = plain(out[i])
		}
		b.WriteString("| " + strings.Join(out, " | ") + " |\n")
	}
	b.WriteString("\n")
}

// plain makes a text of one line of which nothing is markup. Of addresses and names trackers make links and mentions by themselves, so something that
// can not be seen is put in between.
func plain(s string) string {
	var b strings.Builder
	for _, c := range strings.Join(strings.Fields(s), " ") {
		switch {
		case c < ' ' || c == 0x7f:
			continue
		case strings.ContainsRune("<>&", c):
			b.WriteString(map[rune]string{'<': "&lt;", '>': "&gt;", '&': "&amp;"}[c])
			continue
		case c == '@' || c == ':' && strings.HasSuffix(b.String(), "http") || c == ':' && strings.HasSuffix(b.String(), "https"):
			b.WriteRune(c)
			b.WriteString("\u200b") // nothing is seen of it, and it is no address or name any more
			continue
		case strings.ContainsRune("\\`*_[]#|~!", c):
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// code is a text between as many backticks as it takes.
func code(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if fence == "`" {
		return fence + s + fence
	}
	return fence + " " + s + " " + fence
}
