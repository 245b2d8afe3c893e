package sink

import (
	"errors"
	"strings"
	"testing"

	"backstitch/partition"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func drawRuns(t *rapid.T, label string) []partition.Range {
	var out []partition.Range
	at := int64(0)
	for range rapid.IntRange(0, 5).Draw(t, label) {
		from := at + rapid.Int64Range(1, 1<<40).Draw(t, "gap")
		to := from + rapid.Int64Range(1, 1<<20).Draw(t, "len")
		out = append(out, partition.Range{From: from, To: to})
		at = to
	}
	return out
}

func TestStampComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, 1<<62)
		want := Stamp{
			Slice: rapid.Uint32().Draw(t, "slice"), Epoch: partition.Epoch(rapid.Uint64().Draw(t, "epoch")),
			Progress: Progress{
				Cursor: rapid.Int64().Draw(t, "cursor"), Records: n.Draw(t, "records"), Bytes: n.Draw(t, "bytes"),
				Suppressed: n.Draw(t, "suppressed"), Quarantined: n.Draw(t, "quarantined"), Scanned: n.Draw(t, "scanned"),
				Consumed: drawRuns(t, "consumed"),
			},
		}
		copy(want.Progress.Digest[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "digest"))
		for _, r := range drawRuns(t, "poison") {
			want.Progress.Poison = append(want.Progress.Poison, Poison{Range: r, Code: rapid.SampledFrom([]string{CodeTooLarge, "BST-Q101", "BST-Q007"}).Draw(t, "code"),
				Rule: rapid.IntRange(0, maxRules).Draw(t, "rule")})
		}
		got, err := ParseStamp(want.String())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("%s (-got +want):\n%s", want, diff)
		}
	})
}

// The form is kept in targets for as long as jobs run. It may only change together with its tag.
func TestStampForm(t *testing.T) {
	s := Stamp{Slice: 3, Epoch: 9, Progress: Progress{
		Cursor: 1010, Records: 7, Bytes: 700, Suppressed: 2, Quarantined: 1, Digest: [16]byte{0xab}, Scanned: 50,
		Poison:   []Poison{{Range: partition.Range{From: 1003, To: 1004}, Code: CodeTooLarge}},
		Consumed: partition.Ranges{{From: 60, To: 61}, {From: 70, To: 90}},
	}}
	const want = "bs1 3 9 1010 7 700 2 1 ab000000000000000000000000000000 50 6wcByQE PAEJFA"
	if got := s.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestStampIsStrict(t *testing.T) {
	good := Stamp{Slice: 3, Epoch: 9, Progress: Progress{Cursor: 5}}.String()
	for _, bad := range []string{
		"", "bs2" + good[3:], good + " ", good + " -", strings.Replace(good, " 3 ", " 03 ", 1), strings.Replace(good, " 5 ", " +5 ", 1),
		strings.Replace(good, " - -", " AAAA -", 1), strings.TrimSuffix(good, " -"), strings.Replace(good, " 9 ", " x ", 1),
	} {
		if _, err := ParseStamp(bad); !errors.Is(err, ErrProgress) {
			t.Errorf("%q: got %v, want %v", bad, err, ErrProgress)
		}
	}
}

func FuzzParseStamp(f *testing.F) {
	f.Add("bs1 3 9 1010 7 700 2 1 ab000000000000000000000000000000 50 6wcByQE PAEJFA")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseStamp(text)
		if err == nil && s.String() != text {
			t.Errorf("%q is read as %q", text, s)
		}
	})
}

func TestResume(t *testing.T) {
	slice := partition.Slice{ID: partition.SliceID{Job: "bs-a", N: 4}, Ranges: partition.Ranges{{From: 100, To: 200}}, TargetTo: 7}
	at := func(n uint32, e partition.Epoch) Stamp {
		return Stamp{Slice: n, Epoch: e, Progress: Progress{Cursor: 150, Records: 9, Scanned: 30, Consumed: partition.Ranges{{From: 40, To: 41}}}}
	}
	for _, c := range []struct {
		stamp  Stamp
		cursor partition.Offset
		err    error
	}{
		{at(3, 99), 100, nil}, {at(4, 2), 150, nil}, {at(4, 1), 150, nil}, {at(4, 3), 0, ErrFenced}, {at(5, 1), 0, ErrFenced},
	} {
		p, err := c.stamp.Resume(slice, 2)
		if !errors.Is(err, c.err) || p.Cursor != c.cursor {
			t.Errorf("stamp of slice %d epoch %d: got cursor %d, %v, want %d, %v", c.stamp.Slice, c.stamp.Epoch, p.Cursor, err, c.cursor, c.err)
		}
		if err == nil && (p.Scanned != 30 || len(p.Consumed) != 1) {
			t.Errorf("stamp of slice %d: what the lane used up is forgotten: %+v", c.stamp.Slice, p)
		}
	}
}
