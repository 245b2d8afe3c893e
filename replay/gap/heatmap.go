package gap

import (
	"math"
	"strings"
)

// Heatmap is a grid of partitions by time, or by position when the reference holds no timestamps.
type Heatmap struct {
	From  int64 `json:"from"`  // left edge of the first column: Kafka milliseconds, or a position
	Width int64 `json:"width"` // of a column
	N     int   `json:"columns"`
	Rows  []Row `json:"rows"`
}

// Row is one partition, run-length encoded.
type Row struct {
	Partition int32  `json:"partition"`
	Spans     []Span `json:"spans"`
}

// Span is a run of equal columns.
type Span struct {
	Letter string `json:"letter"`
	N      int    `json:"n"`
}

// Letters of a heatmap. Colour never carries meaning alone.
const (
	LetterPresent   = "."
	LetterMissing   = "M"
	LetterPartly    = "+"
	LetterDuplicate = "D"
	LetterCorrupt   = "C"
	LetterUnknown   = "?"
	LetterNothing   = " " // the reference has no records there
)

// maxColumns is what fits beside partition and note in a terminal of 120 columns.
const maxColumns = 48

// Letters returns the row as text, one letter per column.
func (r Row) Letters() string {
	var b strings.Builder
	for _, s := range r.Spans {
		b.WriteString(strings.Repeat(s.Letter, s.N))
	}
	return b.String()
}

// Clean reports whether nothing is wrong in the row.
func (r Row) Clean() bool {
	for _, s := range r.Spans {
		if s.Letter != LetterPresent && s.Letter != LetterNothing {
			return false
		}
	}
	return true
}

// draw brings all partitions to the same columns.
func draw(rep *Report) Heatmap {
	ladder := positionLadder
	if rep.Columns == "time" {
		ladder = timeLadder
	}
	h := Heatmap{Width: 1}
	low, high, step := int64(math.MaxInt64), int64(math.MinInt64), 0
	for _, res := range rep.Results {
		res.cells.settle()
		if len(res.cells.cells) == 0 {
			continue
		}
		step = max(step, res.cells.step)
		for key := range res.cells.cells {
			low, high = min(low, key*res.cells.width()), max(high, (key+1)*res.cells.width())
		}
	}
	if rep.Scope.Timed() && rep.Columns == "time" {
		low, high = rep.Scope.FromMs, rep.Scope.ToMs
	}
	if low >= high {
		low, high = 0, 1
	}
	for step+1 < len(ladder) && floorDiv(high-1, ladder[step])-floorDiv(low, ladder[step]) >= maxColumns {
		step++
	}
	h.Width = ladder[step]
	first := floorDiv(low, h.Width)
	h.From, h.N = first*h.Width, int(floorDiv(high-1, h.Width)-first)+1
	for _, res := range rep.Results {
		h.Rows = append(h.Rows, row(&res, step, first, h.N))
	}
	return h
}

func row(res *Result, step int, first int64, n int) Row {
	r := Row{Partition: res.Partition}
	if !res.Comparable {
		r.Spans = []Span{{LetterUnknown, n}}
		return r
	}
	res.cells.coarsen(max(step, res.cells.step))
	for i := range n {
		letter := LetterNothing
		if c := res.cells.cells[first+int64(i)]; c != nil {
			letter = c.letter()
		}
		if k := len(r.Spans); k > 0 && r.Spans[k-1].Letter == letter {
			r.Spans[k-1].N++
		} else {
			r.Spans = append(r.Spans, Span{letter, 1})
		}
	}
	return r
}

// letter says the worst of a bucket, in the order in which a person has to act.
func (c *cell) letter() string {
	switch {
	case c.Missing > 0 && c.Missing >= c.Total:
		return LetterMissing
	case c.Missing > 0:
		return LetterPartly
	case c.Corrupt:
		return LetterCorrupt
	case c.Duplicate > 0:
		return LetterDuplicate
	case c.Total > 0:
		return LetterPresent
	}
	return LetterNothing
}
