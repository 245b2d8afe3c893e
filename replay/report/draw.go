package report

// The heatmap as a drawing: runs of equal columns are one rectangle.

type drawing struct {
	Label         string
	Width, Height int
	Rows          []drawnRow
}

type drawnRow struct {
	Name, Summary string
	TextY         int
	Runs          []drawnRun
}

type drawnRun struct {
	Class, Letter string
	X, Y, Width   int
	Middle, TextY int
}

const (
	nameWidth  = 120
	cellWidth  = 16
	rowHeight  = 16
	textBottom = 10
)

var cellClass = map[cell]string{cellNone: "none", cellPresent: "present", cellPartly: "partly", cellMissing: "missing", cellUnknown: "unknown"}

func (h *heatmap) draw(after bool) drawing {
	d := drawing{Label: "Heatmap before the job", Width: nameWidth + heatColumns*cellWidth, Height: max(1, len(h.Rows)) * rowHeight}
	if after {
		d.Label = "Heatmap after the job"
	}
	for i := range h.Rows {
		row := &h.Rows[i]
		cells := &row.Before
		if after {
			cells = &row.After
		}
		y := i * rowHeight
		out := drawnRow{Name: row.Name, Summary: row.summary(cells), TextY: y + textBottom}
		for from := 0; from < heatColumns; {
			to := from + 1
			for to < heatColumns && cells[to] == cells[from] {
				to++
			}
			run := drawnRun{Class: cellClass[cells[from]], X: nameWidth + from*cellWidth, Y: y, Width: (to - from) * cellWidth, TextY: y + textBottom}
			run.Middle = run.X + run.Width/2
			if c := cells[from]; c != cellNone && c != cellPresent {
				run.Letter = string(rune(c))
			}
			out.Runs = append(out.Runs, run)
			from = to
		}
		d.Rows = append(d.Rows, out)
	}
	return d
}
