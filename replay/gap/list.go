package gap

import (
	"fmt"
	"io"
	"strings"
)

// WriteList prints one line per finding, at most 120 columns wide unless a reason has to be told. about is as in RenderOptions.
func WriteList(w io.Writer, rep *Report, about string) error {
	var b strings.Builder
	b.WriteString(rep.about())
	if len(rep.Findings) > 0 {
		rows := [][]string{{"FINDING", "KIND", "PARTITION", "RECORDS", "SIZE", "HELD UNTIL", "WHERE"}}
		for i := range rep.Findings {
			f := &rep.Findings[i]
			count, size := Count(f.Count), Size(f.Bytes)
			if f.Count < 0 {
				count, size = "-", "-"
			}
			rows = append(rows, []string{f.ID, string(f.Kind), Name(rep.Dataset, f.Partition), count, size, f.until(), rep.listed(f)})
		}
		align(&b, rows, 3, 4)
		b.WriteByte('\n')
	}
	b.WriteString(rep.Summary(about))
	_, err := io.WriteString(w, b.String())
	return err
}

// align writes rows in columns as wide as what is in them; those of right are of numbers.
func align(b *strings.Builder, rows [][]string, right ...int) {
	wide := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			wide[i] = max(wide[i], len(cell))
		}
	}
	for _, i := range right {
		wide[i] = -wide[i] // the sign is that of fmt, which has it the other way round
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			fmt.Fprintf(&line, "%*s  ", -wide[i], cell)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

// listed is where, with times as short as a line of a list has room for.
func (r *Report) listed(f *Finding) string {
	if f.Kind == NotComparable || f.Kind == Schema || f.Object != "" || f.FirstMs == 0 && f.LastMs == 0 {
		return r.where(f)
	}
	return span(f.FirstMs, f.LastMs)
}

// span prints two times to the second, the first rounded down and the last up, and of the last only what is other than of the first.
func span(firstMs, lastMs int64) string {
	const second = 1000
	from, to := at(floorDiv(firstMs, second)*second), at(-floorDiv(-lastMs, second)*second)
	layout := "2006-01-02T15:04:05Z"
	out := from.Format(layout)
	switch {
	case from.YearDay() == to.YearDay() && from.Year() == to.Year():
		layout = "15:04:05Z"
	case from.Year() == to.Year():
		layout = "01-02T15:04:05Z"
	}
	return out + " .. " + to.Format(layout)
}
