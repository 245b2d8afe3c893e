package replaytest

import (
	"io"
	"strings"
	"testing"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/source"

	"github.com/google/go-cmp/cmp"
)

// digested is what a comparison sees of a record.
type digested struct {
	Offset partition.Offset
	Ms     int64
	Own    []record.Header
	Digest record.Digest
}

// digestsOf works out what a comparison sees of records that were read.
func digestsOf(rs []record.Record, fields record.Fields) (out []digested) {
	var h record.Hasher
	for i := range rs {
		d := digested{Offset: rs[i].Offset, Ms: rs[i].TimestampMs, Digest: h.Digest(&rs[i], fields)}
		for _, x := range rs[i].Headers {
			if strings.HasPrefix(x.Key, record.OwnHeaderPrefix) {
				d.Own = append(d.Own, x)
			}
		}
		out = append(out, d)
	}
	return out
}

// readDigests reads slice from cursor to its end as digests, and checks what every batch promises.
func readDigests(t *testing.T, s source.Digester, slice partition.Slice, cursor partition.Offset, fields record.Fields) (out []digested) {
	t.Helper()
	r, err := s.OpenDigests(t.Context(), slice, cursor, fields)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		b, err := r.Next(t.Context())
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Records) == 0 || len(b.Digests) != len(b.Records) {
			t.Fatalf("a batch of %d records has %d digests", len(b.Records), len(b.Digests))
		}
		var bytes int64
		for i := range b.Records {
			rec := &b.Records[i]
			d := digested{Offset: rec.Offset, Ms: rec.TimestampMs, Digest: b.Digests[i]}
			for _, x := range rec.Headers {
				d.Own = append(d.Own, record.Header{Key: strings.Clone(x.Key), Value: clone(x.Value)})
			}
			out = append(out, d)
			bytes += d.Digest.Bytes
		}
		if last := b.Records[len(b.Records)-1].Offset; b.Bytes != bytes || b.Next <= last {
			t.Errorf("a batch says %d bytes and cursor %d, its digests have %d and end with offset %d", b.Bytes, b.Next, bytes, last)
		}
		b.Release()
	}
}

// testDigests compares digests with those of the records that are read, under every mask. A source that gives none has nothing to show.
func testDigests(t *testing.T, c SourceCase) {
	s, ok := c.Source.(source.Digester)
	if !ok {
		t.Skip("its records are hashed by who reads them")
	}
	for fields := range record.AllFields + 1 {
		if fields&^c.Source.Fields() != 0 {
			continue
		}
		for _, i := range []int{0, 1, len(c.Want) / 2, len(c.Want) - 1} {
			got := readDigests(t, s, c.Slice, c.Want[i].Offset, fields)
			if diff := cmp.Diff(got, digestsOf(c.Want[i:], fields)); diff != "" {
				t.Fatalf("fields %04b from %d (-got +want):\n%s", fields, c.Want[i].Offset, diff)
			}
		}
	}
	slice := c.Slice
	var want []record.Record
	slice.Ranges = nil
	for i, r := range c.Want {
		if i%5 < 2 {
			want, slice.Ranges = append(want, r), append(slice.Ranges, partition.Range{From: r.Offset, To: r.Offset + 1})
		}
	}
	slice.Ranges = partition.Normalize(slice.Ranges)
	got := readDigests(t, s, slice, slice.Ranges.Span().From, c.Source.Fields())
	if diff := cmp.Diff(got, digestsOf(want, c.Source.Fields())); diff != "" {
		t.Errorf("scattered ranges (-got +want):\n%s", diff)
	}
}
