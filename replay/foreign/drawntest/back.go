package drawntest

import (
	"bytes"
	"context"
	"errors"
	"io"

	"backstitch/partition"
	"backstitch/replay/foreign"
	"backstitch/replay/record"
	"backstitch/replay/source"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// Back is what an archive gives back of one partition.
type Back struct {
	Records []record.Record
	Damaged []*source.DamagedError // what listing and reading name
}

// Read lists an archive and reads one partition of it.
func Read(t *rapid.T, a *foreign.Archive, err error, part int32) Back {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	l, err := a.Catalog(context.Background(), nil)
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	out := Back{Damaged: l.Damaged}
	r, err := a.Open(context.Background(), partition.Slice{Partition: part, Ranges: partition.Ranges{{From: 0, To: 1 << 62}}, Objects: l.Objects[part]}, 0)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	defer r.Close()
	for {
		b, err := r.Next(context.Background())
		var d *source.DamagedError
		switch {
		case err == io.EOF:
			return out
		case errors.As(err, &d):
			out.Damaged = append(out.Damaged, d)
			continue
		case err != nil:
			t.Fatalf("read: %v", err)
		}
		for _, rec := range b.Records {
			out.Records = append(out.Records, clone(rec))
		}
		b.Release()
	}
}

// clone is a record of memory of its own, in which nil stays nil.
func clone(r record.Record) record.Record {
	r.Key, r.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
	var headers []record.Header
	for _, h := range r.Headers {
		headers = append(headers, record.Header{Key: h.Key, Value: bytes.Clone(h.Value)})
	}
	r.Headers = headers
	return r
}

// Whole fails unless want came back and nothing is named.
func (b *Back) Whole(t *rapid.T, want []record.Record) {
	t.Helper()
	if len(want) == 0 {
		t.Fatal("nothing was drawn")
	}
	if len(b.Damaged) > 0 {
		t.Fatalf("nothing is wrong, and it says %v", b.Damaged)
	}
	if diff := cmp.Diff(want, b.Records); diff != "" {
		t.Fatalf("- was laid out, + came back:\n%s", diff)
	}
}

// Hurt fails unless every record that came back is one of want at its own offset, and what did not come back has a name. lost are the offsets
// that may be lost; all others must be there.
func (b *Back) Hurt(t *rapid.T, want []record.Record, lost func(partition.Offset) bool) {
	t.Helper()
	was, missing := map[partition.Offset]record.Record{}, 0
	for _, r := range want {
		was[r.Offset] = r
	}
	for _, r := range b.Records {
		w, there := was[r.Offset]
		if diff := cmp.Diff(w, r); !there || diff != "" {
			t.Fatalf("at %d came back what was never there:\n%s\nnamed: %v", r.Offset, diff, b.Damaged)
		}
		delete(was, r.Offset)
	}
	for o := range was {
		if !lost(o) {
			t.Fatalf("%d is lost, though nothing is wrong with it; named: %v", o, b.Damaged)
		}
		missing++
	}
	b.named(t, missing)
}

// Subsequence is Hurt where positions are places, of which damage takes one even where it has cost no record: what came back must be some of
// want, in their order, and at most so many of them may be missing.
func (b *Back) Subsequence(t *rapid.T, want []record.Record, most int) {
	t.Helper()
	left := want
	for _, r := range b.Records {
		for len(left) > 0 && !samePart(left[0].Value, r.Value) {
			left = left[1:]
		}
		if len(left) == 0 {
			t.Fatalf("%q at %d was never there, or not in that order; named: %v", r.Value, r.Offset, b.Damaged)
		}
		left = left[1:]
	}
	if n := len(want) - len(b.Records); n > most {
		t.Fatalf("%d records are missing, and only %d can be hurt; named: %v", n, most, b.Damaged)
	}
	b.named(t, len(want)-len(b.Records))
}

// LooksCut reports whether something is named as cut. A bit that is turned over in what gzip has compressed can make it go on beyond its end: nothing
// tells that from an object that was cut, and what came before the end is believed.
func (b *Back) LooksCut() bool {
	for _, d := range b.Damaged {
		if d.Code == source.CodeTruncated {
			return true
		}
	}
	return false
}

func samePart(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

// named fails if something is missing, and nothing says so with a code.
func (b *Back) named(t *rapid.T, missing int) {
	t.Helper()
	if missing > 0 && len(b.Damaged) == 0 {
		t.Fatalf("%d records are missing without a word", missing)
	}
	for _, d := range b.Damaged {
		if d.Code == "" || d.Object == "" {
			t.Fatalf("damage without a name: %+v", d)
		}
	}
}
