package dir

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"backstitch/replay/record"
	"backstitch/replay/replaytest"
	"backstitch/replay/sink"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(tb testing.TB, path string) *Sink {
	tb.Helper()
	s, err := New(Config{Path: path, Topic: "orders", OriginHeaders: true, SourceTopic: "archived"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

func TestSuite(t *testing.T) {
	replaytest.RunSinkSuite(t, func(t *testing.T) replaytest.SinkCase {
		path := t.TempDir()
		return replaytest.SinkCase{
			New: func(tb testing.TB) sink.Sink { return open(tb, path) },
			Committed: func(tb testing.TB, part int32) []record.Record {
				return replaytest.ReadTarget(tb, open(tb, path), part)
			},
			Foreign: func(tb testing.TB, part int32, rs ...record.Record) {
				w, _, err := open(tb, path).Open(tb.Context(), replaytest.FillSlice("bs-other", 0, part, rs), 1)
				if err == nil {
					err = w.Write(tb.Context(), &record.Batch{Records: rs})
				}
				if err == nil {
					err = w.Commit(tb.Context(), sink.Progress{})
				}
				if err != nil {
					tb.Fatal(err)
				}
			},
		}
	})
}

func TestDamageIsNamed(t *testing.T) {
	path := t.TempDir()
	s := open(t, path)
	rs := replaytest.Records(replaytest.Seed(t), 0, 5)
	slice := replaytest.FillSlice("bs-a", 0, 3, rs)
	w, p, err := s.Open(t.Context(), slice, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(t.Context(), &record.Batch{Records: rs}); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(path, "orders", "00003", "*.ndjson"))
	if err != nil || len(files) != 1 {
		t.Fatalf("data files: got %v, %v, want one", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, len(text) / 2, len(text) - 1} {
		text[at] ^= 1
		if err := os.WriteFile(files[0], text, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := s.Read(t.Context(), 3, 0, 100)
		if err == nil {
			_, err = r.Next(t.Context())
		}
		if !errors.Is(err, sink.ErrProgress) {
			t.Errorf("byte %d flipped: got %v, want %v", at, err, sink.ErrProgress)
		}
		text[at] ^= 1
	}
}
