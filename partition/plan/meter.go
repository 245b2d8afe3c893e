package plan

import (
	"math/bits"
	"sort"

	"backstitch/partition"
)

// meter answers how many records and bytes lie between two positions. It works on running totals and subtracts, so the
// pieces of a range always add up to the range, however it is cut.
type meter struct {
	counts  []Count
	records []int64 // records[i] lie before counts[i]
	bytes   []int64
}

func newMeter(p Part) meter {
	m := meter{counts: p.Counts}
	if m.counts == nil {
		m.counts = guess(p)
	}
	m.records, m.bytes = make([]int64, len(m.counts)+1), make([]int64, len(m.counts)+1)
	for i, c := range m.counts {
		m.records[i+1] = m.records[i] + c.Records
		m.bytes[i+1] = m.bytes[i] + c.Bytes
	}
	return m
}

// guess is the estimate for a part that was not counted.
func guess(p Part) []Count {
	if len(p.Objects) == 0 {
		return Spread(p.Compare, p.Compare.Len(), 0)
	}
	var out []Count
	for i, o := range p.Objects {
		r := partition.Range{From: o.Base, To: p.Compare.Span().To}
		if i+1 < len(p.Objects) {
			r.To = p.Objects[i+1].Base
		}
		if o.Count > 0 && o.Count < r.Len() {
			r.To = o.Base + o.Count
		}
		if r.Empty() || o.Count == 0 {
			continue // of two objects with one base, the last stands for both
		}
		c := Count{Range: r, Records: r.Len(), Bytes: o.Size}
		if o.Count > 0 {
			c.Records = min(o.Count, c.Records)
		}
		out = append(out, c)
	}
	return out
}

// within returns what lies in r.
func (m meter) within(r partition.Range) (records, bytes int64) {
	fromRecords, fromBytes := m.before(r.From)
	toRecords, toBytes := m.before(r.To)
	return toRecords - fromRecords, toBytes - fromBytes
}

// around returns the count that o lies in, a zero one when there is none.
func (m meter) around(o partition.Offset) Count {
	i := sort.Search(len(m.counts), func(i int) bool { return m.counts[i].Range.To > o })
	if i == len(m.counts) || o < m.counts[i].Range.From {
		return Count{}
	}
	return m.counts[i]
}

func (m meter) before(o partition.Offset) (records, bytes int64) {
	i := sort.Search(len(m.counts), func(i int) bool { return m.counts[i].Range.To > o })
	records, bytes = m.records[i], m.bytes[i]
	if i < len(m.counts) && o > m.counts[i].Range.From {
		c := m.counts[i]
		at, of := o-c.Range.From, c.Range.Len()
		records += share(c.Records, at, of)
		bytes += share(c.Bytes, at, of)
	}
	return records, bytes
}

// share is n*part/whole rounded down, with a 128-bit product: an archive of a petabyte times a range of 2^40 positions
// does not fit into 64 bits. All arguments are at least 0 and part is at most whole; a whole of 0 gives 0.
func share(n, part, whole int64) int64 {
	if whole == 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(n), uint64(part))
	q, _ := bits.Div64(hi, lo, uint64(whole))
	return int64(q)
}
