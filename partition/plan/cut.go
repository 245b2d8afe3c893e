package plan

import (
	"fmt"
	"slices"

	"backstitch/partition"
)

// This file turns parts into slices. A part is first broken into atoms: stretches inside one fill range, one object and
// one Count, so that data is evenly spread inside an atom. Atoms that alone exceed a limit are split evenly. Then atoms are
// packed in order until the next one would exceed a limit. Because atoms end where objects end, a slice that has more than
// one file never shares a file with its neighbour without need: a shared file is read twice.

// maxSlices is what the eight digits of a slice id can count.
const maxSlices = 100_000_000

// Cut makes the slices of a job. Parts may come in any order; two parts of one partition are refused. Job may be "" while
// the plan has no name yet; SetJob fills it in later.
func Cut(job partition.JobID, parts []Part, l Limits) ([]partition.Slice, error) {
	if err := l.Validate(); err != nil {
		return nil, err
	}
	parts = slices.Clone(parts)
	slices.SortStableFunc(parts, func(a, b Part) int { return int(int64(a.Partition) - int64(b.Partition)) })
	var fill, verify []partition.Slice
	for i, p := range parts {
		if i > 0 && parts[i-1].Partition == p.Partition {
			return nil, fmt.Errorf("%w: partition %d is there twice", ErrInvalid, p.Partition)
		}
		if err := p.validate(); err != nil {
			return nil, err
		}
		if len(p.Compare) == 0 {
			continue
		}
		c := newCutter(p, l)
		fill = append(fill, c.fill()...)
		v := c.verify()
		if n := len(v.Ranges) + len(v.Filled) + len(v.Objects); n > l.Parts {
			return nil, fmt.Errorf("%w: partition %d has %d ranges and %d objects to compare in one pass, the limit is %d together: "+
				"narrow the time range and recover in steps", ErrTooLarge, p.Partition, len(v.Ranges)+len(v.Filled), len(v.Objects), l.Parts)
		}
		verify = append(verify, v)
	}
	out := append(fill, verify...)
	if len(out) > maxSlices {
		return nil, fmt.Errorf("%w: %d slices", ErrTooLarge, len(out))
	}
	for i := range out {
		out[i].ID = partition.SliceID{Job: job, N: uint32(i)}
	}
	return out, nil
}

// SetJob names the job of all slices, in place.
func SetJob(ss []partition.Slice, job partition.JobID) {
	for i := range ss {
		ss[i].ID.Job = job
	}
}

// Totals sums the estimates of the fill slices.
func Totals(ss []partition.Slice) (records, bytes int64) {
	for _, s := range ss {
		if s.Kind == partition.SliceFill {
			records += s.Records
			bytes += s.Bytes
		}
	}
	return records, bytes
}

type cutter struct {
	part   Part
	limits Limits
	index  objects
	meter  meter
	edges  []partition.Offset // where an object or a count begins or ends, ascending

	// The slice that is being packed.
	cur       partition.Slice
	positions int64 // in cur.Ranges
	last      int   // index of the newest object of cur, -1 when it has none
}

func newCutter(p Part, l Limits) *cutter {
	c := &cutter{part: p, limits: l, index: newObjects(p.Objects)}
	c.meter = newMeter(p)
	for _, o := range p.Objects {
		c.edges = append(c.edges, o.Base)
	}
	for _, n := range c.meter.counts {
		c.edges = append(c.edges, n.Range.From, n.Range.To)
	}
	slices.Sort(c.edges)
	c.edges = slices.Compact(c.edges)
	return c
}

func (c *cutter) slice(kind partition.SliceKind) partition.Slice {
	return partition.Slice{
		Kind: kind, Partition: c.part.Partition, TargetFrom: c.part.TargetFrom, TargetTo: c.part.TargetTo,
	}
}

func (c *cutter) begin(kind partition.SliceKind) {
	c.cur, c.positions, c.last = c.slice(kind), 0, -1
}

func (c *cutter) verify() partition.Slice {
	c.begin(partition.SliceVerify)
	for _, r := range c.part.Compare {
		c.add(c.measure(r))
	}
	c.cur.Filled = slices.Clone(c.part.Fill)
	if c.part.Filled != nil {
		c.cur.Filled = slices.Clone(c.part.Filled)
	}
	return c.cur
}

func (c *cutter) fill() []partition.Slice {
	var out []partition.Slice
	c.begin(partition.SliceFill)
	for _, r := range c.part.Fill {
		for r.From < r.To {
			a := c.atom(r)
			r.From = a.To
			for _, piece := range c.split(a) {
				m := c.measure(piece)
				if !c.fits(m) {
					out = append(out, c.cur)
					c.begin(partition.SliceFill)
				}
				c.add(m)
			}
		}
	}
	if len(c.cur.Ranges) > 0 {
		out = append(out, c.cur)
	}
	return out
}

// atom is the longest beginning of r in which no object and no count begins or ends.
func (c *cutter) atom(r partition.Range) partition.Range {
	i, _ := slices.BinarySearch(c.edges, r.From+1)
	if i < len(c.edges) && c.edges[i] < r.To {
		r.To = c.edges[i]
	}
	return r
}

// split breaks an atom that alone exceeds a limit into pieces of nearly equal length. Data is even inside a count, so a piece of
// at most limit*length/amount positions holds at most limit. Length and amount are those of the count: what the meter says of the
// atom is rounded down, and a few positions too many would hold one record too many.
func (c *cutter) split(a partition.Range) []partition.Range {
	longest := min(c.limits.Positions, a.Len())
	records, bytes := c.meter.within(a)
	whole := c.meter.around(a.From)
	for _, q := range []struct{ amount, of, limit int64 }{{records, whole.Records, c.limits.Records}, {bytes, whole.Bytes, c.limits.Bytes}} {
		if q.amount > q.limit {
			longest = min(longest, max(1, share(whole.Range.Len(), q.limit, q.of)))
		}
	}
	n := (a.Len() + longest - 1) / longest
	out := make([]partition.Range, 0, n)
	for i := int64(0); i < n; i++ {
		out = append(out, partition.Range{From: a.From + share(a.Len(), i, n), To: a.From + share(a.Len(), i+1, n)})
	}
	return out
}

// measured is a stretch of positions with all that limits look at.
type measured struct {
	partition.Range
	records, bytes int64
	files          []int
}

func (c *cutter) measure(r partition.Range) measured {
	records, bytes := c.meter.within(r)
	return measured{Range: r, records: records, bytes: bytes, files: c.index.in(r)}
}

// fits reports whether m may be added to the current slice. Everything fits into an empty one: it can not be cut further.
func (c *cutter) fits(m measured) bool {
	n := len(c.cur.Ranges)
	if n == 0 {
		return true
	}
	if c.cur.Ranges[n-1].To < m.From {
		n++
	}
	files := len(c.cur.Objects)
	for _, i := range m.files {
		if i > c.last {
			files++
		}
	}
	l := c.limits
	return c.cur.Records+m.records <= l.Records && c.cur.Bytes+m.bytes <= l.Bytes && c.positions+m.Len() <= l.Positions &&
		files <= l.Objects && n <= l.Ranges && n+files <= l.Parts
}

// add appends m to the current slice. Pieces ascend, so a file that begins no later than one we have and reaches this
// piece also reached the piece before it, and is there already.
func (c *cutter) add(m measured) {
	if n := len(c.cur.Ranges); n > 0 && c.cur.Ranges[n-1].To == m.From {
		c.cur.Ranges[n-1].To = m.To
	} else {
		c.cur.Ranges = append(c.cur.Ranges, m.Range)
	}
	c.positions += m.Len()
	c.cur.Records, c.cur.Bytes = c.cur.Records+m.records, c.cur.Bytes+m.bytes
	for _, i := range m.files {
		if i > c.last {
			c.cur.Objects = append(c.cur.Objects, c.part.Objects[i])
			c.last = i
		}
	}
}
