package foreigntest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"backstitch/partition"
	"backstitch/replay/bucket"
	"backstitch/replay/bucket/dir"
	"backstitch/replay/foreign"
	"backstitch/replay/record"
	"backstitch/replay/source"
)

// Open returns a directory with files by key.
func Open(tb testing.TB, files map[string][]byte) bucket.Bucket {
	tb.Helper()
	path := tb.TempDir()
	Files(tb, path, files)
	b, err := dir.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = b.Close() })
	return b
}

// Catalog lists an archive.
func Catalog(tb testing.TB, a *foreign.Archive, err error) *foreign.Listing {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	l, err := a.Catalog(tb.Context(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// Read returns the records of one partition, and what is damaged as "CODE[from,to)".
func Read(tb testing.TB, a *foreign.Archive, part int32, objects []partition.Object) (rs []record.Record, damaged []string) {
	tb.Helper()
	r, err := a.Open(tb.Context(), partition.Slice{Partition: part, Ranges: partition.Ranges{{From: 0, To: 1 << 60}}, Objects: objects}, 0)
	if err != nil {
		tb.Fatal(err)
	}
	defer r.Close()
	for {
		b, err := r.Next(tb.Context())
		var d *source.DamagedError
		switch {
		case err == io.EOF:
			return rs, damaged
		case errors.As(err, &d):
			damaged = append(damaged, fmt.Sprintf("%s[%d,%d)", d.Code, d.Offset, d.Next))
			continue
		case err != nil:
			tb.Fatal(err)
		}
		for _, rec := range b.Records {
			rec.Key, rec.Value = bytes.Clone(rec.Key), bytes.Clone(rec.Value)
			rs = append(rs, rec)
		}
		b.Release()
	}
}

// Offsets are those of records, as ranges.
func Offsets(rs []record.Record) string {
	var out partition.Ranges
	for _, r := range rs {
		if n := len(out); n > 0 && out[n-1].To == r.Offset {
			out[n-1].To++
			continue
		}
		out = append(out, partition.Range{From: r.Offset, To: r.Offset + 1})
	}
	return fmt.Sprint(out)
}

// Numbered makes records of partition 0 with the offsets [from,to).
func Numbered(from, to int64) []record.Record {
	var rs []record.Record
	for o := from; o < to; o++ {
		rs = append(rs, record.Record{Offset: o, TimestampMs: 1_795_132_800_000 + o, Key: fmt.Appendf(nil, "k%d", o), Value: fmt.Appendf(nil, `{"n":%d}`, o)})
	}
	return rs
}
