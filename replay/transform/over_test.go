package transform_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"
	"backstitch/replay/source"
	"backstitch/replay/transform"
)

const migration = `[{"cast":{"field":"n","to":"integer"}},{"rename":{"field":"old","to":"new"}},{"default":{"field":"v","value":2}}]`

// orders are n records with holes between their offsets, some of them tombstones, and what the migration makes of them.
func orders(n int) (before, after []record.Record) {
	for i := range n {
		r := record.Record{Offset: partition.Offset(3 * i), TimestampMs: int64(i), Key: fmt.Append(nil, "k", i), Headers: []record.Header{{Key: "h", Value: []byte("x")}}}
		w := r
		if i%10 != 9 {
			r.Value = fmt.Appendf(nil, `{"n":"%d","old":"a"}`, i)
			w.Value = fmt.Appendf(nil, `{"n":%d,"new":"a","v":2}`, i)
		}
		before, after = append(before, r), append(after, w)
	}
	return before, after
}

func whole(n int) partition.Slice {
	return partition.Slice{Kind: partition.SliceFill, Ranges: partition.Ranges{{From: 0, To: partition.Offset(3 * n)}}}
}

func TestTheSourceSuiteHolds(t *testing.T) {
	replaytest.RunSourceSuite(t, func(t *testing.T) replaytest.SourceCase {
		before, after := orders(60)
		src := &replaytest.Memory{Records: map[int32][]record.Record{0: before}}
		return replaytest.SourceCase{Source: transform.Over(src, chain(t, migration)), Slice: whole(60), Want: after}
	})
}

// read returns all records and all damage from cursor on, in order: a place that is damaged has no value.
func read(t *testing.T, s source.Source, slice partition.Slice, cursor partition.Offset) (recs []record.Record, damage []*source.DamagedError) {
	t.Helper()
	r, err := s.Open(t.Context(), slice, cursor)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	next := cursor
	for {
		b, err := r.Next(t.Context())
		var d *source.DamagedError
		switch {
		case err == io.EOF:
			return recs, damage
		case errors.As(err, &d):
			if d.Offset < next || d.Next != d.Offset+1 {
				t.Errorf("damage [%d,%d) after %d", d.Offset, d.Next, next)
			}
			next, damage = d.Next, append(damage, d)
			continue
		case err != nil:
			t.Fatal(err)
		}
		var bytes int64
		for _, rec := range b.Records {
			if rec.Offset < next {
				t.Errorf("record %d after %d", rec.Offset, next)
			}
			next, bytes = rec.Offset+1, bytes+rec.Size()
			rec.Value = slices.Clone(rec.Value)
			recs = append(recs, rec)
		}
		if len(b.Records) == 0 || bytes != b.Bytes || b.Next < next {
			t.Errorf("a batch of %d records and %d bytes up to %d says %d bytes up to %d", len(b.Records), bytes, next, b.Bytes, b.Next)
		}
		next = b.Next
		b.Release()
	}
}

// Every record comes out changed or is named, from each cursor, wherever in a batch it lies.
func TestWhatCanNotBeChangedIsNamed(t *testing.T) {
	rng := replaytest.Seed(t)
	before, after := orders(80)
	bad := map[partition.Offset]bool{}
	for i := range before {
		if before[i].Value != nil && (rng.IntN(4) == 0 || i == 0 || i == 79) {
			before[i].Value, bad[before[i].Offset] = []byte(`{"n":"1.5","old":1}`), true
		}
	}
	slice := whole(80)
	slice.Objects = []partition.Object{{Key: "first", Base: 0, Count: 90}, {Key: "second", Base: 90, Count: 150}}
	s := transform.Over(&replaytest.Memory{Records: map[int32][]record.Record{0: before}, Batch: 1 + rng.IntN(9)}, chain(t, migration))
	for at := 0; at <= len(before); at++ {
		cursor := partition.Offset(3 * at)
		recs, damage := read(t, s, slice, cursor)
		i, j := 0, 0
		for _, want := range after[at:] {
			if bad[want.Offset] {
				if j == len(damage) || damage[j].Offset != want.Offset || damage[j].Code != source.CodeNoCast {
					t.Fatalf("from %d: %d is not named", cursor, want.Offset)
				}
				if name := map[bool]string{true: "first", false: "second"}[want.Offset < 90]; damage[j].Object != name || !strings.Contains(damage[j].Error(), "step 1") {
					t.Errorf("got %v, want object %s and the step", damage[j], name)
				}
				j++
				continue
			}
			if i == len(recs) || recs[i].Offset != want.Offset || string(recs[i].Value) != string(want.Value) || (recs[i].Value == nil) != (want.Value == nil) {
				t.Fatalf("from %d: record %d is not there, or other", cursor, want.Offset)
			}
			i++
		}
		if i != len(recs) || j != len(damage) {
			t.Fatalf("from %d: got %d records and %d damaged, want %d and %d", cursor, len(recs), len(damage), i, j)
		}
	}
}

// counted counts batches that were handed out and came back.
type counted struct {
	source.Source
	out, back int
}

func (c *counted) Open(ctx context.Context, s partition.Slice, cursor partition.Offset) (source.Reader, error) {
	r, err := c.Source.Open(ctx, s, cursor)
	return &countedReader{r, c}, err
}

type countedReader struct {
	source.Reader
	c *counted
}

func (r *countedReader) Next(ctx context.Context) (*record.Batch, error) {
	b, err := r.Reader.Next(ctx)
	if b != nil {
		r.c.out++
		free := b.Free
		b.Free = func() {
			r.c.back++
			free()
		}
	}
	return b, err
}

func TestEveryBatchComesBackOnce(t *testing.T) {
	before, _ := orders(60)
	for i := 0; i < 60; i += 4 {
		before[i].Value = []byte("poison")
	}
	c := &counted{Source: &replaytest.Memory{Records: map[int32][]record.Record{0: before}}}
	s := transform.Over(c, chain(t, migration))
	read(t, s, whole(60), 0)
	if c.out == 0 || c.out != c.back {
		t.Errorf("%d batches were handed out, %d came back", c.out, c.back)
	}
	// Left in the middle of a batch that is in parts.
	r, err := s.Open(t.Context(), whole(60), 3)
	if err != nil {
		t.Fatal(err)
	}
	b, err := r.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.Release()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if c.out != c.back {
		t.Errorf("left early: %d batches were handed out, %d came back", c.out, c.back)
	}
}

func TestDigestsAreNoRecords(t *testing.T) {
	r, err := transform.Over(digests{}, chain(t, migration)).Open(t.Context(), partition.Slice{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := r.Next(t.Context()); err == nil {
		t.Errorf("got %+v, want an error: nothing of it was changed", b)
	}
}

type digests struct{ source.Source }

func (digests) Open(context.Context, partition.Slice, partition.Offset) (source.Reader, error) {
	return digests{}, nil
}

func (digests) Next(context.Context) (*record.Batch, error) {
	return &record.Batch{Records: make([]record.Record, 1), Digests: make([]record.Digest, 1)}, nil
}

func (digests) Close() error { return nil }
