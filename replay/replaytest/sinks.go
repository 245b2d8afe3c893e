package replaytest

import (
	"context"
	"errors"
	"io"
	"testing"

	"backstitch/partition"
	"backstitch/replay/record"
	"backstitch/replay/sink"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// SinkCase is one target under test.
type SinkCase struct {
	// New opens the target as a process of its own would. Each call gives another sink over the same target.
	New func(tb testing.TB) sink.Sink
	// Committed reads what a reader of committed data sees.
	Committed func(tb testing.TB, part int32) []record.Record
	// Foreign writes as somebody else would; nil when only backstitch writes there.
	Foreign func(tb testing.TB, part int32, records ...record.Record)
}

const suiteJob = partition.JobID("bs-suite")

// RunSinkSuite checks the promises of package sink. setup makes an empty target.
func RunSinkSuite(t *testing.T, setup func(t *testing.T) SinkCase) {
	for name, test := range map[string]func(*testing.T, *suite){
		"what is written comes back as it was":          testKept,
		"progress comes back with the data":             testProgress,
		"a crash before the commit leaves nothing":      testCrash,
		"an old owner can not commit":                   testFenced,
		"an old owner of an earlier slice can not":      testFencedEarlier,
		"an older epoch can not take a lane back":       testOlderEpoch,
		"a commit without records keeps progress":       testEmptyCommit,
		"a writer that is closed leaves nothing":        testClosed,
		"lanes do not touch each other":                 testLanes,
		"what others wrote is told from what we wrote":  testRecent,
		"a target is read back as an ordinary reader":   testTargets,
		"what a new owner can not find out again stays": testKeepsNotes,
	} {
		t.Run(name, func(t *testing.T) {
			c := setup(t)
			rng := Seed(t)
			test(t, &suite{SinkCase: c, records: Records(rng, 100, 60)})
		})
	}
}

type suite struct {
	SinkCase
	records []record.Record
}

func (s *suite) slice(n uint32) partition.Slice { return FillSlice(suiteJob, n, 0, s.records) }

func (s *suite) open(t *testing.T, slice partition.Slice, epoch partition.Epoch) (sink.Writer, sink.Progress) {
	t.Helper()
	sk := s.New(t)
	t.Cleanup(func() { _ = sk.Close() })
	w, p, err := sk.Open(t.Context(), slice, epoch)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w, p
}

// batch copies records, because a sink owns what it is given.
func batch(rs ...record.Record) *record.Batch {
	b := &record.Batch{Records: make([]record.Record, len(rs))}
	for i, r := range rs {
		r.Key, r.Value = clone(r.Key), clone(r.Value)
		b.Records[i] = r
		b.Bytes += r.Size()
		b.Next = r.Offset + 1
	}
	b.Free = func() {
		for i := range b.Records {
			scribble(b.Records[i].Key)
			scribble(b.Records[i].Value)
		}
	}
	return b
}

func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b...)
}

func write(t *testing.T, w sink.Writer, rs ...record.Record) {
	t.Helper()
	if err := w.Write(t.Context(), batch(rs...)); err != nil {
		t.Fatal(err)
	}
}

func progress(cursor partition.Offset, records int64) sink.Progress {
	return sink.Progress{Cursor: cursor, Records: records, Bytes: 17, Suppressed: 3, Quarantined: 2, Digest: [16]byte{1, 2, 255}}
}

func commit(t *testing.T, w sink.Writer, p sink.Progress) {
	t.Helper()
	if err := w.Commit(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}

func (s *suite) want(t *testing.T, part int32, rs ...record.Record) {
	t.Helper()
	if diff := cmp.Diff(Bare(s.Committed(t, part)), Bare(rs), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("visible records (-got +want):\n%s", diff)
	}
	got := s.Committed(t, part)
	for i := range min(len(got), len(rs)) {
		// EquateEmpty took nil and empty for the same; here they must not be.
		if (got[i].Key == nil) != (rs[i].Key == nil) || (got[i].Value == nil) != (rs[i].Value == nil) {
			t.Fatalf("record %d: got %+v, want %+v", i, got[i], rs[i])
		}
		if record.Hash(&got[i], record.AllFields) != record.Hash(&rs[i], record.AllFields) {
			t.Fatalf("record %d: got canonical form of %+v, want that of %+v", i, got[i], rs[i])
		}
	}
}

func testKept(t *testing.T, s *suite) {
	w, _ := s.open(t, s.slice(0), 1)
	write(t, w, s.records[:25]...)
	write(t, w, s.records[25:]...)
	commit(t, w, progress(160, 60))
	s.want(t, 0, s.records...)
}

func testProgress(t *testing.T, s *suite) {
	w, p := s.open(t, s.slice(4), 1)
	if diff := cmp.Diff(p, sink.Begin(s.slice(4)), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("progress of a new slice (-got +want):\n%s", diff)
	}
	write(t, w, s.records[:10]...)
	commit(t, w, progress(110, 10))
	write(t, w, s.records[10:30]...)
	commit(t, w, progress(130, 30))
	w, p = s.open(t, s.slice(4), 2)
	if diff := cmp.Diff(p, progress(130, 30), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("progress after a change of owner (-got +want):\n%s", diff)
	}
	write(t, w, s.records[30:]...)
	commit(t, w, progress(160, 60))
	s.want(t, 0, s.records...)
	_, p = s.open(t, s.slice(5), 1)
	if p.Cursor != 100 || p.Records != 0 {
		t.Errorf("the lane's next slice begins at %d with %d records, want 100 with 0", p.Cursor, p.Records)
	}
}

func testCrash(t *testing.T, s *suite) {
	w, _ := s.open(t, s.slice(0), 1)
	write(t, w, s.records[:10]...)
	commit(t, w, progress(110, 10))
	write(t, w, s.records[10:30]...) // and then nothing is heard of w any more
	w2, p := s.open(t, s.slice(0), 2)
	if p.Cursor != 110 {
		t.Errorf("cursor %d, want 110", p.Cursor)
	}
	s.want(t, 0, s.records[:10]...)
	write(t, w2, s.records[10:]...)
	commit(t, w2, progress(160, 60))
	s.want(t, 0, s.records...)
}

func (s *suite) mustBeFenced(t *testing.T, zombie sink.Writer) {
	t.Helper()
	err := zombie.Write(t.Context(), batch(s.records[50:]...))
	if err == nil {
		err = zombie.Commit(t.Context(), progress(160, 999))
	}
	if !errors.Is(err, sink.ErrFenced) {
		t.Errorf("old owner: got %v, want %v", err, sink.ErrFenced)
	}
	if err := zombie.Commit(t.Context(), progress(160, 999)); err == nil {
		t.Error("a dead writer committed")
	}
}

func testFenced(t *testing.T, s *suite) {
	zombie, _ := s.open(t, s.slice(0), 1)
	write(t, zombie, s.records[:10]...)
	w, p := s.open(t, s.slice(0), 2)
	if p.Cursor != 100 {
		t.Errorf("cursor %d, want 100", p.Cursor)
	}
	write(t, w, s.records[:20]...)
	s.mustBeFenced(t, zombie)
	commit(t, w, progress(120, 20))
	s.want(t, 0, s.records[:20]...)
	_ = zombie.Close()
	write(t, w, s.records[20:]...)
	commit(t, w, progress(160, 60))
	s.want(t, 0, s.records...)
}

func testFencedEarlier(t *testing.T, s *suite) {
	zombie, _ := s.open(t, s.slice(0), 7)
	write(t, zombie, s.records[:10]...)
	w, _ := s.open(t, s.slice(1), 1)
	s.mustBeFenced(t, zombie)
	write(t, w, s.records...)
	commit(t, w, progress(160, 60))
	s.want(t, 0, s.records...)
}

func testOlderEpoch(t *testing.T, s *suite) {
	w, _ := s.open(t, s.slice(1), 5)
	write(t, w, s.records[:10]...)
	commit(t, w, progress(110, 10))
	for _, older := range []struct {
		slice uint32
		epoch partition.Epoch
	}{{1, 4}, {0, 9}} {
		sk := s.New(t)
		_, _, err := sk.Open(t.Context(), s.slice(older.slice), older.epoch)
		if !errors.Is(err, sink.ErrFenced) {
			t.Errorf("slice %d epoch %d: got %v, want %v", older.slice, older.epoch, err, sink.ErrFenced)
		}
		_ = sk.Close()
	}
	// Whoever holds the lease opens again and goes on.
	w, p := s.open(t, s.slice(1), 5)
	if p.Cursor != 110 {
		t.Errorf("cursor %d, want 110", p.Cursor)
	}
	write(t, w, s.records[10:]...)
	commit(t, w, progress(160, 60))
	s.want(t, 0, s.records...)
}

func testEmptyCommit(t *testing.T, s *suite) {
	w, _ := s.open(t, s.slice(0), 1)
	commit(t, w, progress(105, 0))
	commit(t, w, progress(110, 0))
	write(t, w, s.records[10:20]...)
	commit(t, w, progress(120, 10))
	commit(t, w, progress(125, 10))
	zombie := w
	w, p := s.open(t, s.slice(0), 2)
	if p.Cursor != 125 {
		t.Errorf("cursor %d, want 125", p.Cursor)
	}
	if err := zombie.Commit(t.Context(), progress(160, 60)); !errors.Is(err, sink.ErrFenced) {
		t.Errorf("old owner's commit without records: got %v, want %v", err, sink.ErrFenced)
	}
	write(t, w, s.records[25:]...)
	commit(t, w, progress(160, 45))
	s.want(t, 0, append(append([]record.Record(nil), s.records[10:20]...), s.records[25:]...)...)
}

func testClosed(t *testing.T, s *suite) {
	w, _ := s.open(t, s.slice(0), 1)
	write(t, w, s.records[:10]...)
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if err := w.Commit(t.Context(), progress(110, 10)); err == nil {
		t.Error("a closed writer committed")
	}
	s.want(t, 0)
}

func testLanes(t *testing.T, s *suite) {
	other := FillSlice(suiteJob, 1, 1, s.records)
	a, _ := s.open(t, s.slice(0), 1)
	b, _ := s.open(t, other, 1)
	write(t, a, s.records[:10]...)
	write(t, b, s.records[10:20]...)
	commit(t, b, progress(120, 10))
	commit(t, a, progress(110, 10))
	s.want(t, 0, s.records[:10]...)
	s.want(t, 1, s.records[10:20]...)
}

func readAll(t testing.TB, r sink.Reader, err error) []record.Record {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out []record.Record
	for {
		b, err := r.Next(t.Context())
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Records {
			rec := b.Records[i]
			rec.Key, rec.Value = clone(rec.Key), clone(rec.Value)
			hs := make([]record.Header, len(rec.Headers))
			for j, h := range rec.Headers {
				hs[j] = record.Header{Key: string(append([]byte{}, h.Key...)), Value: clone(h.Value)}
			}
			rec.Headers = hs
			out = append(out, rec)
		}
		b.Release()
	}
}

func testRecent(t *testing.T, s *suite) {
	w, _ := s.open(t, s.slice(0), 1)
	write(t, w, s.records[:10]...)
	commit(t, w, progress(110, 10))
	var foreign []record.Record
	if s.Foreign != nil {
		foreign = s.records[40:43]
		s.Foreign(t, 0, foreign...)
	}
	w, _ = s.open(t, s.slice(0), 2) // where only one can be the newest, others fence us too
	write(t, w, s.records[10:20]...)
	commit(t, w, progress(120, 20))
	check := func(w sink.Writer, who string) {
		t.Helper()
		r, err := w.Recent(t.Context(), 0)
		got := readAll(t, r, err)
		if diff := cmp.Diff(Bare(got), Bare(foreign), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: what others wrote (-got +want):\n%s", who, diff)
		}
		again, err := w.Recent(t.Context(), r.Position())
		if more := readAll(t, again, err); len(more) != 0 {
			t.Errorf("%s: %d records at or after the position of the first read, want none", who, len(more))
		}
	}
	check(w, "the owner that wrote")
	w, _ = s.open(t, s.slice(0), 3)
	check(w, "the next owner")
}

func testTargets(t *testing.T, s *suite) {
	w, _ := s.open(t, s.slice(0), 1)
	write(t, w, s.records[:10]...)
	commit(t, w, progress(110, 10))
	write(t, w, s.records[10:20]...) // never committed
	sk := s.New(t)
	defer sk.Close()
	target, ok := sk.(sink.Targets)
	if !ok {
		t.Fatal("the sink can not read its target back")
	}
	start, end, err := target.Bounds(t.Context(), 0)
	if err != nil || start != 0 || end < 10 {
		t.Fatalf("bounds: got %d, %d, %v", start, end, err)
	}
	r, err := target.Read(t.Context(), 0, start, end)
	got := readAll(t, r, err)
	if diff := cmp.Diff(Bare(got), Bare(s.records[:10]), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("read back (-got +want):\n%s", diff)
	}
	r, err = target.Read(t.Context(), 0, got[4].Offset, got[7].Offset)
	if part := readAll(t, r, err); len(part) != 3 || part[0].Offset != got[4].Offset {
		t.Errorf("read of [%d,%d): got %d records, want 3", got[4].Offset, got[7].Offset, len(part))
	}
}

func testKeepsNotes(t *testing.T, s *suite) {
	want := progress(130, 20)
	want.Poison = []sink.Poison{{Range: partition.Range{From: 103, To: 104}, Code: sink.CodeTooLarge}, {Range: partition.Range{From: 110, To: 120}, Code: "BST-Q101"}}
	want.Consumed = partition.Ranges{{From: 5, To: 6}, {From: 900, To: 1000}}
	want.Scanned = 5
	w, _ := s.open(t, s.slice(0), 1)
	write(t, w, s.records[:20]...)
	commit(t, w, want)
	_, p := s.open(t, s.slice(0), 2)
	if diff := cmp.Diff(p, want); diff != "" {
		t.Errorf("progress (-got +want):\n%s", diff)
	}
	_, p = s.open(t, s.slice(1), 1)
	if diff := cmp.Diff(p.Consumed, want.Consumed); diff != "" || p.Poison != nil {
		t.Errorf("the lane's next slice has poison %v and consumed (-got +want):\n%s", p.Poison, diff)
	}
	var tooMany sink.Progress
	for i := range int64(3000) {
		tooMany.Consumed = append(tooMany.Consumed, partition.Range{From: 1000 * i, To: 1000*i + 1})
	}
	w, _ = s.open(t, s.slice(1), 2)
	if err := w.Commit(context.Background(), tooMany); !errors.Is(err, sink.ErrProgress) {
		t.Errorf("progress that does not fit: got %v, want %v", err, sink.ErrProgress)
	}
}

// ReadTarget reads all of one partition of target.
func ReadTarget(tb testing.TB, target sink.Targets, part int32) []record.Record {
	tb.Helper()
	start, end, err := target.Bounds(tb.Context(), part)
	if err != nil {
		tb.Fatal(err)
	}
	r, err := target.Read(tb.Context(), part, start, end)
	return readAll(tb, r, err)
}
