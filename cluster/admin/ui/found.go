package ui

import (
	"fmt"
	"strconv"
	"time"

	"backstitch/cluster/client"
)

// Found is what a scan has kept.
type Found struct {
	Dataset    string
	Timed      bool  // columns are times in Kafka milliseconds, otherwise positions
	From       int64 // left edge of the first column
	Width      int64 // of a column
	Columns    int
	Rows       []Row
	Findings   []Finding
	NotChecked []string
	Refused    string // why nothing can be concluded from it, "" when something can
}

// Row is one partition: runs of equal columns.
type Row struct {
	Partition int32  `json:"p"`
	Spans     []Span `json:"s"`
}

// Span is a run of columns with one letter.
type Span struct {
	Letter string `json:"l"`
	N      int    `json:"n"`
}

// Finding is one thing that a scan has found.
type Finding struct {
	ID          string
	Kind        string
	Partition   int32
	From, To    int64 // of the reference; of what is too often or too much, of the target
	Count       int64 // -1 when it can not be known
	Bytes       int64
	FirstMs     int64 // both zero when there are no times
	LastMs      int64
	Reason      string
	Recoverable bool
	HeldBy      string
	UntilMs     int64
	Runbook     string
}

// Records is how many records a finding is about, for people.
func (f Finding) Records() string {
	if f.Count < 0 {
		return "unknown"
	}
	return count(f.Count)
}

// Between says when the records of a finding were made, or where they are.
func (f Finding) Between(zone *time.Location) string {
	if f.FirstMs == 0 && f.LastMs == 0 {
		return "offsets " + count(f.From) + " to " + count(f.To)
	}
	return stamp(zone, time.UnixMilli(f.FirstMs)) + " to " + stamp(zone, time.UnixMilli(f.LastMs))
}

// Clean reports whether nothing is wrong in a row.
func (r Row) Clean() bool {
	for _, s := range r.Spans {
		if s.Letter != "." && s.Letter != " " {
			return false
		}
	}
	return true
}

// At is the left edge of a column, for people.
func (f Found) At(zone *time.Location, column int) string {
	x := f.From + int64(column)*f.Width
	if f.Timed {
		return stamp(zone, time.UnixMilli(x))
	}
	return count(x)
}

// Crop keeps the columns that lie in [from, to); both are zero for all.
func (f Found) Crop(from, to int64) Found {
	if from == 0 && to == 0 || f.Width <= 0 {
		return f
	}
	first := max(0, int((from-f.From)/f.Width))
	last := f.Columns
	if to < f.From+int64(f.Columns)*f.Width {
		last = int((to - f.From + f.Width - 1) / f.Width)
	}
	if first >= last {
		return f
	}
	out := f
	out.From, out.Columns, out.Rows, out.Findings = f.From+int64(first)*f.Width, last-first, nil, nil
	for _, r := range f.Rows {
		cut, at := Row{Partition: r.Partition}, 0
		for _, s := range r.Spans {
			if n := min(at+s.N, last) - max(at, first); n > 0 {
				cut.Spans = append(cut.Spans, Span{s.Letter, n})
			}
			at += s.N
		}
		out.Rows = append(out.Rows, cut)
	}
	for _, g := range f.Findings {
		low, high := g.From, g.To
		if f.Timed {
			low, high = g.FirstMs, g.LastMs+1
		}
		if f.Timed && g.FirstMs == 0 && g.LastMs == 0 || low < to && high > from {
			out.Findings = append(out.Findings, g)
		}
	}
	return out
}

// scanMap is a scan with what it has kept.
type scanMap struct {
	client.Scan
	Found
	Whole bool  // all of its partitions are done
	First int64 // the part that the address asks for; both zero for all
	Last  int64
	List  []Finding
	Paging
}

// Range is the part that is looked at as the command line takes it, "" for all.
func (m scanMap) Range() string {
	if m.First == 0 && m.Last == 0 || !m.Timed {
		return ""
	}
	at := func(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }
	return "@" + at(m.First) + ":" + at(m.Last)
}

// Command is what shows the same on a command line.
func (m scanMap) Command() string {
	if r := m.Range(); r != "" {
		return "backstitch plan -f SPEC --range " + r + " -o gap.plan"
	}
	return "backstitch gaps list --scan " + m.Scan.ID
}

// part reads which part of a scan an address asks for: times as people write them, milliseconds, or positions. One that is left out is the edge.
func (m scanMap) part(from, to string) (first, last int64, err error) {
	first, last = m.From, m.From+int64(m.Columns)*m.Width
	for _, side := range []struct {
		said string
		into *int64
	}{{from, &first}, {to, &last}} {
		if side.said == "" {
			continue
		}
		if *side.into, err = m.edge(side.said); err != nil {
			return 0, 0, err
		}
	}
	if first >= last {
		return 0, 0, fmt.Errorf("the part from %q to %q is empty", from, to)
	}
	return first, last, nil
}

// edge reads one side of a part.
func (m scanMap) edge(s string) (int64, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, nil
	}
	if !m.Timed {
		return 0, fmt.Errorf("%q is no position", s)
	}
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(form, s); err == nil {
			return t.UnixMilli(), nil
		}
	}
	return 0, fmt.Errorf("%q is no time; for example 2026-11-20T02:00Z", s)
}

// Edge is a side of the part that is looked at, as edge reads it.
func (m scanMap) Edge(x int64) string {
	switch {
	case m.First == 0 && m.Last == 0:
		return ""
	case m.Timed:
		return time.UnixMilli(x).UTC().Format(time.RFC3339)
	}
	return strconv.FormatInt(x, 10)
}

// mapOf reads what a scan has kept, cut to the part that the address asks for.
func (v *visit) mapOf(id string) (scanMap, error) {
	kept, err := v.c.ScanFindings(v.r.Context(), id)
	if err != nil {
		return scanMap{}, err
	}
	m := scanMap{Scan: kept.Scan, Whole: kept.Scan.Surveyed && kept.Scan.Done >= kept.Scan.Partitions}
	if !kept.Scan.Surveyed {
		return m, nil
	}
	if m.Found, err = v.Insight.Found(kept); err != nil {
		return m, err
	}
	q := v.r.URL.Query()
	if q.Get("from")+q.Get("to") != "" {
		if m.First, m.Last, err = m.part(q.Get("from"), q.Get("to")); err != nil {
			return m, badForm(err)
		}
		m.Found = m.Crop(m.First, m.Last)
	}
	m.List, m.Paging = cut(v, m.Findings)
	return m, nil
}
