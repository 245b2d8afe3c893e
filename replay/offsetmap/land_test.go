package offsetmap

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestLand(t *testing.T) {
	for _, tc := range []struct {
		name   string
		pair   *pair
		at     int64
		replay Landing
		resume Landing
	}{
		{
			name: "a mirror", pair: newPair().has("a", "b", "c", "d").copies("a", "b", "c", "d"), at: 2,
			replay: Landing{Offset: 2}, resume: Landing{Offset: 2},
		},
		{
			name: "the reader is at the end", pair: newPair().has("a", "b").copies("a", "b"), at: 2,
			replay: Landing{Offset: 2}, resume: Landing{Offset: 2},
		},
		{
			name: "late ones at the end, of what was seen", pair: newPair().has("a", "b", "c", "d").copies("a", "c", "d", "b"), at: 2,
			replay: Landing{Offset: 1, Again: 1}, resume: Landing{Offset: 1, Again: 1},
		},
		{
			name: "what only the target has", pair: newPair().has("a", "b", "c").copies("old", "a", "new", "b", "c"), at: 2,
			replay: Landing{Offset: 0, Again: 2, Unknown: 2}, resume: Landing{Offset: 4, Passed: 2},
		},
		{
			name: "newer ones that only the target has", pair: newPair().has("a", "b").copies("a", "b", "new"), at: 2,
			replay: Landing{Offset: 2, Unknown: 1}, resume: Landing{Offset: 2, Unknown: 1},
		},
		{
			name: "what the target lacks", pair: newPair().has("a", "b", "c", "d", "e", "f").copies("a", "b", "d"), at: 1,
			replay: Landing{Offset: 1, Lacking: 3, Behind: 2}, resume: Landing{Offset: 1, Lacking: 3, Behind: 2},
		},
		{
			name: "nothing was seen", pair: newPair().has("a", "b").copies("x", "a", "b"), at: 0,
			replay: Landing{Unknown: 1}, resume: Landing{Unknown: 1},
		},
	} {
		p := tc.pair.build(t, ByContent)
		for choice, want := range map[Choice]Landing{Replay: tc.replay, Resume: tc.resume} {
			if diff := cmp.Diff(want, p.Land(tc.at, choice)); diff != "" {
				t.Errorf("%s, %s: -want +got\n%s", tc.name, choice, diff)
			}
		}
	}
	p := newPair().has("a", "b").copies("a", "b").build(t, ByContent)
	p.Source.From = 2
	if got := p.Land(0, Replay).Gone; got != 2 {
		t.Errorf("two offsets that the source has lost: got %d gone", got)
	}
}

// Whatever the target is, and wherever the reader stands: of each content, what the reader will see and what is said to be lacking are
// together what it has not seen, or more; and each number is what counting gives.
func TestNothingUnseenIsLeftOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPair()
		values := rapid.SliceOfN(rapid.IntRange(0, 12), 0, 40).Draw(t, "source")
		for _, v := range values {
			p.has(fmt.Sprint(v))
			if rapid.IntRange(0, 5).Draw(t, "hole") == 0 {
				p.hole(1)
			}
		}
		kept := rapid.SliceOfN(rapid.SampledFrom(append([]int{99}, values...)), 0, 40).Draw(t, "target")
		for _, v := range kept {
			p.copies(fmt.Sprint(v))
		}
		m, err := Build(t.Context(), p.input(ByContent), DefaultConfig())
		if err != nil {
			t.Fatal(err)
		}
		got := &m.Partitions[0]
		at := rapid.Int64Range(0, p.end()).Draw(t, "at")
		for _, choice := range []Choice{Replay, Resume} {
			l := got.Land(at, choice)
			unseen, covered := map[string]int{}, map[string]int{}
			for _, r := range p.source {
				if r.TimestampMs >= 0 && r.Offset >= at {
					unseen[string(r.Value)]++
					if got.SourceOnly.Contains(r.Offset) {
						covered[string(r.Value)]++
					}
				}
			}
			want := Landing{Offset: l.Offset}
			for _, r := range p.target.Logs[0].Records {
				if r.Offset >= l.Offset {
					covered[string(r.Value)]++
				}
				source, paired := got.Runs.Source(r.Offset)
				switch {
				case paired && source >= at && r.Offset < l.Offset:
					t.Fatalf("%s at %d goes on at %d, and the record at %d was never seen", choice, at, l.Offset, r.Offset)
				case paired && source < at && r.Offset >= l.Offset:
					want.Again++
				case !paired && r.Offset >= l.Offset:
					want.Unknown++
				case !paired:
					want.Passed++
				}
			}
			for v, n := range unseen {
				if covered[v] < n {
					t.Fatalf("%s at %d goes on at %d: %d of %q were not seen, %d are behind it or said to be lacking", choice, at, l.Offset, n, v, covered[v])
				}
			}
			for o := range got.SourceOnly.All() {
				if o >= at {
					want.Lacking++
				}
			}
			want.Behind = l.Behind
			if diff := cmp.Diff(want, l); diff != "" {
				t.Fatalf("%s at %d: -counted +got\n%s", choice, at, diff)
			}
			if choice == Replay && l.Passed != 0 {
				t.Fatalf("replay passes over %d", l.Passed)
			}
		}
	})
}
