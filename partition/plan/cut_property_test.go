package plan

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"backstitch/partition"
)

// drawPart draws a partition with objects that may overlap, be empty or be of unknown count, with or without counts.
func drawPart(t *rapid.T, id int32) Part {
	var rs []partition.Range
	at := rapid.Int64Range(0, 50).Draw(t, "start")
	for range rapid.IntRange(1, 8).Draw(t, "ranges") {
		n := rapid.Int64Range(1, 60).Draw(t, "len")
		rs = append(rs, partition.Range{From: at, To: at + n})
		at += n + rapid.Int64Range(1, 30).Draw(t, "hole")
	}
	p := Part{Partition: id, Fill: partition.Normalize(slices.Clone(rs))}
	p.Compare = partition.Ranges{{From: p.Fill[0].From, To: at}}
	if rapid.Bool().Draw(t, "archive") {
		base := rapid.Int64Range(0, p.Fill[0].From).Draw(t, "first base")
		for i := range rapid.IntRange(1, 15).Draw(t, "objects") {
			p.Objects = append(p.Objects, partition.Object{
				Key: string(rune('a' + i)), Base: base,
				Count: rapid.Int64Range(-1, 60).Draw(t, "count"), Size: rapid.Int64Range(0, 5000).Draw(t, "size"),
			})
			base += rapid.Int64Range(0, 50).Draw(t, "step")
		}
	}
	if rapid.Bool().Draw(t, "broken") { // and what breaks the ranges is known to who verifies
		p.Filled = partition.Ranges{{From: p.Fill[0].From, To: p.Fill.Span().To}}
	}
	if rapid.Bool().Draw(t, "counted") {
		p.Counts = Spread(p.Compare, rapid.Int64Range(0, 2000).Draw(t, "records"), rapid.Int64Range(0, 100_000).Draw(t, "bytes"))
	}
	return p
}

func drawLimits(t *rapid.T) Limits {
	return Limits{
		Bytes:     rapid.Int64Range(1, 5000).Draw(t, "limit bytes"),
		Records:   rapid.Int64Range(1, 100).Draw(t, "limit records"),
		Positions: rapid.Int64Range(1, 100).Draw(t, "limit positions"),
		Objects:   rapid.IntRange(1, 4).Draw(t, "limit objects"),
		Ranges:    rapid.IntRange(1, 4).Draw(t, "limit ranges"),
		Parts:     1000,
	}
}

// mayHold is the naive statement of which object may hold position o.
func mayHold(list []partition.Object, i int, o partition.Offset) bool {
	if list[i].Count == 0 || o < list[i].Base {
		return false
	}
	if list[i].Count > 0 && o < list[i].Base+list[i].Count {
		return true
	}
	for _, other := range list {
		if other.Base > list[i].Base && other.Base <= o {
			return false // a later file has begun
		}
	}
	return true
}

func TestCutProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var parts []Part
		for id := range rapid.IntRange(1, 3).Draw(t, "parts") {
			parts = append(parts, drawPart(t, int32(id)))
		}
		l := drawLimits(t)
		got, err := Cut("bs-a", parts, l)
		if err != nil {
			t.Fatal(err)
		}
		perPart := make([][]partition.Slice, len(parts))
		verifySeen := false
		for i, s := range got {
			if int(s.ID.N) != i {
				t.Fatalf("slice %d has number %d", i, s.ID.N)
			}
			if s.Kind == partition.SliceFill && verifySeen {
				t.Fatalf("fill slice %s comes after a verify slice", s.ID)
			}
			verifySeen = verifySeen || s.Kind == partition.SliceVerify
			perPart[s.Partition] = append(perPart[s.Partition], s)
		}
		for i, p := range parts {
			checkPart(t, p, l, perPart[i])
		}
	})
}

func checkPart(t *rapid.T, p Part, l Limits, ss []partition.Slice) {
	if n := len(ss); n == 0 || ss[n-1].Kind != partition.SliceVerify {
		t.Fatalf("partition %d: the last of %d slices is no verify slice", p.Partition, n)
	}
	verify, fills := ss[len(ss)-1], ss[:len(ss)-1]
	filled := p.Fill
	if p.Filled != nil {
		filled = p.Filled
	}
	if !slices.Equal(verify.Ranges, p.Compare) || !slices.Equal(verify.Filled, filled) {
		t.Fatalf("verify slice: ranges %v filled %v, want %v and %v", verify.Ranges, verify.Filled, p.Compare, filled)
	}
	checkObjects(t, p, verify)
	var all []partition.Range
	var records, bytes int64
	last := partition.Offset(-1)
	for _, s := range fills {
		if s.Kind != partition.SliceFill || len(s.Ranges) == 0 || len(s.Filled) != 0 {
			t.Fatalf("bad fill slice %+v", s)
		}
		if s.Ranges[0].From < last {
			t.Fatalf("slice %s starts at %d, before the end %d of the one before", s.ID, s.Ranges[0].From, last)
		}
		if err := normal(s.Ranges); err != nil {
			t.Fatalf("slice %s: %v", s.ID, err)
		}
		last = s.Ranges.Span().To
		all = append(all, s.Ranges...)
		records, bytes = records+s.Records, bytes+s.Bytes
		checkObjects(t, p, s)
		if s.Ranges.Len() > 1 && (s.Records > l.Records || s.Bytes > l.Bytes || s.Ranges.Len() > l.Positions || len(s.Ranges) > l.Ranges) {
			t.Fatalf("slice %s has %d records, %d bytes, %d positions, %d ranges, limits %+v", s.ID, s.Records, s.Bytes, s.Ranges.Len(), len(s.Ranges), l)
		}
		if len(s.Objects) > l.Objects && !overlapping(p, s) {
			t.Fatalf("slice %s has %d objects, limit %d", s.ID, len(s.Objects), l.Objects)
		}
	}
	if got := partition.Normalize(all); !slices.Equal(got, p.Fill) {
		t.Fatalf("fill slices cover %v, want %v", got, p.Fill)
	}
	m := newMeter(p)
	var wantRecords, wantBytes int64
	for _, r := range p.Fill {
		n, b := m.within(r)
		wantRecords, wantBytes = wantRecords+n, wantBytes+b
	}
	if records != wantRecords || bytes != wantBytes {
		t.Fatalf("fill slices have %d records and %d bytes, want %d and %d", records, bytes, wantRecords, wantBytes)
	}
}

// overlapping reports whether all objects of s may hold one and the same stretch: then the slice can not have fewer.
func overlapping(p Part, s partition.Slice) bool {
	if len(s.Ranges) != 1 {
		return false
	}
	for i := range p.Objects {
		if slices.Contains(s.Objects, p.Objects[i]) && !mayHold(p.Objects, i, s.Ranges[0].From) {
			return false
		}
	}
	return true
}

func checkObjects(t *rapid.T, p Part, s partition.Slice) {
	var want []partition.Object
	for i, o := range p.Objects {
		holds := false
		for _, r := range s.Ranges {
			for at := r.From; at < r.To && !holds; at++ {
				holds = mayHold(p.Objects, i, at)
			}
		}
		if holds {
			want = append(want, o)
		}
	}
	if !slices.Equal(s.Objects, want) {
		t.Fatalf("%s slice %s over %v has objects %v, want %v", s.Kind, s.ID, s.Ranges, s.Objects, want)
	}
}
