package replaytest

import (
	"context"
	"errors"
	"io"
	"testing"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/source"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// SourceCase is one reference under test.
type SourceCase struct {
	Source source.Source
	Slice  partition.Slice // wants all that is there
	Want   []record.Record // what reading the slice gives, with offsets
}

// RunSourceSuite checks the promises of package source. setup makes a reference of some dozens of records, in more than one
// object or batch if the kind has such.
func RunSourceSuite(t *testing.T, setup func(t *testing.T) SourceCase) {
	for name, test := range map[string]func(*testing.T, SourceCase){
		"all of a slice":                   testReadAll,
		"from every cursor the exact rest": testEveryCursor,
		"only what a slice wants":          testOnlyWanted,
		"two readers at a time":            testTwoReaders,
		"a reader ends with its context":   testCancelled,
		"a reader may be left early":       testLeftEarly,
		"digests are those of the records": testDigests,
	} {
		t.Run(name, func(t *testing.T) { test(t, setup(t)) })
	}
}

// ReadSlice reads slice from cursor to its end and checks what every batch promises.
func ReadSlice(tb testing.TB, s source.Source, slice partition.Slice, cursor partition.Offset) []record.Record {
	tb.Helper()
	r, err := s.Open(tb.Context(), slice, cursor)
	if err != nil {
		tb.Fatal(err)
	}
	defer r.Close()
	var out []record.Record
	last := partition.Offset(-1)
	for {
		b, err := r.Next(tb.Context())
		if err == io.EOF {
			return out
		}
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, keep(tb, b, &last)...)
		b.Release()
	}
}

// keep copies the records of b after checking them.
func keep(tb testing.TB, b *record.Batch, last *partition.Offset) []record.Record {
	tb.Helper()
	if len(b.Records) == 0 {
		tb.Error("a batch is empty")
	}
	var bytes int64
	var out []record.Record
	for _, r := range b.Records {
		if r.Offset <= *last {
			tb.Errorf("offset %d after %d: want rising ones", r.Offset, *last)
		}
		*last = r.Offset
		bytes += r.Size()
		r.Key, r.Value = clone(r.Key), clone(r.Value)
		var hs []record.Header
		for _, h := range r.Headers {
			hs = append(hs, record.Header{Key: string(append([]byte{}, h.Key...)), Value: clone(h.Value)})
		}
		r.Headers = hs
		out = append(out, r)
	}
	if b.Bytes != bytes {
		tb.Errorf("a batch says %d bytes, its records have %d", b.Bytes, bytes)
	}
	if b.Next <= *last {
		tb.Errorf("cursor %d after a batch that ends with offset %d", b.Next, *last)
	}
	return out
}

func wantRecords(t *testing.T, what string, got, want []record.Record) {
	t.Helper()
	if Same(got, want) {
		return
	}
	if diff := cmp.Diff(got, want, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-got +want):\n%s", what, diff)
	}
	for i := range min(len(got), len(want)) {
		if (got[i].Key == nil) != (want[i].Key == nil) || (got[i].Value == nil) != (want[i].Value == nil) {
			t.Errorf("%s, record %d: nulls differ: got %+v, want %+v", what, i, got[i], want[i])
		}
	}
}

func testReadAll(t *testing.T, c SourceCase) {
	if len(c.Want) < 20 {
		t.Fatalf("%d records are too few to mean anything", len(c.Want))
	}
	wantRecords(t, "slice", ReadSlice(t, c.Source, c.Slice, c.Slice.Ranges.Span().From), c.Want)
}

func testEveryCursor(t *testing.T, c SourceCase) {
	for i := range c.Want {
		wantRecords(t, "rest", ReadSlice(t, c.Source, c.Slice, c.Want[i].Offset), c.Want[i:])
		if t.Failed() {
			t.Fatalf("reading from %d", c.Want[i].Offset)
		}
	}
	wantRecords(t, "after the end", ReadSlice(t, c.Source, c.Slice, c.Slice.Ranges.Span().To), nil)
}

func testOnlyWanted(t *testing.T, c SourceCase) {
	slice := c.Slice
	var want []record.Record
	var ranges []partition.Range
	for i, r := range c.Want {
		if i%7 < 3 || i%11 == 5 {
			want = append(want, r)
			ranges = append(ranges, partition.Range{From: r.Offset, To: r.Offset + 1})
		}
	}
	slice.Ranges = partition.Normalize(ranges)
	wantRecords(t, "scattered ranges", ReadSlice(t, c.Source, slice, slice.Ranges.Span().From), want)
}

func testTwoReaders(t *testing.T, c SourceCase) {
	a, err := c.Source.Open(t.Context(), c.Slice, c.Slice.Ranges.Span().From)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	first, err := a.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantRecords(t, "second reader", ReadSlice(t, c.Source, c.Slice, c.Slice.Ranges.Span().From), c.Want)
	last := partition.Offset(-1)
	wantRecords(t, "batch that the first reader gave before", keep(t, first, &last), c.Want[:len(first.Records)])
	first.Release()
}

func testCancelled(t *testing.T, c SourceCase) {
	ctx, cancel := context.WithCancel(t.Context())
	r, err := c.Source.Open(ctx, c.Slice, c.Slice.Ranges.Span().From)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cancel()
	for range len(c.Want) + 1 {
		b, err := r.Next(ctx)
		if err != nil {
			if !errors.Is(err, context.Canceled) && err != io.EOF {
				t.Errorf("got %v, want %v", err, context.Canceled)
			}
			return
		}
		b.Release()
	}
	t.Error("the reader goes on for ever")
}

func testLeftEarly(t *testing.T, c SourceCase) {
	r, err := c.Source.Open(t.Context(), c.Slice, c.Slice.Ranges.Span().From)
	if err != nil {
		t.Fatal(err)
	}
	b, err := r.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.Release()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
