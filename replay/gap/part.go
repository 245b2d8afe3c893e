package gap

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"

	"backstitch/partition"
)

// A report can be made of partitions that were scanned apart, on other machines and at other times. What they share is a Header, and
// each of them is a Part; Join makes of both what one scan of all would have reported.

// Header is what a report says besides its partitions. Facts.Cuts, which are of partitions, are empty.
type Header struct {
	Dataset    string   `json:"dataset"`
	Columns    string   `json:"columns"`
	Scope      Scope    `json:"scope"`
	Facts      Facts    `json:"facts"`
	NotChecked []string `json:"notChecked,omitempty"`
}

// Header is that of r.
func (r *Report) Header() Header {
	h := Header{Dataset: r.Dataset, Columns: r.Columns, Scope: r.Scope, Facts: r.Facts, NotChecked: r.NotChecked}
	h.Facts.Cuts = nil
	return h
}

// Part is one partition of a report.
type Part struct {
	Result   Result    `json:"result"`
	Findings []Finding `json:"findings,omitempty"` // without ids, which only a whole report has
	Found    int       `json:"found"`              // how many there were
	Hash     [32]byte  `json:"hash"`               // over all of them
	Cells    Cells     `json:"cells"`
	// What was found out of this partition beside its records.
	TargetStart int64    `json:"targetStart"`
	Cuts        []Cut    `json:"cuts,omitempty"`
	Notes       []string `json:"notes,omitempty"`
	NotChecked  []string `json:"notChecked,omitempty"`
	// Left is nil while everything is here.
	Left *Left `json:"left,omitempty"`
}

// Left is what was found of a partition and is not listed. The counts of Result are exact all the same.
type Left struct {
	Partition    int32 `json:"partition"`
	Findings     int   `json:"findings"`
	Missing      int64 `json:"missing"` // records of the findings that are left out
	MissingBytes int64 `json:"missingBytes"`
	Duplicates   int64 `json:"duplicates"`
	Unknown      int   `json:"unknown"` // of those findings
	Ranges       int64 `json:"ranges"`  // that are left out of findings and results which are listed
}

// Cells are the columns of one partition, as wide as if it were drawn alone. Partitions that are drawn together have wider ones, and the
// widths of a ladder divide each other, so nothing is lost.
type Cells struct {
	Step int    `json:"step"`
	List []Cell `json:"list,omitempty"` // by place
}

// Cell is one column.
type Cell struct {
	At        int64 `json:"at"`
	Total     int64 `json:"total,omitempty"`
	Missing   int64 `json:"missing,omitempty"`
	Duplicate int64 `json:"duplicate,omitempty"`
	Corrupt   bool  `json:"corrupt,omitempty"`
}

// Part takes a partition out of a report of nothing else. It changes r.
func (r *Report) Part() (*Part, error) {
	if len(r.Results) != 1 {
		return nil, fmt.Errorf("a report of %d partitions is not one of one", len(r.Results))
	}
	res := r.Results[0]
	p := &Part{
		Result: res, Findings: r.Findings, Found: res.found, Hash: res.hash, TargetStart: r.Facts.TargetStarts[res.Partition],
		Cuts: r.Facts.Cuts[res.Partition], NotChecked: r.NotChecked, Notes: r.Facts.Notes,
	}
	if res.Redelivered > 0 {
		p.Notes = p.Notes[:len(p.Notes)-1] // noteCopies is about the whole
	}
	if r.numbered() > 0 {
		p.NotChecked = p.NotChecked[:len(p.NotChecked)-1] // and so is noteNumbers
	}
	if r.Glued() > 0 {
		p.NotChecked = p.NotChecked[:len(p.NotChecked)-1] // and noteGlue, which comes before it
	}
	for i := range p.Findings {
		p.Findings[i].ID = ""
	}
	p.Cells = cellsOf(res.cells)
	return p, nil
}

// Add adds findings that were made beside the comparison, with what they are a part of the partition's hash by.
func (p *Part) Add(more []Finding) {
	if len(more) == 0 {
		return
	}
	p.Findings = append(slices.Clone(p.Findings), more...)
	p.Found += len(more)
	of := digest(more)
	p.Hash = sha256.Sum256(append(p.Hash[:], of[:]...))
}

// cellsOf is called after the partition was drawn alone, which has given the grid its width.
func cellsOf(g *grid) Cells {
	out := Cells{Step: g.step}
	for _, key := range slices.Sorted(maps.Keys(g.cells)) {
		c := g.cells[key]
		out.List = append(out.List, Cell{At: key, Total: c.Total, Missing: c.Missing, Duplicate: c.Duplicate, Corrupt: c.Corrupt})
	}
	return out
}

// grid is the inverse of cellsOf.
func (c Cells) grid(ladder []int64) (*grid, error) {
	if c.Step < 0 || c.Step >= len(ladder) {
		return nil, fmt.Errorf("columns of step %d, and there are %d", c.Step, len(ladder))
	}
	g := newGrid(ladder)
	g.step = c.Step
	for _, x := range c.List {
		g.cells[x.At] = &cell{Total: x.Total, Missing: x.Missing, Duplicate: x.Duplicate, Corrupt: x.Corrupt}
	}
	return g, nil
}

// ErrPart says that partitions do not fit together.
var ErrPart = errors.New("scanned partitions do not fit together")

// Join makes a report of partitions that were scanned apart: the same, ids included, as one scan of all of them.
func Join(h Header, parts []Part) (*Report, error) {
	rep := &Report{Dataset: h.Dataset, Columns: h.Columns, Scope: h.Scope, Facts: h.Facts, NotChecked: slices.Clone(h.NotChecked)}
	rep.Facts.TargetStarts = map[int32]int64{}
	maps.Copy(rep.Facts.TargetStarts, h.Facts.TargetStarts)
	rep.Facts.Notes = slices.Clone(h.Facts.Notes)
	ladder := positionLadder
	if h.Columns == "time" {
		ladder = timeLadder
	}
	parts = slices.Clone(parts)
	slices.SortFunc(parts, func(a, b Part) int { return cmp.Compare(a.Result.Partition, b.Result.Partition) })
	cuts := map[int32][]Cut{}
	for i, p := range parts {
		n := p.Result.Partition
		if i > 0 && n == parts[i-1].Result.Partition {
			return nil, fmt.Errorf("partition %d is there twice: %w", n, ErrPart)
		}
		if p.Found < len(p.Findings) || (p.Found > len(p.Findings)) != (p.Left != nil && p.Left.Findings > 0) {
			return nil, fmt.Errorf("partition %d has %d findings of %d: %w", n, len(p.Findings), p.Found, ErrPart)
		}
		cells, err := p.Cells.grid(ladder)
		if err != nil {
			return nil, fmt.Errorf("partition %d: %w: %w", n, err, ErrPart)
		}
		res := p.Result
		res.findings, res.found, res.hash, res.cells = p.Findings, p.Found, p.Hash, cells
		rep.Results = append(rep.Results, res)
		if _, known := h.Facts.TargetStarts[n]; known || p.TargetStart != 0 {
			rep.Facts.TargetStarts[n] = p.TargetStart
		}
		if len(p.Cuts) > 0 {
			cuts[n] = p.Cuts
		}
		rep.Facts.Notes = union(rep.Facts.Notes, p.Notes)
		rep.NotChecked = union(rep.NotChecked, p.NotChecked)
		if p.Left != nil {
			rep.Left = append(rep.Left, *p.Left)
		}
	}
	if h.Facts.Recreated != "" {
		rep.Facts.Cuts = cuts // as Blame leaves them
	}
	rep.assemble()
	return rep, nil
}

// union adds what is not there yet.
func union(list, more []string) []string {
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// cut leaves at most so many ranges in each list and so many findings, and counts what goes.
func (p Part) cut(ranges, findings, notes int) Part {
	left := Left{Partition: p.Result.Partition}
	short := func(rs partition.Ranges) partition.Ranges {
		if len(rs) <= ranges {
			return rs
		}
		left.Ranges += int64(len(rs) - ranges)
		return rs[:ranges]
	}
	p.Findings = slices.Clone(p.Findings)
	for _, f := range p.Findings[min(findings, len(p.Findings)):] {
		left.Findings++
		switch f.Kind {
		case Missing, Partly:
			left.Missing, left.MissingBytes = left.Missing+f.Count, left.MissingBytes+f.Bytes
		case Duplicate:
			left.Duplicates += f.Count
		case Corrupt, NotComparable:
			left.Unknown++
		}
	}
	p.Findings = p.Findings[:min(findings, len(p.Findings))]
	for i := range p.Findings {
		f := &p.Findings[i]
		n := len(f.Ranges)
		f.Ranges = short(f.Ranges)
		f.RangesLeft += int64(n - len(f.Ranges))
		f.Reason = clip(f.Reason)
	}
	r := &p.Result
	if n := len(r.Missing); n > ranges {
		r.MissingLeft += int64(n - ranges)
	}
	r.Compared, r.Missing, r.DuplicateAt, r.ExtraAt = short(r.Compared), short(r.Missing), short(r.DuplicateAt), short(r.ExtraAt)
	if n := len(p.Notes); n > notes {
		p.Notes = append(slices.Clone(p.Notes[:notes]), fmt.Sprintf("and %d more of partition %d, which were not kept", n-notes, r.Partition))
	}
	p.Left = &left
	return p
}

// maxReason is how long a reason may be where not everything fits, in bytes.
const maxReason = 1 << 10

func clip(s string) string {
	if len(s) <= maxReason {
		return s
	}
	return s[:maxReason] + "..."
}
