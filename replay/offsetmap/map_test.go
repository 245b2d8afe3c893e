package offsetmap

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/gap/gaptest"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"
	"backstitch/replay/sink"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// pair is one topic beside another, in one partition.
type pair struct {
	source []record.Record
	target *gaptest.Target
}

func newPair() *pair { return &pair{target: gaptest.New(1)} }

func rec(offset int64, value string) record.Record {
	return record.Record{Offset: offset, Value: []byte(value), TimestampMs: 1}
}

// has puts values into the source, one after the other.
func (p *pair) has(values ...string) *pair {
	for _, v := range values {
		p.source = append(p.source, rec(p.end(), v))
	}
	return p
}

// hole leaves out n offsets, as markers and compaction do.
func (p *pair) hole(n int64) *pair {
	p.source = append(p.source, record.Record{Offset: p.end() + n - 1, Value: nil, TimestampMs: -1})
	return p
}

func (p *pair) end() int64 {
	if len(p.source) == 0 {
		return 0
	}
	return p.source[len(p.source)-1].Offset + 1
}

// copies puts values into the target.
func (p *pair) copies(values ...string) *pair {
	for _, v := range values {
		p.target.Append(0, rec(0, v))
	}
	return p
}

// refills puts the source's records at those offsets into the target, as a job does.
func (p *pair) refills(offsets ...int64) *pair {
	for _, o := range offsets {
		for _, r := range p.source {
			if r.Offset == o {
				p.target.AppendOurs("bs-1", "orders", 0, r)
			}
		}
	}
	return p
}

func (p *pair) input(by By) Input {
	var records []record.Record
	for _, r := range p.source {
		if r.TimestampMs >= 0 {
			records = append(records, r)
		}
	}
	return Input{
		SourceTopic: "orders", By: by, Target: p.target, Source: &replaytest.Memory{Records: map[int32][]record.Record{0: records}},
		Extents: map[int32]gap.Extent{0: {Range: partition.Range{To: p.end()}}},
	}
}

func (p *pair) build(t testing.TB, by By) *Partition {
	t.Helper()
	m, err := Build(t.Context(), p.input(by), DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	return &m.Partitions[0]
}

func runsOf(p *Partition) []Run { return slices.Collect(p.Runs.All()) }

func offsets(positions func(func(int64) bool)) []int64 { return slices.Collect(positions) }

func TestRunsAreStretchesInStep(t *testing.T) {
	for _, tc := range []struct {
		name       string
		pair       *pair
		by         By
		runs       []Run
		sourceOnly []int64
		targetOnly []int64
		back       int64
	}{
		{name: "a mirror that began later", pair: newPair().has("a", "b", "c", "d").copies("c", "d"), runs: []Run{{2, 0, 2}}, sourceOnly: []int64{0, 1}},
		{name: "markers are in no run", pair: newPair().has("a", "b").hole(1).has("c").copies("a", "b", "c"), runs: []Run{{0, 0, 2}, {3, 2, 1}}},
		{name: "refilled at the end", pair: newPair().has("a", "b", "c", "d").copies("a", "d").refills(1, 2), runs: []Run{{0, 0, 1}, {1, 2, 2}, {3, 1, 1}}, back: 1},
		{name: "equal ones, the oldest with the oldest", pair: newPair().has("x", "y", "x").copies("x", "x"), runs: []Run{{0, 0, 1}, {2, 1, 1}}, sourceOnly: []int64{1}},
		{name: "what only the target has", pair: newPair().has("a", "b").copies("0", "a", "1", "b"), runs: []Run{{0, 1, 1}, {1, 3, 1}}, targetOnly: []int64{0, 2}},
		{name: "nothing in common", pair: newPair().has("a").copies("b"), sourceOnly: []int64{0}, targetOnly: []int64{0}},
		{name: "two empty sides", pair: newPair()},
		{
			name: "headers tell equal records apart", by: ByHeaders,
			pair: newPair().has("x", "y", "x").refills(2).copies("x"), runs: []Run{{0, 1, 1}, {2, 0, 1}}, sourceOnly: []int64{1}, back: 1,
		},
	} {
		got := tc.pair.build(t, tc.by)
		if diff := cmp.Diff(tc.runs, runsOf(got)); diff != "" {
			t.Errorf("%s: runs: -want +got\n%s", tc.name, diff)
		}
		if diff := cmp.Diff(tc.sourceOnly, offsets(got.SourceOnly.All())); diff != "" {
			t.Errorf("%s: only in the source: -want +got\n%s", tc.name, diff)
		}
		if diff := cmp.Diff(tc.targetOnly, offsets(got.TargetOnly.All())); diff != "" {
			t.Errorf("%s: only in the target: -want +got\n%s", tc.name, diff)
		}
		if got.Runs.Back() != tc.back {
			t.Errorf("%s: goes back %d times, want %d", tc.name, got.Runs.Back(), tc.back)
		}
	}
}

// A record that was changed on its way is no record of the source by content, whatever its headers say; by headers it is the one they name.
func TestHeadersOfAChangedRecord(t *testing.T) {
	p := newPair().has("a", "b", "c").copies("a")
	changed := rec(1, "B")
	p.target.AppendOurs("bs-1", "orders", 0, changed)
	p.target.AppendOurs("bs-1", "invoices", 0, rec(2, "c2")) // of another source
	p.target.AppendOurs("bs-2", "orders", 0, changed)        // a second copy
	got := p.build(t, ByContent)
	if got.Named != 2 || got.Runs.Pairs() != 1 {
		t.Errorf("by content: %d named, %d paired, want 2 and 1", got.Named, got.Runs.Pairs())
	}
	got = p.build(t, ByHeaders)
	if at, ok := got.Runs.Target(1); !ok || at != 1 || got.Marked != 1 {
		t.Errorf("by headers: offset 1 is at %d, %t, %d marked; want 1 and 1 marked", at, ok, got.Marked)
	}
	if diff := cmp.Diff([]int64{2, 3}, offsets(got.TargetOnly.All())); diff != "" {
		t.Errorf("by headers, only in the target: -want +got\n%s", diff)
	}
}

func TestWhatCanNotBeMappedSaysWhy(t *testing.T) {
	whole := func() Input { return newPair().has("a").copies("a").input(ByContent) }
	for want, in := range map[string]func() Input{
		"the target has no such partition": func() Input {
			in := whole()
			in.Extents = map[int32]gap.Extent{7: {}}
			return in
		},
		"the two sides have no values in common that could be compared": func() Input {
			in := whole()
			in.Ignore = record.FieldValue
			return in
		},
		"directory is not listed": func() Input {
			in := whole()
			in.Extents = map[int32]gap.Extent{0: {Unlisted: "directory is not listed"}}
			return in
		},
	} {
		m, err := Build(t.Context(), in(), DefaultConfig())
		if err != nil || m.Partitions[0].Broken != want {
			t.Errorf("got %v, %+v, want %q", err, m, want)
		}
	}
	in := whole()
	in.Source.(*replaytest.Memory).Damaged = map[int64]int64{0: 1}
	m, err := Build(t.Context(), in, DefaultConfig())
	if err != nil || m.Partitions[0].Broken == "" || m.Partitions[0].Runs.Pairs() != 0 {
		t.Errorf("a damaged source: got %v, %+v, want it broken", err, m)
	}
}

// A copy with timestamps of its own is one all the same to whoever leaves them out, and is told so.
func TestPartsThatAreLeftOut(t *testing.T) {
	p := newPair().has("a", "b")
	for _, v := range []string{"a", "b"} {
		r := rec(0, v)
		r.TimestampMs = 99
		p.target.Append(0, r)
	}
	if got := p.build(t, ByContent); got.Runs.Pairs() != 0 {
		t.Errorf("with timestamps: %d paired, want none", got.Runs.Pairs())
	}
	in := p.input(ByContent)
	in.Ignore = record.FieldTimestamp
	m, err := Build(t.Context(), in, DefaultConfig())
	if err != nil || m.Partitions[0].Runs.Pairs() != 2 || !slices.Equal(m.NotChecked, []string{"timestamps: to be left out"}) {
		t.Errorf("without: got %v, %+v", err, m)
	}
}

// Two sides in the opposite order are in step nowhere.
func TestAMapThatWouldBeTooLargeIsRefused(t *testing.T) {
	p := newPair()
	for i := range 100 {
		p.has(fmt.Sprint(i))
	}
	for i := range 100 {
		p.copies(fmt.Sprint(99 - i))
	}
	cfg := DefaultConfig()
	cfg.MaxRuns = 99
	if _, err := Build(t.Context(), p.input(ByContent), cfg); !errors.Is(err, ErrFragmented) {
		t.Errorf("99 runs allowed: got %v, want ErrFragmented", err)
	}
	cfg.MaxRuns = 100
	m, err := Build(t.Context(), p.input(ByContent), cfg)
	if err != nil || m.Partitions[0].Runs.Len() != 100 || m.Partitions[0].Runs.Back() != 99 {
		t.Errorf("100 runs allowed: got %v", err)
	}
}

// Runs come in any order, and those that touch become one; each pair is found from both sides.
func TestRunsKeepEveryPair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 400).Draw(t, "pairs")
		sources, targets := make([]int64, n), make([]int64, n)
		s, g := rapid.Int64Range(0, 1<<40).Draw(t, "source"), rapid.Int64Range(0, 1<<40).Draw(t, "target")
		for i := range n {
			s, g = s+1+rapid.SampledFrom([]int64{0, 0, 0, 1, 70}).Draw(t, "s"), g+1+rapid.SampledFrom([]int64{0, 0, 0, 1, 70}).Draw(t, "t")
			sources[i], targets[i] = s, g
		}
		if n > 2 {
			i, j := rapid.IntRange(0, n-1).Draw(t, "i"), rapid.IntRange(0, n-1).Draw(t, "j")
			targets[i], targets[j] = targets[j], targets[i]
		}
		order := rapid.Permutation(slices.Collect(func(yield func(int) bool) {
			for i := range n {
				if !yield(i) {
					return
				}
			}
		})).Draw(t, "order")
		b := builder{budget: &budget{limit: 1 << 20}}
		for _, i := range order {
			if err := b.add(sources[i], targets[i]); err != nil {
				t.Fatal(err)
			}
		}
		runs := b.done()
		if runs.Pairs() != int64(n) || b.budget.held.Load() != runs.Len() {
			t.Fatalf("%d pairs in %d runs, %d held, want %d pairs", runs.Pairs(), runs.Len(), b.budget.held.Load(), n)
		}
		for i := range n {
			if got, ok := runs.Target(sources[i]); !ok || got != targets[i] {
				t.Fatalf("target of %d: got %d, %t, want %d", sources[i], got, ok, targets[i])
			}
			if got, ok := runs.Source(targets[i]); !ok || got != sources[i] {
				t.Fatalf("source of %d: got %d, %t, want %d", targets[i], got, ok, sources[i])
			}
			if _, ok := runs.Target(sources[i] + 1); ok && (i == n-1 || sources[i+1] != sources[i]+1) {
				t.Fatalf("%d has a target", sources[i]+1)
			}
		}
		var last Run
		for r := range runs.All() {
			if last.Count > 0 && last.Source+last.Count == r.Source && last.Target+last.Count == r.Target {
				t.Fatalf("%+v and %+v are one", last, r)
			}
			last = r
		}
	})
}

// A topic that a job has written into another number of partitions has records of several partitions of the source in each of its own. A map by
// number would call most of them lost, and one with a few pairs would look like an answer: there is none, and it says why.
func TestAnotherNumberOfPartitionsIsNotMapped(t *testing.T) {
	p := newPair().has("a", "b", "c").refills(0, 1)
	other := rec(0, "x")
	other.Headers = []record.Header{{Key: sink.JobHeader, Value: []byte("bs-1")}, {Key: sink.OriginHeader, Value: []byte("orders/3/7")}}
	p.target.Append(0, other)
	for _, by := range []By{ByContent, ByHeaders} {
		m, err := Build(t.Context(), p.input(by), DefaultConfig())
		if err != nil {
			t.Fatal(err)
		}
		got := m.Partitions[0]
		if want := "the target has records of other partitions of orders there, 1 of them: a job has written it into another number of partitions"; got.Broken != want || got.Runs.Pairs() != 0 {
			t.Errorf("by %s: got %q and %d pairs, want %q and none", by, got.Broken, got.Runs.Pairs(), want)
		}
	}
}
