package report

import (
	"fmt"
	"time"

	"backstitch/replay/gap"
)

// The heatmap before and after: one row per partition, one column per stretch of time, or of the partition where there are no
// timestamps. Before is what the plan froze as missing, after is what was compared. A letter says what the colour says.

const heatColumns = 48

// maxHeatRows bounds the rows. Partitions in which nothing was or is missing are left out first.
const maxHeatRows = 64

// cell is the state of a piece of a partition, worst last.
type cell byte

const (
	cellNone    cell = ' ' // no record of the reference
	cellPresent cell = '.'
	cellPartly  cell = '+'
	cellMissing cell = 'M'
	cellUnknown cell = '?' // no numbers per window
)

func (c cell) rank() int {
	for i, k := range []cell{cellNone, cellPresent, cellPartly, cellMissing, cellUnknown} {
		if c == k {
			return i
		}
	}
	return 0
}

type heatRow struct {
	Name          string
	Before, After [heatColumns]cell
	hurt          bool
}

type heatmap struct {
	Rows     []heatRow
	LeftOut  int // partitions that had everything
	From, To string
	ByTime   bool
}

func (r *Report) heat() heatmap {
	h := heatmap{ByTime: true}
	from, to := int64(0), int64(0)
	for _, c := range r.Comparisons {
		for _, w := range c.Windows {
			if w.Expected.Records > 0 && w.FromMs == 0 && w.ToMs == 0 {
				h.ByTime = false
			}
			if w.Expected.Records > 0 && (from == 0 && to == 0 || w.FromMs < from) {
				from = w.FromMs
			}
			to = max(to, w.ToMs)
		}
	}
	if h.ByTime = h.ByTime && to > from; h.ByTime {
		h.From, h.To = moment(from), moment(to)
	}
	hurt := 0
	for _, c := range r.Comparisons {
		row := heatRow{Name: gap.Name(r.Dataset, c.Partition), hurt: c.Verdict != "pass"}
		if len(c.Windows) == 0 {
			for i := range row.Before {
				row.Before[i], row.After[i] = cellUnknown, cellUnknown
			}
		}
		for i, w := range c.Windows {
			a, b := i*heatColumns/len(c.Windows), max((i+1)*heatColumns/len(c.Windows)-1, i*heatColumns/len(c.Windows))
			if h.ByTime {
				a, b = column(w.FromMs, from, to), column(w.ToMs, from, to)
			}
			before, after := shade(w.Expected.Records, w.Expected.Records-w.Filled), shade(w.Expected.Records, w.Actual.Records)
			row.hurt = row.hurt || w.Filled > 0
			for k := a; k <= b; k++ {
				row.Before[k], row.After[k] = worse(row.Before[k], before), worse(row.After[k], after)
			}
		}
		for i := range row.Before {
			row.Before[i], row.After[i] = worse(cellNone, row.Before[i]), worse(cellNone, row.After[i])
		}
		if row.hurt {
			hurt++
		}
		h.Rows = append(h.Rows, row)
	}
	if len(h.Rows) <= maxHeatRows {
		return h
	}
	var kept []heatRow
	for _, row := range h.Rows {
		if row.hurt && len(kept) < maxHeatRows {
			kept = append(kept, row)
		}
	}
	h.LeftOut, h.Rows = len(h.Rows)-len(kept), kept
	return h
}

func worse(a, b cell) cell {
	if a == 0 {
		a = cellNone
	}
	if b.rank() > a.rank() {
		return b
	}
	return a
}

func shade(expected, there int64) cell {
	switch {
	case expected == 0:
		return cellNone
	case there >= expected:
		return cellPresent
	case there <= 0:
		return cellMissing
	}
	return cellPartly
}

func column(ms, from, to int64) int {
	return int(min(heatColumns-1, (ms-from)*heatColumns/(to-from+1))) // whole numbers: every machine must draw the same
}

func moment(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

// summary is what a row says to somebody who does not see it.
func (r *heatRow) summary(cells *[heatColumns]cell) string {
	n := map[cell]int{}
	for _, c := range cells {
		n[c]++
	}
	return fmt.Sprintf("%s: %d present, %d partly, %d missing, %d unknown, of %d columns", r.Name, n[cellPresent], n[cellPartly], n[cellMissing], n[cellUnknown], heatColumns)
}
