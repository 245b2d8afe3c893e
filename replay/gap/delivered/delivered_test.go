package delivered_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/gap/delivered"
	"backstitch/replay/gap/match"
	"backstitch/replay/record"
	"backstitch/replay/source"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config() gap.Config {
	cfg := gap.DefaultConfig()
	cfg.NewBag, cfg.Parallel = match.NewMemory, 2
	return cfg
}

// named are the offsets that findings of loss take in, of those that the topic has.
func named(rep *delivered.Report, w *world) map[int32][]int64 {
	out := map[int32][]int64{}
	for _, f := range rep.Findings {
		if f.Kind != gap.Missing && f.Kind != gap.Partly {
			continue
		}
		rs := f.Ranges
		if len(rs) == 0 {
			rs = partition.Ranges{f.Range}
		}
		n := int64(0)
		for _, r := range w.topic.Records[f.Partition] {
			if rs.Contains(r.Offset) {
				out[f.Partition] = append(out[f.Partition], r.Offset)
				n++
			}
		}
		if n != f.Count {
			out[-1] = append(out[-1], n, f.Count) // a count that is not that of its ranges
		}
	}
	for _, offsets := range out {
		slices.Sort(offsets)
	}
	return out
}

// TestEverySkippedRecordIsNamed makes topics and archives with known losses: each is named by its offset, and nothing else is.
func TestEverySkippedRecordIsNamed(t *testing.T) {
	const seeds = 100
	lost := 0
	for seed := range uint64(seeds) {
		for name, exact := range map[string]bool{"offsets and times": true, "values alone": false} {
			w := build(rand.New(rand.NewPCG(seed, 0xde11)), exact)
			rep, err := delivered.Scan(t.Context(), w.in, config())
			if err != nil {
				t.Fatalf("seed %d, %s: %v", seed, name, err)
			}
			if diff := cmp.Diff(w.missing, named(rep, w)); diff != "" {
				t.Fatalf("seed %d, %s: - is lost, + is said:\n%s", seed, name, diff)
			}
			for _, f := range rep.Findings {
				if f.Kind == gap.Extra {
					t.Errorf("seed %d, %s: got %+v, want nothing extra", seed, name, f)
				}
			}
			for _, offsets := range w.missing {
				lost += len(offsets)
			}
		}
	}
	t.Logf("seeds 0 to %d: %d records were skipped, all are named and no other", seeds-1, lost)
}

// log makes records at offsets, one millisecond apart.
func log(offsets ...int64) (out []record.Record) {
	for _, o := range offsets {
		out = append(out, record.Record{Offset: o, TimestampMs: newest - 1000 + o, Value: []byte{byte(o)}})
	}
	return out
}

func span(from, to int64) (out []int64) {
	for o := from; o < to; o++ {
		out = append(out, o)
	}
	return out
}

// small is one partition of an exact archive.
func small(topic []record.Record, start int64, objects map[partition.Range][]record.Record) *world {
	w := &world{archive: store{objects: map[string][]record.Record{}, damaged: map[string]*source.DamagedError{}, fields: record.AllFields}}
	w.topic.Records = map[int32][]record.Record{0: topic}
	w.in = delivered.Input{
		Topic: "t", Reference: &w.topic, Archive: &w.archive, Exact: true, NewestMs: newest,
		Extents: map[int32]gap.Extent{0: {Range: partition.Range{From: start, To: topic[len(topic)-1].Offset + 1}}},
	}
	spans := map[string]partition.Range{}
	var e gap.Extent
	for r, rs := range objects {
		key := r.String()
		spans[key], w.archive.objects[key] = r, rs
		e.Objects = append(e.Objects, partition.Object{Key: key, Base: r.From, Count: int64(len(rs))})
		e.Range.To = max(e.Range.To, r.To)
	}
	slices.SortFunc(e.Objects, func(a, b partition.Object) int { return int(a.Base - b.Base) })
	w.in.Span = func(o partition.Object) partition.Range { return spans[o.Key] }
	w.in.Objects = map[int32]gap.Extent{0: e}
	return w
}

func scan(t *testing.T, w *world) *delivered.Report {
	t.Helper()
	rep, err := delivered.Scan(t.Context(), w.in, config())
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// A journal counts bytes. What is behind its last record is told by content, and a record before that is missing wherever it lies.
func TestPositionsThatAreNoOffsets(t *testing.T) {
	var topic, journal []record.Record
	for o := range int64(20) {
		r := record.Record{Offset: o, TimestampMs: newest, Value: fmt.Append(nil, o)}
		topic = append(topic, r)
		if o < 5 || o >= 8 && o < 15 {
			r.Offset = 1000 * o
			journal = append(journal, r)
		}
	}
	for name, c := range map[string]struct {
		journal []record.Record
		missing int64
		at      partition.Range
		due     int64
	}{
		"as it is":       {journal, 3, partition.Range{From: 5, To: 8}, 15},
		"the head only":  {journal[:3], 0, partition.Range{}, 3},
		"the tail only":  {journal[10:], 13, partition.Range{From: 0, To: 13}, 15},
		"with two holes": {append(slices.Clone(journal[:2]), journal[4:]...), 5, partition.Range{From: 2, To: 8}, 15},
	} {
		t.Run(name, func(t *testing.T) {
			w := small(topic, 0, map[partition.Range][]record.Record{{From: 0, To: 20_000}: c.journal})
			w.in.Exact, w.in.Unplaced, w.in.NewestMs, w.in.Span = false, true, 0, nil
			rep := scan(t, w)
			p := rep.Partitions[0]
			if rep.Missing() != c.missing || p.Due.To != c.due || p.Records != p.Delivered+p.Missing {
				t.Errorf("got %d missing, %+v; want %d, due up to %d", rep.Missing(), p, c.missing, c.due)
			}
			var at partition.Ranges
			for _, f := range rep.Findings {
				at = append(at, f.Range)
			}
			if c.missing > 0 && at.Span() != c.at || c.missing == 0 && len(at) > 0 {
				t.Errorf("got %v, want %v", at, c.at)
			}
			if !strings.Contains(strings.Join(rep.NotChecked, "\n"), "not due yet") {
				t.Errorf("not checked: got %q", rep.NotChecked)
			}
		})
	}
}

func TestAFindingSaysWhereAndUntilWhen(t *testing.T) {
	// Two tasks wrote one object: it holds 0-20, and the group is at 31.
	w := small(log(span(0, 40)...), 0, map[partition.Range][]record.Record{{From: 0, To: 21}: log(span(0, 21)...), {From: 31, To: 40}: log(span(31, 40)...)})
	w.in.RetentionMs = 7_000
	rep := scan(t, w)
	if len(rep.Findings) != 1 || rep.Missing() != 10 {
		t.Fatalf("got %+v, want one finding of ten", rep.Findings)
	}
	f := rep.Findings[0]
	if f.Range != (partition.Range{From: 21, To: 31}) || f.HeldBy != "the topic" || f.UntilMs != newest-1000+21+7000 {
		t.Errorf("got %+v, want [21,31), of which the topic holds the oldest for seven seconds", f)
	}
	if !strings.Contains(f.Reason, "behind the beginning of [0,21) and before [31,40)") {
		t.Errorf("got %q, want both neighbours named", f.Reason)
	}
	var text strings.Builder
	if err := delivered.WriteText(&text, rep); err != nil || !strings.Contains(text.String(), "40 records of the topic compared by content: 10 are not in the archive.") {
		t.Errorf("got %s, %v", text.String(), err)
	}
	// What an object held that can not be read, the topic has as long.
	w.archive.damaged["[31,40)"] = &source.DamagedError{Object: "[31,40)", Offset: -1, Next: -1, Code: source.CodeCorrupt, Err: io.ErrUnexpectedEOF}
	i := slices.IndexFunc(scan(t, w).Findings, func(f gap.Finding) bool { return f.Kind == gap.Corrupt })
	if i < 0 {
		t.Fatal("the damaged object is no finding")
	}
	if f := scan(t, w).Findings[i]; f.Count != 9 || f.HeldBy != "the topic" || f.UntilMs != newest-1000+31+7000 {
		t.Errorf("got %+v, want nine that the topic holds for seven seconds", f)
	}
}

func TestWhatIsWrittenTwiceIsCounted(t *testing.T) {
	w := small(log(span(0, 40)...), 0, map[partition.Range][]record.Record{{From: 0, To: 30}: log(span(0, 30)...), {From: 20, To: 40}: log(span(20, 40)...)})
	rep := scan(t, w)
	if p := rep.Partitions[0]; p.Twice != 10 || p.Delivered != 40 || p.Missing != 0 || len(rep.Findings) != 1 || rep.Findings[0].Kind != gap.Duplicate {
		t.Errorf("got %+v and %+v, want ten twice and nothing missing", p, rep.Findings)
	}
	if f := rep.Findings[0]; f.Range != (partition.Range{From: 20, To: 30}) || f.Bytes != 10 {
		t.Errorf("got %s and %d bytes, want [20,30) and 10", f.Range, f.Bytes)
	}
}

// Retention has taken 0 to 19. Objects below have holes: one of markers, perhaps, or of records.
func TestWhatRetentionTookIsNotCalledComplete(t *testing.T) {
	w := small(log(span(20, 40)...), 20, map[partition.Range][]record.Record{{From: 0, To: 5}: log(span(0, 5)...), {From: 9, To: 40}: log(span(9, 40)...)})
	rep := scan(t, w)
	if len(rep.Findings) != 1 || rep.Findings[0].Kind != gap.NotComparable || rep.Findings[0].Range != (partition.Range{From: 5, To: 9}) {
		t.Errorf("got %+v, want [5,9) not comparable", rep.Findings)
	}
	if p := rep.Partitions[0]; p.Records != 20 || p.Delivered != 20 || rep.Unknown() != 1 {
		t.Errorf("got %+v, want 20 compared and in the archive", p)
	}
	if !strings.Contains(strings.Join(rep.NotChecked, "\n"), "20 offsets that retention has taken") {
		t.Errorf("got %q, want what retention has taken", rep.NotChecked)
	}
}

// A sink that runs behind loses nothing; one whose partition stands still does.
func TestWhatIsYoungIsNotDue(t *testing.T) {
	for dueTo, want := range map[int64]int64{30: 0, 35: 5, 40: 10} {
		w := small(log(span(0, 40)...), 0, map[partition.Range][]record.Record{{From: 0, To: 30}: log(span(0, 30)...)})
		w.in.DueTo = map[int32]int64{0: dueTo}
		rep := scan(t, w)
		if rep.Missing() != want || (dueTo < 40) != strings.Contains(strings.Join(rep.NotChecked, "\n"), "not due yet") {
			t.Errorf("due to %d: got %d missing, %q, want %d", dueTo, rep.Missing(), rep.NotChecked, want)
		}
	}
}

// An object that goes away under the scan is named; what it held is not called missing without it.
func TestAnObjectThatVanishes(t *testing.T) {
	w := small(log(span(0, 40)...), 0, map[partition.Range][]record.Record{{From: 0, To: 20}: log(span(0, 20)...), {From: 20, To: 40}: log(span(20, 40)...)})
	w.archive.gone = map[string]bool{"[0,20)": true}
	rep := scan(t, w)
	p := rep.Partitions[0]
	if len(rep.Findings) != 1 || rep.Findings[0].Kind != gap.Corrupt || rep.Findings[0].Count != 20 || rep.Findings[0].Object != "[0,20)" || p.Unread != 20 || p.Missing != 0 {
		t.Errorf("got %+v and %+v, want the object and its 20 records", rep.Findings, p)
	}
}

func TestNothingDueIsNoPass(t *testing.T) {
	w := small(log(span(0, 10)...), 0, nil)
	w.in.NewestMs, w.in.Exact = 0, false
	rep := scan(t, w)
	var text strings.Builder
	if err := delivered.WriteText(&text, rep); err != nil || rep.Records() != 0 || !strings.Contains(text.String(), "no pass") || len(rep.NotChecked) == 0 {
		t.Errorf("got %+v, %v", rep, err)
	}
}

// What an object in another format holds is not known, so nothing of its partition is called missing.
func TestAFormatThatIsNotReadHidesALoss(t *testing.T) {
	w := small(log(span(0, 40)...), 0, map[partition.Range][]record.Record{{From: 0, To: 20}: log(span(0, 20)...)})
	w.in.DueTo = map[int32]int64{0: 40}
	e := w.in.Objects[0]
	e.Unread = []gap.Unread{{Object: "x.parquet", Format: "parquet"}}
	w.in.Objects[0] = e
	rep := scan(t, w)
	if p := rep.Partitions[0]; p.Missing != 0 || p.Unread != 20 || rep.Unknown() != 1 || len(rep.Findings) != 1 {
		t.Errorf("got %+v and %+v, want one that is not comparable", p, rep.Findings)
	}
}

// A damaged place hides what is in it and nothing else: the rest of the object could be read, and is not all there.
func TestADamagedPlaceHidesNoMoreThanItself(t *testing.T) {
	w := small(log(span(0, 40)...), 0, map[partition.Range][]record.Record{{From: 0, To: 40}: log(span(0, 21)...)})
	w.archive.damaged["[0,40)"] = &source.DamagedError{Object: "[0,40)", Offset: 5, Next: 8, Code: source.CodeCorrupt, Err: errors.New("a flipped bit")}
	rep := scan(t, w)
	if p := rep.Partitions[0]; p.Missing != 19 || p.Unread != 3 {
		t.Errorf("got %+v, want [21,40) missing and [5,8) in the damage", p)
	}
}
