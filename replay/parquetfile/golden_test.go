package parquetfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/replay/ocf"
	"backstitch/replay/parquetfile"
)

// object is a file that testdata/golden.py has written.
func object(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".parquet"))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// rows reads a file as JSON. A row that has none is what is wrong with it, in angle brackets.
func rows(text []byte) (out []string, err error) {
	var codecs parquetfile.Codecs
	defer codecs.Close()
	f, err := parquetfile.Open(text, &codecs, parquetfile.DefaultLimits())
	if err != nil {
		return nil, err
	}
	s, err := f.Schema()
	if err != nil {
		return nil, err
	}
	for i := range f.Groups() {
		if err := group(f, s, i, &out); err != nil {
			return out, fmt.Errorf("row group %d: %w", i, err)
		}
	}
	return out, nil
}

func group(f *parquetfile.File, s *parquetfile.Schema, i int, out *[]string) error {
	r, err := f.Group(i)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // it was only read
	for n := int64(0); ; n++ {
		if r.Left() != f.Rows(i)-n {
			return fmt.Errorf("%d rows left of %d after %d", r.Left(), f.Rows(i), n)
		}
		row, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		text, err := s.AppendJSON(nil, row, 1<<20)
		if errors.Is(err, ocf.ErrNoJSON) {
			text, err = []byte("<"+err.Error()+">"), nil
		}
		if err != nil {
			return err
		}
		*out = append(*out, string(text))
	}
}

// What another writer wrote reads as the values that it was given, whatever the pages, compressions and encodings.
func TestFilesOfAnotherWriter(t *testing.T) {
	for _, name := range []string{
		"types-v1-snappy", "types-v2-zstd", "types-v1-gzip-plain", "types-v2-lz4", "types-delta", "nested-v1", "nested-v2", "pages", "old",
	} {
		t.Run(name, func(t *testing.T) {
			base, _, _ := strings.Cut(name, "-")
			want, err := os.ReadFile(filepath.Join("testdata", base+".jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := rows(object(t, name))
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSuffix(string(want), "\n"), "\n")
			if len(got) != len(lines) {
				t.Fatalf("got %d rows, want %d", len(got), len(lines))
			}
			for i := range lines {
				if got[i] != lines[i] {
					t.Errorf("row %d:\n got %s\nwant %s", i, got[i], lines[i])
				}
			}
		})
	}
}

func TestNullsTakeNoBytes(t *testing.T) {
	got, err := rows(object(t, "nulls"))
	if err != nil || len(got) != 2000 || got[1999] != `{"n":1999,"x":null,"b":null}` {
		t.Errorf("got %d rows, %v", len(got), err)
	}
}

func TestWhatHasNoJSON(t *testing.T) {
	got, err := rows(object(t, "values-without"))
	want := []string{`{"d":1,"s":1}`, "<a number is NaN: " + ocf.ErrNoJSON.Error() + ">", "<a number is -Inf: " + ocf.ErrNoJSON.Error() + ">"}
	if err != nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if _, err := rows(object(t, "map-of-numbers")); !errors.Is(err, parquetfile.ErrNoForm) {
		t.Errorf("a map whose keys are numbers: got %v, want %v", err, parquetfile.ErrNoForm)
	}
}

// A bit that turned over is found where a checksum is, and a file that was cut off has no footer.
func TestDamage(t *testing.T) {
	text := object(t, "types-v2-zstd")
	for _, at := range []int{100, 1000, 2000} {
		bad := bytes.Clone(text)
		bad[at] ^= 4
		if got, err := rows(bad); err == nil || !errors.Is(err, parquetfile.ErrCorrupt) && !errors.Is(err, parquetfile.ErrLimit) {
			t.Errorf("byte %d: got %d rows, %v, want an error", at, len(got), err)
		}
	}
	for _, n := range []int{0, 3, 4, 11, len(text) / 2, len(text) - 1} {
		if _, err := rows(text[:n]); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut off at %d: got %v, want %v", n, err, io.ErrUnexpectedEOF)
		}
	}
	if _, err := rows([]byte(`{"n":1}`)); !errors.Is(err, parquetfile.ErrNotParquet) {
		t.Errorf("a line: got %v, want %v", err, parquetfile.ErrNotParquet)
	}
	if _, err := rows([]byte("PARE" + string(text[4:]))); !errors.Is(err, parquetfile.ErrNotParquet) {
		t.Errorf("encrypted: got %v, want %v", err, parquetfile.ErrNotParquet)
	}
}
