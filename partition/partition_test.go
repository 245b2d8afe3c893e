package partition

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestIDsRoundTripAndSort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		job := rapid.StringMatching(`bs-[a-z2-7]{1,32}`)
		a := SliceID{Job: JobID(job.Draw(t, "a")), N: rapid.Uint32Range(0, 99_999_999).Draw(t, "an")}
		b := SliceID{Job: a.Job, N: rapid.Uint32Range(0, 99_999_999).Draw(t, "bn")}
		if got, err := ParseSliceID(a.String()); err != nil || got != a {
			t.Fatalf("parse %q: got %v, %v", a, got, err)
		}
		if (a.String() < b.String()) != (a.Compare(b) < 0) {
			t.Fatalf("%s and %s: the text sorts differently from Compare, which says %d", a, b, a.Compare(b))
		}
	})
}

func TestBadIDsAreRefused(t *testing.T) {
	for _, s := range []string{"", "bs-", "xx-abc", "bs-ABC", "bs-a1", "bs-a/b", "bs-" + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"} {
		if id, err := ParseJobID(s); err == nil {
			t.Errorf("job id %q: got %q, want an error", s, id)
		}
	}
	for _, s := range []string{"", "bs-a", "bs-a/1", "bs-a/-0000001", "bs-a/+0000001", "bs-a/0000000x", "bs-1/00000001", "bs-a/00000001/"} {
		if id, err := ParseSliceID(s); err == nil {
			t.Errorf("slice id %q: got %v, want an error", s, id)
		}
	}
}

func TestNormalizeKeepsEachPosition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var in []Range
		for range rapid.IntRange(0, 10).Draw(t, "ranges") {
			from := rapid.Int64Range(0, 60).Draw(t, "from")
			in = append(in, Range{From: from, To: from + rapid.Int64Range(-2, 12).Draw(t, "len")})
		}
		got := Normalize(slices.Clone(in))
		var n int64
		for o := Offset(-3); o < 80; o++ {
			want := slices.ContainsFunc(in, func(r Range) bool { return r.Contains(o) })
			if got.Contains(o) != want {
				t.Fatalf("position %d of %v: got %t, want %t in %v", o, in, !want, want, got)
			}
			if want {
				n++
			}
		}
		if got.Len() != n {
			t.Fatalf("length of %v: got %d, want %d", got, got.Len(), n)
		}
		for i, r := range got {
			if r.Empty() || i > 0 && r.From <= got[i-1].To {
				t.Fatalf("%v is not normal", got)
			}
			if span := got.Span(); r.From < span.From || r.To > span.To {
				t.Fatalf("%s lies outside the span %s", r, span)
			}
		}
	})
}

func TestOverlapsIsAboutPositions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bound := rapid.Int64Range(0, 8)
		a := Range{From: bound.Draw(t, "a from"), To: bound.Draw(t, "a to")}
		b := Range{From: bound.Draw(t, "b from"), To: bound.Draw(t, "b to")}
		want := false
		for o := Offset(0); o < 9; o++ {
			want = want || a.Contains(o) && b.Contains(o)
		}
		if got := a.Overlaps(b); got != want {
			t.Fatalf("%s overlaps %s: got %t, want %t", a, b, got, want)
		}
	})
}

func TestMinusKeepsWhatIsNotTaken(t *testing.T) {
	draw := func(t *rapid.T, name string) Ranges {
		var in []Range
		for range rapid.IntRange(0, 8).Draw(t, name) {
			from := rapid.Int64Range(0, 60).Draw(t, "from")
			in = append(in, Range{From: from, To: from + rapid.Int64Range(0, 12).Draw(t, "len")})
		}
		return Normalize(in)
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw(t, "a"), draw(t, "b")
		got := a.Minus(b)
		for o := Offset(-1); o < 80; o++ {
			if want := a.Contains(o) && !b.Contains(o); got.Contains(o) != want {
				t.Fatalf("position %d of %v without %v: got %t in %v", o, a, b, !want, got)
			}
		}
		if same := Normalize(slices.Clone(got)); !slices.Equal(same, got) {
			t.Fatalf("%v without %v: %v is not normal", a, b, got)
		}
	})
}
