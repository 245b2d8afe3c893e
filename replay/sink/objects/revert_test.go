package objects

import (
	"context"
	"errors"
	"slices"
	"testing"

	"backstitch/partition"
	"backstitch/replay/bucket"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"
	"backstitch/replay/sink"
)

// offsets are those of the records that readers see.
func offsets(tb testing.TB, s *Sink, part int32) (out []int64) {
	tb.Helper()
	for _, r := range replaytest.ReadTarget(tb, s, part) {
		out = append(out, r.Offset)
	}
	return out
}

func mustFill(tb testing.TB, s *Sink, job partition.JobID, part int32, rs ...record.Record) {
	tb.Helper()
	if err := fill(tb, s, job, 1, part, rs...); err != nil {
		tb.Fatal(err)
	}
}

func seq(from, to int64) (out []int64) {
	for n := from; n < to; n++ {
		out = append(out, n)
	}
	return out
}

// What a job wrote is passed over, what others wrote is not, and no offset is given twice.
func TestRevert(t *testing.T) {
	path := t.TempDir()
	s := over(t, directory(t, path))
	rs := replaytest.Records(replaytest.Seed(t), 0, 10)
	mustFill(t, s, "bs-a", 0, rs[:3]...)
	mustFill(t, s, "bs-b", 0, rs[3:7]...)
	if v, err := s.PlanRevert(t.Context(), 0, "bs-b"); err != nil || v.Records != 4 || v.Done || len(v.Later) != 0 {
		t.Fatalf("plan: %+v, %v", v, err)
	}
	if v, err := s.Revert(t.Context(), 0, "bs-b"); err != nil || v.Records != 4 || v.Done {
		t.Fatalf("revert: %+v, %v", v, err)
	}
	if got := offsets(t, s, 0); !slices.Equal(got, seq(0, 3)) {
		t.Errorf("reverted: got %v, want the first three", got)
	}
	if start, end, err := s.Bounds(t.Context(), 0); start != 0 || end != 7 || err != nil {
		t.Errorf("bounds: got [%d, %d), %v, want [0, 7)", start, end, err)
	}
	commits, err := s.log(0).last(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if v, err := s.Revert(t.Context(), 0, "bs-b"); err != nil || v.Records != 4 || !v.Done {
		t.Errorf("again: %+v, %v", v, err)
	}
	if again, err := s.log(0).last(t.Context()); err != nil || again.Number != commits.Number {
		t.Errorf("again: %d commits, want %d: %v", again.Number, commits.Number, err)
	}
	mustFill(t, s, "bs-c", 0, rs[7:]...)
	fresh := over(t, directory(t, path))
	if got := offsets(t, fresh, 0); !slices.Equal(got, append(seq(0, 3), seq(7, 10)...)) {
		t.Errorf("written behind it: got %v", got)
	}
	// From within the hole the next record that counts is found.
	r, err := fresh.Read(t.Context(), 0, 5, 9)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := r.Next(t.Context()); err != nil || b.Records[0].Offset != 7 || len(b.Records) != 2 {
		t.Errorf("from the hole: %+v, %v", b, err)
	}
}

// What lies below later jobs stays until they are reverted: what those left out, they left out because it was there.
func TestLaterJobsAreRevertedFirst(t *testing.T) {
	s := over(t, directory(t, t.TempDir()))
	rs := replaytest.Records(replaytest.Seed(t), 0, 9)
	mustFill(t, s, "bs-a", 2, rs[:3]...)
	mustFill(t, s, "bs-b", 2, rs[3:6]...)
	mustFill(t, s, "bs-c", 2) // which opened the lane and wrote nothing
	v, err := s.PlanRevert(t.Context(), 2, "bs-a")
	if err != nil || !slices.Equal(v.Later, []partition.JobID{"bs-b"}) {
		t.Fatalf("plan: %+v, %v", v, err)
	}
	if _, err := s.Revert(t.Context(), 2, "bs-a"); !errors.Is(err, sink.ErrBuiltUpon) {
		t.Fatalf("got %v, want %v", err, sink.ErrBuiltUpon)
	}
	if got := offsets(t, s, 2); len(got) != 6 {
		t.Fatalf("refused, and %v is left", got)
	}
	for _, job := range []partition.JobID{"bs-b", "bs-a"} {
		if _, err := s.Revert(t.Context(), 2, job); err != nil {
			t.Fatal(err)
		}
	}
	if got := offsets(t, s, 2); len(got) != 0 {
		t.Errorf("all reverted, and %v is left", got)
	}
}

// A writer of the job that was open is fenced by the revert, and can not come back; a partition that the job never wrote is closed to it, too.
func TestRevertFencesTheJob(t *testing.T) {
	s := over(t, directory(t, t.TempDir()))
	rs := replaytest.Records(replaytest.Seed(t), 0, 4)
	w, p, err := s.Open(t.Context(), replaytest.FillSlice("bs-a", 0, 0, rs), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []int32{0, 1} {
		if v, err := s.Revert(t.Context(), part, "bs-a"); err != nil || v.Records != 0 {
			t.Fatalf("partition %d: %+v, %v", part, v, err)
		}
	}
	if err := w.Write(t.Context(), &record.Batch{Records: rs}); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(t.Context(), p); !errors.Is(err, sink.ErrFenced) {
		t.Errorf("commit of a writer that slept: got %v, want %v", err, sink.ErrFenced)
	}
	for _, part := range []int32{0, 1} {
		if err := fill(t, s, "bs-a", 9, part, rs...); !errors.Is(err, sink.ErrFenced) {
			t.Errorf("partition %d opened again: got %v, want %v", part, err, sink.ErrFenced)
		}
		if got := offsets(t, s, part); len(got) != 0 {
			t.Errorf("partition %d: %v is there", part, got)
		}
	}
}

// beaten lets another job commit in the very moment in which a revert is about to.
type beaten struct {
	bucket.Bucket
	first func()
}

func (b *beaten) PutNew(ctx context.Context, key string, body []byte) (bucket.Info, error) {
	if first := b.first; first != nil {
		b.first = nil
		first()
	}
	return b.Bucket.PutNew(ctx, key, body)
}

// Whoever commits records first is asked about: it is not enough to have looked before.
func TestACommitBetweenLookAndRevert(t *testing.T) {
	path := t.TempDir()
	other := over(t, directory(t, path))
	rs := replaytest.Records(replaytest.Seed(t), 0, 4)
	mustFill(t, other, "bs-a", 0, rs[:2]...)
	b := &beaten{Bucket: directory(t, path), first: func() { mustFill(t, other, "bs-b", 0, rs[2:]...) }}
	if _, err := over(t, b).Revert(t.Context(), 0, "bs-a"); !errors.Is(err, sink.ErrBuiltUpon) {
		t.Errorf("got %v, want %v", err, sink.ErrBuiltUpon)
	}
	b.first = func() { mustFill(t, other, "bs-c", 0) } // a job that only opens the lane
	if _, err := over(t, b).Revert(t.Context(), 0, "bs-b"); err != nil {
		t.Error(err)
	}
	if got := offsets(t, other, 0); !slices.Equal(got, seq(0, 2)) {
		t.Errorf("got %v, want %v", got, seq(0, 2))
	}
}

// A commit names a bounded number of jobs, or it would grow beyond what is read of one.
func TestRevertsAreBounded(t *testing.T) {
	s := over(t, directory(t, t.TempDir()))
	e := entry{Number: 1, Job: "bs-a"}
	var void []partition.JobID
	for range maxVoid {
		void = append(void, "bs-abcdefghijklmnopqrstuvwxyzabcdef")
	}
	e.inherit(void)
	if body, err := e.seal(); err != nil || len(body)+sink.MaxStampBytes > maxEntryBytes {
		t.Fatalf("a commit of %d bytes, and a stamp; at most %d are read: %v", len(body), maxEntryBytes, err)
	}
	if err := s.log(0).append(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Revert(t.Context(), 0, "bs-b"); !errors.Is(err, sink.ErrProgress) {
		t.Errorf("got %v, want %v", err, sink.ErrProgress)
	}
}
