package verify_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/gap/gaptest"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/replaytest"
	"backstitch/replay/source"
	"backstitch/replay/verify"
	"backstitch/replay/worker"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ worker.Verifier = (*verify.Verifier)(nil)

const job = partition.JobID("bs-testjob")

// fixture is one partition of 100 records of which [20,40) and 50 were lost, as the plan saw it.
type fixture struct {
	all    []record.Record
	ref    *replaytest.Memory
	target *gaptest.Target
	work   verify.Work
}

func lost(o int64) bool { return (o >= 20 && o < 40) || o == 50 }

func newFixture(before func(f *fixture)) *fixture {
	f := &fixture{target: gaptest.New(1)}
	for i := range int64(100) {
		f.all = append(f.all, record.Record{
			Offset: i, TimestampMs: 1000 + i, Key: fmt.Appendf(nil, "k%d", i), Value: fmt.Appendf(nil, "value %d", i),
		})
	}
	f.ref = &replaytest.Memory{Records: map[int32][]record.Record{0: f.all}, Damaged: map[int64]int64{}}
	for _, r := range f.all {
		if !lost(r.Offset) {
			f.target.Append(0, r)
		}
	}
	if before != nil {
		before(f)
	}
	_, end, _ := f.target.Bounds(context.Background(), 0)
	f.work = verify.Work{
		Slice: partition.Slice{
			ID: partition.SliceID{Job: job, N: 1}, Kind: partition.SliceVerify, Ranges: partition.Ranges{{From: 0, To: 100}},
			Filled: partition.Ranges{{From: 20, To: 40}, {From: 50, To: 51}}, TargetTo: end,
		},
		Recipe:    recovery.Recipe{Target: recovery.Target{Topic: "orders"}, Write: recovery.Write{OriginHeaders: true}},
		Reference: f.ref, Target: f.target,
	}
	return f
}

// refill writes what was lost, but what skip says.
func (f *fixture) refill(skip func(o int64) bool) {
	for _, r := range f.all {
		if !lost(r.Offset) || (skip != nil && skip(r.Offset)) {
			continue
		}
		if f.work.Recipe.Write.OriginHeaders {
			f.target.AppendOurs(job, "orders", 0, r)
		} else {
			f.target.Append(0, r)
		}
	}
}

func (f *fixture) compare(t *testing.T) verify.Result {
	t.Helper()
	c, err := verify.New(verify.DefaultConfig()).Compare(context.Background(), f.work)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func none(int64) bool { return false }

// The last records of the job are committed, and not seen as long as somebody else's transaction is open below them.
func TestWhatIsNotDecidedIsNotMissing(t *testing.T) {
	f := newFixture(nil)
	f.refill(none)
	f.target.Logs[0].Undecided = 3
	if c := f.compare(t); c.Verdict != fsm.Pass || c.Missing != 0 || c.Actual.Records != 100 {
		t.Errorf("got %s, %d missing, %d records (%s), want a pass of 100", c.Verdict, c.Missing, c.Actual.Records, c.Detail)
	}
	f = newFixture(nil)
	f.refill(func(o int64) bool { return o == 33 })
	f.target.Logs[0].Undecided = 3
	if c := f.compare(t); c.Verdict != fsm.Fail || c.Missing != 1 {
		t.Errorf("without record 33: got %s, %d missing, want it alone", c.Verdict, c.Missing)
	}
}

// Each case does to the target what could go wrong. What must come out is the verdict, the figures that differ from those of a
// clean pass, and the words that name the place.
func TestWhatGoesWrongIsSeen(t *testing.T) {
	type want struct {
		verdict                                          fsm.Verdict
		evidence                                         fsm.Evidence
		missing, extra, pre, introduced, order, actually int64
		detail, notChecked                               string
	}
	at := func(f *fixture, offset int64) *record.Record {
		for i := range f.target.Logs[0].Records {
			if r := &f.target.Logs[0].Records[i]; r.Offset == offset {
				return r
			}
		}
		return nil
	}
	for name, c := range map[string]struct {
		before func(f *fixture) // before the plan
		since  func(f *fixture) // since the plan
		want   want
	}{
		"nothing": {
			since: func(f *fixture) { f.refill(none) },
			want:  want{verdict: fsm.Pass, evidence: fsm.E3, actually: 100},
		},
		"a record was not written": {
			since: func(f *fixture) { f.refill(func(o int64) bool { return o == 33 }) },
			want:  want{verdict: fsm.Fail, evidence: fsm.E3, missing: 1, actually: 99, detail: "reference offset 33 is missing (window "},
		},
		"a refilled record was written twice": {
			since: func(f *fixture) { f.refill(none); f.target.AppendOurs(job, "orders", 0, f.all[33]) },
			want:  want{verdict: fsm.Fail, evidence: fsm.E3, introduced: 1, actually: 100, detail: "orders/p00 offset 100: the job wrote this record twice"},
		},
		"the job wrote a record that was there": {
			since: func(f *fixture) { f.refill(none); f.target.AppendOurs(job, "orders", 0, f.all[3]) },
			want:  want{verdict: fsm.Fail, evidence: fsm.E3, introduced: 1, actually: 100, detail: "orders/p00 offset 100"},
		},
		"refilled records changed places": {
			since: func(f *fixture) {
				f.refill(none)
				rs := f.target.Logs[0].Records
				a, b := &rs[len(rs)-3], &rs[len(rs)-4]
				*a, *b = *b, *a
				a.Offset, b.Offset = b.Offset, a.Offset
			},
			want: want{verdict: fsm.Fail, evidence: fsm.E3, order: 1, actually: 100, detail: "not in the reference's order: orders/p00 offset 96 stands where reference offset 37 should (window "},
		},
		"one byte of a refilled record was changed": {
			since: func(f *fixture) { f.refill(none); at(f, 85).Value = []byte("valuf 26") },
			want:  want{verdict: fsm.Fail, evidence: fsm.E3, missing: 1, extra: 1, actually: 99, detail: "orders/p00 offset 85: value differs from reference offset 26"},
		},
		"one byte of a survivor was changed": {
			since: func(f *fixture) { f.refill(none); at(f, 60).Value = []byte("x") },
			want:  want{verdict: fsm.Fail, evidence: fsm.E3, missing: 1, extra: 1, actually: 99, detail: "orders/p00 offset 60: value differs from reference offset 81"},
		},
		"the timestamp of a survivor was changed": {
			since: func(f *fixture) { f.refill(none); at(f, 5).TimestampMs = 7 },
			want:  want{verdict: fsm.Fail, evidence: fsm.E3, missing: 1, extra: 1, actually: 99, detail: "orders/p00 offset 5: timestamp differs"},
		},
		"a tombstone became an empty value": {
			before: func(f *fixture) { f.all[3].Value = nil; at(f, 3).Value = []byte{} },
			since:  func(f *fixture) { f.refill(none) },
			want:   want{verdict: fsm.Fail, evidence: fsm.E3, missing: 1, extra: 1, actually: 99, detail: "orders/p00 offset 3: value differs"},
		},
		"a survivor was deleted since the plan": {
			since: func(f *fixture) {
				f.refill(none)
				f.target.Logs[0].Start, f.target.Logs[0].Records = 2, f.target.Logs[0].Records[2:]
			},
			want: want{verdict: fsm.Fail, evidence: fsm.E3, missing: 2, actually: 98, detail: "begins at offset 2, the plan saw 0"},
		},
		"there were duplicates before the job": {
			before: func(f *fixture) { f.target.Append(0, f.all[5:9]...) },
			since:  func(f *fixture) { f.refill(none) },
			want:   want{verdict: fsm.Pass, evidence: fsm.E3, pre: 4, actually: 100},
		},
		"there were records that the reference does not know": {
			before: func(f *fixture) { f.target.Append(0, record.Record{Value: []byte("who?")}) },
			since:  func(f *fixture) { f.refill(none) },
			want:   want{verdict: fsm.Pass, evidence: fsm.E3, extra: 1, actually: 100},
		},
		"survivors were out of order before the job": {
			before: func(f *fixture) {
				rs := f.target.Logs[0].Records
				rs[3].Offset, rs[4].Offset = 4, 3
				rs[3], rs[4] = rs[4], rs[3]
			},
			since: func(f *fixture) { f.refill(none) },
			want:  want{verdict: fsm.Pass, evidence: fsm.E2, actually: 100, notChecked: "order of the records from before the job: it is not that of the reference, first at orders/p00 offset 3"},
		},
		"a producer went on": {
			since: func(f *fixture) {
				f.target.Append(0, record.Record{TimestampMs: 9999, Value: []byte("newer")})
				f.refill(none)
				f.target.Append(0, record.Record{TimestampMs: 9999, Value: []byte("newest")})
			},
			want: want{verdict: fsm.Pass, evidence: fsm.E3, actually: 100},
		},
		"somebody else wrote a lost record since the plan": {
			since: func(f *fixture) {
				f.target.Append(0, f.all[33])
				f.refill(func(o int64) bool { return o == 33 })
			},
			want: want{verdict: fsm.Pass, evidence: fsm.E3, actually: 100},
		},
		"nothing was written": {
			want: want{verdict: fsm.Fail, evidence: fsm.E3, missing: 21, actually: 79, detail: "reference offset 20 is missing"},
		},
		"the target lost its end": {
			since: func(f *fixture) { f.target.Logs[0].Records = f.target.Logs[0].Records[:70] },
			want:  want{verdict: fsm.Fail, evidence: fsm.E3, missing: 9 + 21, actually: 70, detail: "ends at offset 70, the plan saw 79"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(c.before)
			if c.since != nil {
				c.since(f)
			}
			got := f.compare(t)
			w := c.want
			if got.Verdict != w.verdict || got.Evidence != w.evidence {
				t.Errorf("got %s at %s, want %s at %s; detail %q", got.Verdict, got.Evidence, w.verdict, w.evidence, got.Detail)
			}
			figures := [...]int64{got.Missing, got.Extra, got.PreexistingDuplicates, got.IntroducedDuplicates, got.OrderViolations, got.Actual.Records}
			if want := [...]int64{w.missing, w.extra, w.pre, w.introduced, w.order, w.actually}; figures != want {
				t.Errorf("missing, extra, twice before, twice since, out of order, actual: got %v, want %v", figures, want)
			}
			if !strings.Contains(got.Detail, w.detail) || (w.detail == "") != (got.Detail == "") {
				t.Errorf("detail: got %q, want %q", got.Detail, w.detail)
			}
			if text := strings.Join(got.NotChecked, "; "); !strings.Contains(text, w.notChecked) || (w.notChecked == "") != (text == "") {
				t.Errorf("not checked: got %q, want %q", text, w.notChecked)
			}
			if same := got.Expected.Sum == got.Actual.Sum; same != (w.missing == 0) {
				t.Errorf("sums equal: got %v with %d missing", same, w.missing)
			}
			checkWindows(t, got)
			if got.Verdict == fsm.Pass && got.Evidence == fsm.E3 && got.Expected != got.Actual {
				t.Errorf("a pass at E3 has equal sides, got %+v and %+v", got.Expected, got.Actual)
			}
		})
	}
}

// Without origin headers, the job's records are told by where they lie.
func TestWithoutOriginHeaders(t *testing.T) {
	plain := func(f *fixture) { f.work.Recipe.Write.OriginHeaders = false }
	f := newFixture(nil)
	plain(f)
	f.target.Append(0, record.Record{TimestampMs: 9999, Value: []byte("newer")})
	f.refill(none)
	if c := f.compare(t); c.Verdict != fsm.Pass || c.Evidence != fsm.E3 {
		t.Errorf("got %s at %s, want a pass at E3: %s", c.Verdict, c.Evidence, c.Detail)
	}
	f.target.Append(0, f.all[4])
	if c := f.compare(t); c.Verdict != fsm.Fail || c.IntroducedDuplicates != 1 {
		t.Errorf("a survivor again: got %s with %d twice, want fail with 1", c.Verdict, c.IntroducedDuplicates)
	}
	f = newFixture(nil)
	plain(f)
	f.refill(func(o int64) bool { return o == 50 })
	if c := f.compare(t); c.Verdict != fsm.Fail || c.Missing != 1 {
		t.Errorf("one not written: got %s with %d missing, want fail with 1", c.Verdict, c.Missing)
	}
}

func TestNothingComparedIsNotAPass(t *testing.T) {
	f := newFixture(nil)
	f.work.Slice.Ranges, f.work.Slice.Filled = partition.Ranges{{From: 5000, To: 6000}}, nil
	c := f.compare(t)
	if c.Verdict != fsm.Indeterminate || c.Evidence != fsm.E0 || c.Detail == "" {
		t.Errorf("got %s at %s (%q), want indeterminate at E0 with a reason", c.Verdict, c.Evidence, c.Detail)
	}
	if v, _ := fsm.Judge([]fsm.Comparison{c.Comparison}, fsm.Writers{}); v != fsm.Indeterminate {
		t.Errorf("judged: got %s, want indeterminate", v)
	}
}

func TestAReferenceThatIsGoneIsIndeterminate(t *testing.T) {
	f := newFixture(nil)
	f.refill(none)
	f.ref.Fail = func(int32, partition.Offset) error { return fmt.Errorf("object a.bsa: %w", source.ErrGone) }
	if c := f.compare(t); c.Verdict != fsm.Indeterminate || !strings.Contains(c.Detail, "a.bsa") {
		t.Errorf("got %s (%q), want indeterminate and the object", c.Verdict, c.Detail)
	}
	f.ref.Fail = nil
	f.ref.Damaged[25] = 26
	if c := f.compare(t); c.Verdict != fsm.Indeterminate || !strings.Contains(c.Detail, source.CodeCorrupt) {
		t.Errorf("damage: got %s (%q), want indeterminate and the code", c.Verdict, c.Detail)
	}
	// What passes is worth another try, so it is an error and no verdict.
	broken := errors.New("connection reset")
	f.ref.Fail = func(int32, partition.Offset) error { return broken }
	if _, err := verify.New(verify.Config{}).Compare(context.Background(), f.work); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

func TestJobComparesEveryPartitionInOrder(t *testing.T) {
	f := newFixture(nil)
	f.refill(none)
	f.ref.Records[1], f.target.Logs[1] = f.all, &gaptest.Log{}
	f.target.Append(1, f.all...)
	second := f.work.Slice
	second.Partition, second.ID.N, second.Filled, second.TargetTo = 1, 2, nil, 100
	fill := partition.Slice{Kind: partition.SliceFill}
	ends := &open.Ends{Recipe: f.work.Recipe, Source: f.ref, Targets: f.target}
	v := verify.New(verify.DefaultConfig())
	cs, err := v.Job(context.Background(), []partition.Slice{fill, f.work.Slice, second}, nil, ends, 2)
	if err != nil {
		t.Fatal(err)
	}
	got := []int32{}
	for _, c := range cs {
		got = append(got, c.Partition)
	}
	if !slices.Equal(got, []int32{0, 1}) {
		t.Errorf("got partitions %v, want [0 1]", got)
	}
	if verdict, evidence := fsm.Judge(verify.Comparisons(cs), fsm.Writers{}); verdict != fsm.Pass || evidence != fsm.E3 {
		t.Errorf("got %s at %s, want pass at E3", verdict, evidence)
	}
	if _, err := v.Job(context.Background(), []partition.Slice{fill}, nil, ends, 1); !errors.Is(err, verify.ErrNoSlices) {
		t.Errorf("got %v, want %v", err, verify.ErrNoSlices)
	}
}

// Whatever was lost and refilled, a whole refill passes and any single change fails.
func TestAnyChangeFails(t *testing.T) {
	rng := replaytest.Seed(t)
	for round := range 60 {
		all := replaytest.Records(rng, 500, 150)
		target := gaptest.New(1)
		var gone []record.Record
		var filled []partition.Range
		for _, r := range all {
			if rng.IntN(3) == 0 {
				gone = append(gone, r)
				filled = append(filled, partition.Range{From: r.Offset, To: r.Offset + 1})
			} else {
				target.Append(0, r)
			}
		}
		_, end, _ := target.Bounds(context.Background(), 0)
		target.AppendOurs(job, "x", 0, gone...)
		work := verify.Work{
			Slice: partition.Slice{
				ID: partition.SliceID{Job: job}, Kind: partition.SliceVerify, Ranges: partition.Ranges{{From: 500, To: 650}},
				Filled: partition.Normalize(filled), TargetTo: end,
			},
			Recipe:    recovery.Recipe{Target: recovery.Target{Topic: "x"}, Write: recovery.Write{OriginHeaders: true}},
			Reference: &replaytest.Memory{Records: map[int32][]record.Record{0: all}}, Target: target,
		}
		v := verify.New(verify.Config{})
		c, err := v.Compare(context.Background(), work)
		if err != nil || c.Verdict != fsm.Pass || c.Evidence != fsm.E3 {
			t.Fatalf("round %d, whole: got %s at %s (%s), %v, want a pass at E3", round, c.Verdict, c.Evidence, c.Detail, err)
		}
		log := target.Logs[0]
		i := rng.IntN(len(log.Records))
		r := &log.Records[i]
		switch rng.IntN(4) {
		case 0:
			r.Value = append(slices.Clone(r.Value), 1)
		case 1:
			r.Key = append(slices.Clone(r.Key), 1)
		case 2:
			r.TimestampMs += 77777
		case 3:
			log.Records = append(slices.Clone(log.Records[:i]), log.Records[i+1:]...)
		}
		c, err = v.Compare(context.Background(), work)
		if err != nil || c.Verdict != fsm.Fail || c.Missing != 1 {
			t.Fatalf("round %d, record %d changed: got %s with %d missing, %v, want fail with 1", round, i, c.Verdict, c.Missing, err)
		}
	}
}
