package objects

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"backstitch/partition"
	"backstitch/replay/bucket"
	"backstitch/replay/bucket/dir"
	s3bucket "backstitch/replay/bucket/s3"
	"backstitch/replay/buckettest"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"
	"backstitch/replay/sink"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func over(tb testing.TB, b bucket.Bucket) *Sink {
	tb.Helper()
	s, err := New(b, Config{Topic: "orders", OriginHeaders: true, SourceTopic: "archived"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

func directory(tb testing.TB, path string) bucket.Bucket {
	tb.Helper()
	b, err := dir.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// store is a bucket of an S3 server behind wrap.
func store(tb testing.TB, wrap func(http.Handler) http.Handler) bucket.Bucket {
	tb.Helper()
	_, cl := buckettest.S3(tb, "fills", wrap)
	return s3bucket.New(cl, "fills", "p")
}

// fill writes records as one commit of a job.
func fill(tb testing.TB, s *Sink, job partition.JobID, epoch partition.Epoch, part int32, rs ...record.Record) error {
	tb.Helper()
	w, p, err := s.Open(tb.Context(), replaytest.FillSlice(job, 0, part, rs), epoch)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.Write(tb.Context(), &record.Batch{Records: rs}); err != nil {
		return err
	}
	return w.Commit(tb.Context(), p)
}

func suite(t *testing.T, open func(tb testing.TB) func() bucket.Bucket) {
	replaytest.RunSinkSuite(t, func(t *testing.T) replaytest.SinkCase {
		b := open(t)
		return replaytest.SinkCase{
			New: func(tb testing.TB) sink.Sink { return over(tb, b()) },
			Committed: func(tb testing.TB, part int32) []record.Record {
				return replaytest.ReadTarget(tb, over(tb, b()), part)
			},
			Foreign: func(tb testing.TB, part int32, rs ...record.Record) {
				if err := fill(tb, over(tb, b()), "bs-other", 1, part, rs...); err != nil {
					tb.Fatal(err)
				}
			},
		}
	})
}

func TestSuite(t *testing.T) {
	t.Run("directory", func(t *testing.T) {
		suite(t, func(tb testing.TB) func() bucket.Bucket {
			path := tb.TempDir()
			return func() bucket.Bucket { return directory(tb, path) }
		})
	})
	t.Run("s3", func(t *testing.T) {
		suite(t, func(tb testing.TB) func() bucket.Bucket {
			b := store(tb, nil)
			return func() bucket.Bucket { return b }
		})
	})
	// A listing that has not got the newest objects yet hides a commit and no more: the writer before is fenced all the same.
	t.Run("a store that lists late", func(t *testing.T) {
		suite(t, func(tb testing.TB) func() bucket.Bucket {
			b := &late{Bucket: store(tb, nil)}
			return func() bucket.Bucket { return b }
		})
	})
	// Each write happens, and half of the answers are lost.
	t.Run("a store that loses answers", func(t *testing.T) {
		suite(t, func(tb testing.TB) func() bucket.Bucket {
			var n atomic.Int64
			b := store(tb, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method != http.MethodPut || strings.Contains(r.URL.Path, "probe") || n.Add(1)%2 == 0 {
						next.ServeHTTP(w, r)
						return
					}
					next.ServeHTTP(httptest.NewRecorder(), r)
					w.WriteHeader(http.StatusServiceUnavailable)
				})
			})
			return func() bucket.Bucket { return b }
		})
	})
}

// late lists all objects but the newest three.
type late struct{ bucket.Bucket }

func (b *late) List(ctx context.Context, prefix string) iter.Seq2[bucket.Info, error] {
	return func(yield func(bucket.Info, error) bool) {
		var all []bucket.Info
		for in, err := range b.Bucket.List(ctx, prefix) {
			if err != nil {
				yield(in, err)
				return
			}
			all = append(all, in)
		}
		for _, in := range all[:max(len(all)-3, 0)] {
			if !yield(in, nil) {
				return
			}
		}
	}
}

// A store that lets a second writer have a name would let a fenced owner write.
func TestAStoreThatOverwritesIsRefused(t *testing.T) {
	b := store(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("If-None-Match")
			next.ServeHTTP(w, r)
		})
	})
	if err := fill(t, over(t, b), "bs-a", 1, 0, replaytest.Records(replaytest.Seed(t), 0, 3)...); !errors.Is(err, bucket.ErrNotConditional) {
		t.Errorf("got %v, want %v", err, bucket.ErrNotConditional)
	}
}

func TestWhatTheStoreSaysIsTold(t *testing.T) {
	for status, want := range map[int]error{http.StatusForbidden: sink.ErrDenied, http.StatusNotFound: sink.ErrNoTarget} {
		b := store(t, func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				code := map[int]string{http.StatusForbidden: "AccessDenied", http.StatusNotFound: "NoSuchBucket"}[status]
				_, _ = w.Write([]byte("<Error><Code>" + code + "</Code></Error>"))
			})
		})
		s := over(t, b)
		if err := fill(t, s, "bs-a", 1, 0); !errors.Is(err, want) {
			t.Errorf("%d when opened: got %v, want %v", status, err, want)
		}
		if _, _, err := s.Bounds(t.Context(), 0); !errors.Is(err, want) {
			t.Errorf("%d when asked for bounds: got %v, want %v", status, err, want)
		}
	}
}

// Each byte of data and commits is vouched for, and so is each commit by the one after it.
func TestDamageIsNamed(t *testing.T) {
	path := t.TempDir()
	s := over(t, directory(t, path))
	rs := replaytest.Records(replaytest.Seed(t), 0, 5)
	if err := fill(t, s, "bs-a", 1, 3, rs...); err != nil {
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
	read := func() error {
		r, err := s.Read(t.Context(), 3, 0, 100)
		if err == nil {
			_, err = r.Next(t.Context())
		}
		return err
	}
	commit := filepath.Join(path, "orders", "00003", entryName(2))
	sealed, err := os.ReadFile(commit)
	if err != nil {
		t.Fatal(err)
	}
	for at := range sealed {
		if err := os.WriteFile(commit, flip(sealed, at), 0o600); err != nil {
			t.Fatal(err)
		}
		// The case of the name of a member says nothing.
		if err := read(); !errors.Is(err, sink.ErrProgress) && !bytes.EqualFold(flip(sealed, at), sealed) {
			t.Errorf("bit 0 of byte %d of a commit: got %v, want %v", at, err, sink.ErrProgress)
		}
	}
	if err := os.WriteFile(commit, sealed, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{
		"first byte": flip(text, 0), "middle": flip(text, len(text)/2), "last byte": flip(text, len(text)-1), "cut": text[:len(text)-1], "longer": append(slices.Clone(text), '\n'),
	} {
		if err := os.WriteFile(files[0], body, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := read(); !errors.Is(err, sink.ErrProgress) {
			t.Errorf("%s: got %v, want %v", name, err, sink.ErrProgress)
		}
	}
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	if err := read(); !errors.Is(err, sink.ErrProgress) {
		t.Errorf("data gone: got %v, want %v", err, sink.ErrProgress)
	}
	if err := os.Remove(filepath.Join(path, "orders", "00003", entryName(1))); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Open(t.Context(), replaytest.FillSlice("bs-b", 0, 3, rs), 1); !errors.Is(err, sink.ErrProgress) {
		t.Errorf("a commit gone: got %v, want %v: its number must not be given again", err, sink.ErrProgress)
	}
}

func flip(text []byte, at int) []byte {
	out := bytes.Clone(text)
	out[at] ^= 1
	return out
}

// A bit that fell over on its way is not there the next time, and says nothing of what lies in the store.
func TestABitThatFellOverOnItsWay(t *testing.T) {
	var n, good atomic.Int64
	good.Store(2) // of how many answers one is as it should be
	b := store(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || r.URL.Query().Has("list-type") || n.Add(1)%good.Load() == 0 {
				next.ServeHTTP(w, r)
				return
			}
			rec := httptest.NewRecorder()
			next.ServeHTTP(rec, r)
			maps.Copy(w.Header(), rec.Header())
			w.WriteHeader(rec.Code)
			body := rec.Body.Bytes()
			if rec.Code == http.StatusOK {
				body = flip(body, int(n.Load())%len(body))
			}
			_, _ = w.Write(body)
		})
	})
	rs := replaytest.Records(replaytest.Seed(t), 0, 30)
	if err := fill(t, over(t, b), "bs-a", 1, 0, rs...); err != nil {
		t.Fatal(err)
	}
	if got := replaytest.ReadTarget(t, over(t, b), 0); len(got) != len(rs) {
		t.Errorf("got %d records, want %d", len(got), len(rs))
	}
	good.Store(1 << 40)
	if _, _, err := over(t, b).Bounds(t.Context(), 0); !errors.Is(err, bucket.ErrBroken) || errors.Is(err, sink.ErrProgress) {
		t.Errorf("no answer as it should be, and none like the one before: got %v, want %v", err, bucket.ErrBroken)
	}
}

// Whoever looks for the end of a long log reads few of its commits.
func TestALongLogIsNotReadFromItsBeginning(t *testing.T) {
	counted := &counting{Bucket: directory(t, t.TempDir())}
	s := over(t, counted)
	rs := replaytest.Records(replaytest.Seed(t), 0, 200)
	w, p, err := s.Open(t.Context(), replaytest.FillSlice("bs-a", 0, 0, rs), 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rs {
		if err := w.Write(t.Context(), &record.Batch{Records: rs[i : i+1]}); err != nil {
			t.Fatal(err)
		}
		p.Cursor, p.Records = rs[i].Offset+1, p.Records+1
		if err := w.Commit(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	before := counted.gets.Load()
	r, err := s.Read(t.Context(), 0, 199, 200)
	if err != nil {
		t.Fatal(err)
	}
	b, err := r.Next(t.Context())
	if err != nil || len(b.Records) != 1 || b.Records[0].Offset != 199 {
		t.Fatalf("got %v, %v, want the last record", b, err)
	}
	if n := counted.gets.Load() - before; n > 15 {
		t.Errorf("read %d objects of a log of 201 commits for its last record, want at most 15", n)
	}
}

type counting struct {
	bucket.Bucket
	gets atomic.Int64
}

func (c *counting) Get(ctx context.Context, key, etag string) (io.ReadCloser, bucket.Info, error) {
	c.gets.Add(1)
	return c.Bucket.Get(ctx, key, etag)
}
