package confluent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/partition"
	"backstitch/replay/bucket"
	"backstitch/replay/bucket/dir"
	"backstitch/replay/foreign"
	"backstitch/replay/foreign/drawntest"
	"backstitch/replay/record"
	"backstitch/replay/source"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	drawntest.Few()
	goleak.VerifyTestMain(m)
}

// archive writes files into a directory, compressing by their extension.
func archive(t testing.TB, files map[string]string) bucket.Bucket {
	t.Helper()
	b, err := dir.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	for key, text := range files {
		if _, err := b.PutNew(t.Context(), key, compress(t, key, text)); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func compress(t testing.TB, key, text string) []byte {
	t.Helper()
	var buf bytes.Buffer
	var w io.WriteCloser
	switch _, codec := foreign.SplitExt(key); codec {
	case ".gz":
		w = gzip.NewWriter(&buf)
	case ".zst":
		var err error
		if w, err = zstd.NewWriter(&buf, zstd.WithEncoderConcurrency(1)); err != nil {
			t.Fatal(err)
		}
	default:
		return []byte(text)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func catalog(t testing.TB, b bucket.Bucket, cfg Config) *foreign.Listing {
	t.Helper()
	a, err := New(b, cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := a.Catalog(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

var everything = partition.Ranges{{From: 0, To: math.MaxInt64}}

// read returns the records of a slice as text, and the damages, in the order in which they came.
func read(t testing.TB, b bucket.Bucket, cfg Config, slice partition.Slice, cursor int64) (recs []record.Record, damages []*source.DamagedError, err error) {
	t.Helper()
	s, err := New(b, cfg)
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Open(t.Context(), slice, cursor)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		batch, err := r.Next(t.Context())
		var d *source.DamagedError
		switch {
		case errors.Is(err, io.EOF):
			return recs, damages, nil
		case errors.As(err, &d):
			damages = append(damages, d)
			continue
		case err != nil:
			return recs, damages, err
		}
		for _, r := range batch.Records {
			r.Value, r.Key = bytes.Clone(r.Value), bytes.Clone(r.Key)
			recs = append(recs, r)
		}
		if batch.Next != recs[len(recs)-1].Offset+1 {
			t.Fatalf("got cursor %d after offset %d", batch.Next, recs[len(recs)-1].Offset)
		}
		batch.Release()
	}
}

func lineAt(i int) string { return fmt.Sprintf(`{"n":%d,"pad":"%s"}`, i, strings.Repeat("x", i%200)) }

func linesOf(from, n int) string {
	var sb strings.Builder
	for i := from; i < from+n; i++ {
		sb.WriteString(lineAt(i) + "\n")
	}
	return sb.String()
}

func TestPositionsOfInterleavedFiles(t *testing.T) {
	b := archive(t, map[string]string{
		"topics/t/partition=0/t+0+0000000000.json":           linesOf(0, 10),
		"topics/t/partition=0/t+0+0000000010.json.gz":        linesOf(10, 5),
		"topics/t/hour=1/f=x/t+0+0000000012.json":            linesOf(15, 3),
		"topics/t/partition=0/t+0+0000000100.json.zst":       linesOf(18, 4),
		"topics/t/partition=0/t+0+10000000000.json":          linesOf(22, 1),
		"topics/t/partition=0/t+0+9999999999.json":           linesOf(23, 1),
		"topics/t/partition=1/t+1+0000000007.json":           linesOf(0, 2),
		"topics/t/partition=0/t+0+0000000000.avro":           "no file of this format",
		"topics/t/partition=0/t+0+0000000000.keys.json":      "\"k\"\n",
		"topics/t/partition=0/_SUCCESS":                      "",
		"topics/t-other/partition=0/t-other+0+00000000.json": "{}\n",
	})
	l := catalog(t, b, DefaultConfig("t"))
	type row struct{ Base, Count int64 }
	got := map[int32][]row{}
	for p, objs := range l.Objects {
		for _, o := range objs {
			got[p] = append(got[p], row{o.Base, o.Count})
		}
	}
	want := map[int32][]row{
		0: {{0, 10}, {10, 5}, {15, 3}, {100, 4}, {9999999999, 1}, {10000000000, 1}},
		1: {{7, 2}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

// Reading from any cursor, over any ranges, gives exactly the lines that are there, in each compression, whole and streamed.
func TestResumeAtEveryCursor(t *testing.T) {
	for _, ext := range []string{".json", ".json.gz", ".json.zst"} {
		for _, whole := range []int64{0, 1 << 20} {
			b := archive(t, map[string]string{
				"topics/t/partition=0/t+0+0000000000" + ext: linesOf(0, 50),
				"topics/t/partition=0/t+0+0000000060" + ext: linesOf(60, 30),
				"topics/t/partition=0/t+0+0000000090" + ext: strings.TrimSuffix(linesOf(90, 20), "\n"),
			})
			cfg := DefaultConfig("t")
			cfg.WholeBytes = whole
			slice := partition.Slice{Ranges: partition.Ranges{{From: 2, To: 40}, {From: 45, To: 61}, {From: 100, To: 500}}, Objects: catalog(t, b, cfg).Objects[0]}
			for cursor := range int64(112) {
				var want []string
				for i := range 110 {
					if int64(i) >= cursor && slice.Ranges.Contains(int64(i)) && (i < 50 || i >= 60) {
						want = append(want, fmt.Sprint(i, lineAt(i)))
					}
				}
				recs, damages, err := read(t, b, cfg, slice, cursor)
				if err != nil || damages != nil {
					t.Fatal(err, damages)
				}
				var got []string
				for _, r := range recs {
					got = append(got, fmt.Sprint(r.Offset, string(r.Value)))
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("%s, whole %d, from %d: want -, got +:\n%s", ext, whole, cursor, diff)
				}
			}
		}
	}
}

// Lines longer than a block, and blocks that end anywhere in a line, come out whole.
func TestLongLines(t *testing.T) {
	long := `"` + strings.Repeat("y", 3*(1<<20)+17) + `"`
	text := linesOf(0, 9000) + long + "\n" + linesOf(0, 9000)
	for _, ext := range []string{".json", ".json.gz", ".json.zst"} {
		b := archive(t, map[string]string{"topics/t/partition=0/t+0+0000000000" + ext: text})
		cfg := DefaultConfig("t")
		cfg.WholeBytes = 0
		objs := catalog(t, b, cfg).Objects[0]
		recs, damages, err := read(t, b, cfg, partition.Slice{Ranges: everything, Objects: objs}, 0)
		if err != nil || damages != nil {
			t.Fatal(err, damages)
		}
		var sb strings.Builder
		for _, r := range recs {
			sb.Write(r.Value)
			sb.WriteByte('\n')
		}
		if sb.String() != text {
			t.Errorf("%s: %d records do not make up the file again", ext, len(recs))
		}
		cfg.MaxRecordBytes = 2 << 20
		l := catalog(t, b, cfg)
		if len(l.Damaged) != 1 || l.Damaged[0].Code != source.CodeTooLarge || l.Damaged[0].Offset != 9000 {
			t.Errorf("%s: got %+v, want one record too large at 9000", ext, l.Damaged)
		}
	}
}

// Damage costs what it covers, is named, and the next object is read.
func TestTruncatedAndCorruptObjects(t *testing.T) {
	for _, ext := range []string{".json.gz", ".json.zst"} {
		for _, whole := range []int64{0, 1 << 20} {
			cut := compress(t, ext, linesOf(0, 2000))
			flipped := bytes.Clone(cut)
			flipped[len(flipped)/2] ^= 0x10
			for name, body := range map[string][]byte{"truncated": cut[:len(cut)*2/3], "corrupt": flipped, "empty": {}} {
				b := archive(t, map[string]string{
					"topics/t/partition=0/t+0+0000000000" + ext: "",
					"topics/t/partition=0/t+0+0000002000" + ext: linesOf(0, 3),
				})
				key := "topics/t/partition=0/t+0+0000000000" + ext
				if err := os.WriteFile(filepath.Join(b.URL(), key), body, 0o600); err != nil {
					t.Fatal(err)
				}
				cfg := DefaultConfig("t")
				cfg.WholeBytes = whole
				l := catalog(t, b, cfg)
				if len(l.Damaged) != 1 || l.Objects[0][0].Count != -1 || l.Damaged[0].Next != 2000 {
					t.Fatalf("%s%s: got %+v, want one damaged object up to 2000", name, ext, l.Damaged)
				}
				recs, damages, err := read(t, b, cfg, partition.Slice{Ranges: everything, Objects: l.Objects[0]}, 0)
				if err != nil || len(damages) != 1 {
					t.Fatalf("%s%s: got %v, %v, want one damage", name, ext, err, damages)
				}
				d := damages[0]
				if d.Object != key || d.Next != 2000 || d.Offset < 0 || d.Offset >= 2000 || d.Code == "" {
					t.Errorf("%s%s: got %+v", name, ext, d)
				}
				if n := int64(len(recs)); n != d.Offset+3 || recs[n-1].Offset != 2002 {
					t.Errorf("%s%s: got %d records around damage at %d", name, ext, n, d.Offset)
				}
				for _, r := range recs[:d.Offset] {
					if string(r.Value) != lineAt(int(r.Offset)) {
						t.Fatalf("%s%s: got %q at %d, which was never written", name, ext, r.Value, r.Offset)
					}
				}
			}
		}
	}
}

func TestBrokenLines(t *testing.T) {
	b := archive(t, map[string]string{"topics/t/partition=0/t+0+0000000000.json": "{\"a\":1}\n{\"cut\n\n\r\nnull\n 12 \r\n\"s\"\nnope\n[]\n"})
	cfg := DefaultConfig("t")
	recs, damages, err := read(t, b, cfg, partition.Slice{Ranges: everything, Objects: catalog(t, b, cfg).Objects[0]}, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range recs {
		got = append(got, fmt.Sprintf("%d %q", r.Offset, r.Value))
	}
	for _, d := range damages {
		got = append(got, fmt.Sprintf("%s [%d,%d)", d.Code, d.Offset, d.Next))
	}
	want := []string{`0 "{\"a\":1}"`, `2 "null"`, `3 " 12 \r"`, `4 "\"s\""`, `6 "[]"`, "BST-Q103 [1,2)", "BST-Q103 [5,6)"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

func TestBinKeepsEmptyLines(t *testing.T) {
	b := archive(t, map[string]string{"topics/t/partition=0/t+0+0000000005.bin.gz": "\x00a\n\nb"})
	cfg := DefaultConfig("t")
	cfg.Format = foreign.Bytes
	recs, damages, err := read(t, b, cfg, partition.Slice{Ranges: everything, Objects: catalog(t, b, cfg).Objects[0]}, 0)
	if err != nil || damages != nil {
		t.Fatal(err, damages)
	}
	want := []record.Record{{Offset: 5, Value: []byte("\x00a")}, {Offset: 6, Value: []byte{}}, {Offset: 7, Value: []byte("b")}}
	if diff := cmp.Diff(want, recs); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

func TestCompanionsAndTombstones(t *testing.T) {
	stem := "topics/t/partition=0/t+0+0000000000"
	b := archive(t, map[string]string{
		stem + ".json":                                   "{\"v\":1}\n{\"v\":2}\n{\"v\":3}\n",
		stem + ".keys.json.gz":                           "\"plain\"\nnull\n{\"id\":7}\n",
		stem + ".headers.json":                           `{"headers":[{"key":"a","value":"1"},{"key":"a","value":null},{"key":"n","value":5}]}` + "\n{\"headers\":[]}\n{\"headers\":null}\n",
		"topics/t/tombstone/t+0+0000000003.json":         "null\n",
		"topics/t/tombstone/t+0+0000000003.keys.json":    `"a\u0041\n"` + "\n",
		"topics/t/tombstone/t+0+0000000003.headers.json": "{}\n",
	})
	cfg := DefaultConfig("t")
	if has, err := Companions(t.Context(), b, cfg); has != (Beside{Keys: true, Headers: true}) || err != nil {
		t.Fatalf("got %+v, %v, want both companions, of lines", has, err)
	}
	cfg.Keys, cfg.Headers = true, true
	objs := catalog(t, b, cfg).Objects[0]
	got, damages, err := read(t, b, cfg, partition.Slice{Ranges: everything, Objects: objs}, 0)
	if err != nil || damages != nil {
		t.Fatal(err, damages)
	}
	want := []record.Record{
		{Offset: 0, Key: []byte("plain"), Value: []byte(`{"v":1}`), Headers: []record.Header{{Key: "a", Value: []byte("1")}, {Key: "a"}, {Key: "n", Value: []byte("5")}}},
		{Offset: 1, Value: []byte(`{"v":2}`)},
		{Offset: 2, Key: []byte(`{"id":7}`), Value: []byte(`{"v":3}`)},
		{Offset: 3, Key: []byte("aA\n")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	if err := os.WriteFile(filepath.Join(b.URL(), stem+".keys.json.gz"), compress(t, ".gz", "\"x\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(t, b, cfg, partition.Slice{Ranges: everything, Objects: objs}, 0); !errors.Is(err, source.ErrChanged) {
		t.Errorf("read: got %v, want %v", err, source.ErrChanged)
	}
	// The companion as it is now is a line short from the second record on: damage, never a shift.
	_, damages, err = read(t, b, cfg, partition.Slice{Ranges: everything, Objects: catalog(t, b, cfg).Objects[0]}, 0)
	if err != nil || len(damages) != 1 || damages[0].Code != source.CodeBadCompanion || damages[0].Offset != 1 || damages[0].Next != 3 {
		t.Errorf("got %v, %v, want a bad companion at [1,3)", damages, err)
	}
}

func TestObjectsThatMoved(t *testing.T) {
	key := "topics/t/partition=0/t+0+0000000000.json"
	b := archive(t, map[string]string{key: "{}\n{}\n"})
	cfg := DefaultConfig("t")
	slice := partition.Slice{Ranges: everything, Objects: catalog(t, b, cfg).Objects[0]}
	miscounted := slice
	miscounted.Objects = []partition.Object{slice.Objects[0]}
	miscounted.Objects[0].Count = 3
	if _, _, err := read(t, b, cfg, miscounted, 0); !errors.Is(err, source.ErrChanged) {
		t.Errorf("got %v, want %v", err, source.ErrChanged)
	}
	slice.Objects[0].Count = 2
	if err := os.WriteFile(filepath.Join(b.URL(), key), []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(t, b, cfg, slice, 0); !errors.Is(err, source.ErrChanged) {
		t.Errorf("got %v, want %v", err, source.ErrChanged)
	}
	if err := os.Remove(filepath.Join(b.URL(), key)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(t, b, cfg, slice, 0); !errors.Is(err, source.ErrGone) {
		t.Errorf("got %v, want %v", err, source.ErrGone)
	}
	a, err := New(b, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Catalog(t.Context(), nil); !errors.Is(err, bucket.ErrNotFound) {
		t.Errorf("got %v, want %v", err, bucket.ErrNotFound)
	}
}

// A reader whose Open context has ended says so, rather than wait for ever.
func TestOpenContextEnds(t *testing.T) {
	b := archive(t, map[string]string{"topics/t/partition=0/t+0+0000000000.json": linesOf(0, 100_000)})
	cfg := DefaultConfig("t")
	s, err := New(b, cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, err := s.Open(ctx, partition.Slice{Ranges: everything, Objects: catalog(t, b, cfg).Objects[0]}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cancel()
	for err == nil {
		var batch *record.Batch
		if batch, err = r.Next(t.Context()); batch != nil {
			batch.Release()
		}
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// FuzzRead feeds bytes that nobody wrote: no panic, no position out of order, and the catalog counts what the reader reads.
func FuzzRead(f *testing.F) {
	f.Add([]byte(linesOf(0, 5)), uint8(0))
	f.Add(compress(f, ".gz", linesOf(0, 5)), uint8(1))
	f.Add(compress(f, ".zst", linesOf(0, 5)), uint8(2))
	f.Fuzz(func(t *testing.T, data []byte, ext uint8) {
		key := "topics/t/partition=0/t+0+0000000000.bin" + []string{"", ".gz", ".zst"}[ext%3]
		b := archive(t, nil)
		if _, err := b.PutNew(t.Context(), key, data); err != nil {
			t.Fatal(err)
		}
		cfg := DefaultConfig("t")
		cfg.Format, cfg.MaxObjectBytes, cfg.MaxRecordBytes, cfg.WholeBytes = foreign.Bytes, 8<<20, 1<<20, 4<<20
		l := catalog(t, b, cfg)
		recs, damages, err := read(t, b, cfg, partition.Slice{Ranges: everything, Objects: l.Objects[0]}, 0)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range recs {
			if r.Offset != int64(i) {
				t.Fatalf("got offset %d for record %d", r.Offset, i)
			}
		}
		if n := l.Objects[0][0].Count; n >= 0 && n != int64(len(recs)) || len(damages) != len(l.Damaged) {
			t.Fatalf("got %d records, %d damages; counted %d, %d", len(recs), len(damages), n, len(l.Damaged))
		}
	})
}

func BenchmarkRead(b *testing.B) {
	line := `{"pad":"` + strings.Repeat("0123456789abcdef", 63) + "\"}\n"
	for _, ext := range []string{".json", ".json.gz", ".json.zst"} {
		b.Run(ext, func(b *testing.B) {
			bk := archive(b, map[string]string{"topics/t/partition=0/t+0+0000000000" + ext: strings.Repeat(line, 20_000)})
			cfg := DefaultConfig("t")
			src, err := New(bk, cfg)
			if err != nil {
				b.Fatal(err)
			}
			slice := partition.Slice{Ranges: everything, Objects: catalog(b, bk, cfg).Objects[0]}
			b.SetBytes(int64(len(line)) * 20_000)
			b.ReportAllocs()
			for b.Loop() {
				r, err := src.Open(b.Context(), slice, 0)
				if err != nil {
					b.Fatal(err)
				}
				n := 0
				for {
					batch, err := r.Next(b.Context())
					if err == io.EOF {
						break
					}
					if err != nil {
						b.Fatal(err)
					}
					n += len(batch.Records)
					batch.Release()
				}
				if err := r.Close(); err != nil || n != 20_000 {
					b.Fatal(err, n)
				}
			}
		})
	}
}
