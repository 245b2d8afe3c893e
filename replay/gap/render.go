package gap

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"backstitch/partition/due"
)

// Text for people. All of it is a pure function of a Report, so that the same report always reads the same; ids, numbers and
// letters are those of its JSON.

// RenderOptions are what a person asked for.
type RenderOptions struct {
	All   bool   // also partitions in which everything is present
	About string // what names these two again on a command line, e.g. "orders --kafka HOST:9092 --archive URL"
}

// WriteHeatmap prints the grid, the findings beside their rows, and what to type next.
func WriteHeatmap(w io.Writer, rep *Report, opt RenderOptions) error {
	var b strings.Builder
	h := rep.Heatmap
	fmt.Fprintf(&b, "%s  %s, %s .. %s, one column = %s\n", rep.Dataset, plural(int64(len(rep.Results)), "partition"),
		rep.edge(h.From), rep.edge(h.From+int64(h.N)*h.Width), rep.width(h.Width))
	if rep.Columns == "position" {
		b.WriteString("The reference holds no timestamps; columns are positions in it.\n")
	}
	b.WriteString(rep.about())
	b.WriteString(rep.ruler())
	hidden := 0
	for _, row := range h.Rows {
		notes := rep.notes(row.Partition)
		if row.Clean() && len(notes) == 0 && !opt.All {
			hidden++
			continue
		}
		letters := row.Letters()
		if len(notes) == 0 {
			fmt.Fprintf(&b, "  p%02d   %s\n", row.Partition, strings.TrimRight(letters, " "))
			continue
		}
		for i, note := range notes {
			if i == 0 {
				fmt.Fprintf(&b, "  p%02d   %s   %s\n", row.Partition, letters, note)
			} else {
				fmt.Fprintf(&b, "  %s   %s\n", strings.Repeat(" ", 6+len(letters)), note)
			}
		}
	}
	switch {
	case hidden == 1:
		b.WriteString("  1 partition has everything                        (--all to print)\n")
	case hidden > 1:
		fmt.Fprintf(&b, "  %d partitions have everything                        (--all to print)\n", hidden)
	}
	b.WriteString("  . present   M missing   + partly   D duplicate   C corrupt   ? unknown\n\n")
	b.WriteString(rep.Summary(opt.About))
	_, err := io.WriteString(w, b.String())
	return err
}

// about says what was found out about an archive.
func (r *Report) about() string {
	var b strings.Builder
	if r.Facts.Layout != "" {
		fmt.Fprintf(&b, "layout: %s\n", r.Facts.Layout)
	}
	for i, n := range r.Facts.Notes {
		if i == maxNotes {
			fmt.Fprintf(&b, "note: and %d more\n", len(r.Facts.Notes)-maxNotes)
			break
		}
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	if text := r.Repetitions(); text != "" {
		fmt.Fprintf(&b, "note: %s\n", text)
	}
	return b.String()
}

// maxNotes is how many notes are printed.
const maxNotes = 5

// Summary closes each listing: how much is lost, and what to type. about names the two that were compared, "" if nobody knows.
func (r *Report) Summary(about string) string {
	if len(r.Findings) == 0 {
		var compared int64
		for _, p := range r.Results {
			compared += p.Expected.Records
		}
		if compared == 0 {
			return "Nothing was compared: the reference has no records in this range.\n"
		}
		return fmt.Sprintf("Nothing is missing: %s compared by content.\n", plural(compared, "record"))
	}
	var lost, bytes, dups int64
	unknown, found := r.Unknown(), int64(len(r.Findings))
	for _, l := range r.Left {
		lost, bytes, dups = lost+l.Missing, bytes+l.MissingBytes, dups+l.Duplicates
		unknown, found = unknown+l.Unknown, found+int64(l.Findings)
	}
	for _, f := range r.Findings {
		switch f.Kind {
		case Missing, Partly:
			lost += f.Count
			bytes += f.Bytes
		case Duplicate:
			dups += f.Count
		}
	}
	out := fmt.Sprintf("%s (%s): ", plural(found, "finding"), r.Set)
	if lost > 0 {
		out += fmt.Sprintf("%s missing, about %s.", plural(lost, "record"), Size(bytes))
	} else {
		out += "no record is known to be missing."
	}
	if dups > 0 {
		out += fmt.Sprintf("   Twice: %s (not removed: a log can not be mended in the middle).", Count(dups))
	}
	if unknown > 0 {
		out += fmt.Sprintf("   Unknown: %d.", unknown)
	}
	out += r.left() + "\n"
	if lost > 0 {
		out += r.toFill(lost)
	}
	if about == "" {
		about = "-f SPEC"
	}
	out += fmt.Sprintf("Next: backstitch gaps explain %s %s\n", r.Findings[0].ID, about)
	if lost > 0 {
		out += fmt.Sprintf("      backstitch plan %s -o FILE.plan\n", about)
	}
	return out
}

// left says of which partitions not everything is listed.
func (r *Report) left() string {
	var b strings.Builder
	for _, l := range r.Left {
		if l.Findings > 0 {
			fmt.Fprintf(&b, "\nOf %s, %s more were found than were kept; the counts include them.", Name(r.Dataset, l.Partition), plural(int64(l.Findings), "finding"))
		} else {
			fmt.Fprintf(&b, "\nOf %s, not all ranges were kept; the counts include them.", Name(r.Dataset, l.Partition))
		}
	}
	return b.String()
}

// where says where a finding lies, by time when there is one.
func (r *Report) where(f *Finding) string {
	switch {
	case f.Kind == NotComparable, f.Kind == Schema:
		return f.Reason
	case f.Kind == Misplaced:
		return f.Object + ": " + f.Reason
	case f.Object != "":
		return f.Object
	case f.FirstMs != 0 || f.LastMs != 0:
		return fmt.Sprintf("%s .. %s", Moment(f.FirstMs), Moment(f.LastMs))
	}
	return "offsets " + f.Range.String()
}

// notes are what stands beside a row: one line per kind, so that a thousand scattered runs do not fill a screen.
func (r *Report) notes(part int32) []string {
	type group struct {
		kind  Kind
		count int64
		until int64 // of the first that goes, 0 when one of them has no known end
		ids   []string
		text  string
	}
	var groups []*group
	for _, f := range r.Findings {
		if f.Partition != part {
			continue
		}
		var g *group
		for _, have := range groups {
			if have.kind == f.Kind {
				g = have
			}
		}
		if g == nil {
			g = &group{kind: f.Kind, until: f.UntilMs}
			groups = append(groups, g)
		}
		g.until = min(g.until, f.UntilMs)
		g.count += max(f.Count, 0)
		g.ids = append(g.ids, f.ID)
		g.text = f.Reason
	}
	var out []string
	for _, g := range groups {
		id := g.ids[0]
		if n := len(g.ids); n > 1 {
			id += " .. " + g.ids[n-1][strings.LastIndexByte(g.ids[n-1], '.'):]
		}
		switch g.kind {
		case NotComparable:
			out = append(out, fmt.Sprintf("not comparable: %s   %s", g.text, id))
		case Schema:
			out = append(out, fmt.Sprintf("%12s %-10s  %s", plural(int64(len(g.ids)), "change"), g.kind, id))
		case Corrupt:
			out = append(out, fmt.Sprintf("%12s %-10s  %s", plural(int64(len(g.ids)), "place"), g.kind, id))
		default:
			note := fmt.Sprintf("%12s %-10s  %s", Count(g.count), g.kind, id)
			if g.until > 0 {
				note += at(g.until).Format("  until 01-02T15:04Z") // the year has no room; it is in the list
			}
			out = append(out, note)
		}
	}
	return out
}

// ruler prints the left edge of some columns above the grid.
func (r *Report) ruler() string {
	if r.Columns != "time" {
		return ""
	}
	const every = 8
	layout := "15:04:05"
	if r.Heatmap.Width >= 60_000 {
		layout = "15:04"
	}
	if r.Heatmap.Width >= 21_600_000 {
		layout = "01-02"
	}
	line := []byte(strings.Repeat(" ", 8+r.Heatmap.N+len(layout)))
	for i := 0; i < r.Heatmap.N; i += every {
		copy(line[8+i:], at(r.Heatmap.From+int64(i)*r.Heatmap.Width).Format(layout))
		if every < len(layout)+1 {
			i += every // every second label, so that they do not touch
		}
	}
	return strings.TrimRight(string(line), " ") + "\n"
}

func (r *Report) edge(x int64) string {
	if r.Columns == "time" {
		return Moment(x)
	}
	return Count(x)
}

func (r *Report) width(x int64) string {
	if r.Columns == "time" {
		return due.Length(time.Duration(x) * time.Millisecond)
	}
	if x == 1 {
		return "1 position"
	}
	return Count(x) + " positions"
}

func at(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// Moment prints Kafka milliseconds in UTC, without parts of a second when there are none.
func Moment(ms int64) string {
	if ms%1000 != 0 {
		return at(ms).Format("2006-01-02T15:04:05.000Z")
	}
	return at(ms).Format("2006-01-02T15:04:05Z")
}

// Count prints a number with commas.
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// Plural prints a number with what it counts.
func Plural(n int64, noun string) string { return plural(n, noun) }

// NotCheckedText prints a list of what was not checked, one per line; "" for an empty one.
func NotCheckedText(list []string) string {
	out := ""
	for i, n := range list {
		head := "Not checked: "
		if i > 0 {
			head = strings.Repeat(" ", len(head))
		}
		out += head + n + "\n"
	}
	return out
}

func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Count(n) + " " + noun + "s"
}

// Size prints a number of bytes with its unit.
func Size(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	f, i := float64(n), 0
	for f >= 1024 && i+1 < len(units) {
		f, i = f/1024, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, units[i])
}
