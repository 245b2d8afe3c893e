package confluent_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"backstitch/replay/foreign"
	"backstitch/replay/foreign/foreigntest"
	"backstitch/replay/record"
	"backstitch/replay/source"
	"backstitch/replay/source/confluent"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
)

func parquetConfig() confluent.Config {
	cfg := confluent.DefaultConfig("orders")
	cfg.Format, cfg.Values = foreign.Parquet, foreign.AsJSON
	return cfg
}

// rowsOf are records whose values are rows.
func rowsOf(from, to int64) []record.Record { return foreigntest.Numbered(from, to) }

// Rows become the JSON that the topic had, at the offsets of the name, in every compression.
func TestParquet(t *testing.T) {
	for ext, codec := range map[string]compress.Codec{".snappy.parquet": &parquet.Snappy, ".gz.parquet": &parquet.Gzip, ".zstd.parquet": &parquet.Zstd, ".parquet": &parquet.Uncompressed} {
		rs := rowsOf(40, 100)
		a, err := confluent.New(foreigntest.Open(t, foreigntest.ConfluentParquet(codec, ext)(0, rs, 25)), parquetConfig())
		l := foreigntest.Catalog(t, a, err)
		got, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
		if len(l.Objects[0]) != 3 || len(l.Unread)+len(l.Damaged)+len(damaged) != 0 || foreigntest.Offsets(got) != "[[40,100)]" {
			t.Fatalf("%s: got %v, %v and %s", ext, l, damaged, foreigntest.Offsets(got))
		}
		for i := range rs {
			if string(got[i].Value) != string(rs[i].Value) {
				t.Errorf("%s: offset %d: got %s, want %s", ext, rs[i].Offset, got[i].Value, rs[i].Value)
			}
		}
	}
}

// A row group that is damaged costs its own rows, at their positions. What is wrong with a file as a whole is named, and nothing of it read.
func TestDamagedParquet(t *testing.T) {
	whole := foreigntest.ConfluentParquet(&parquet.Zstd, ".parquet")(0, rowsOf(0, 33), 33)[at(0, ".parquet")] // 11 to a group
	group := bytes.Clone(whole)
	group[bytes.Index(group, []byte{0x28, 0xb5, 0x2f, 0xfd})] ^= 1 // the first page's magic
	type row struct {
		D float64 `parquet:"d"`
	}
	nan := table(t, []row{{1}, {nanOf()}, {3}})
	for name, c := range map[string]struct {
		body []byte
		want string // offsets, damage while reading, damage when listed
	}{
		"whole":            {whole, "[[0,33)] [] []"},
		"a row group":      {group, "[[11,33)] [" + source.CodeParquetGroup + "[0,11)] []"},
		"cut off":          {whole[:len(whole)-20], "[] [" + source.CodeTruncated + "[0,-1)] [" + source.CodeTruncated + "]"},
		"lines":            {[]byte("{\"n\":1}\n"), "[] [" + source.CodeForeign + "[0,-1)] [" + source.CodeForeign + "]"},
		"brotli":           {table(t, []row{{1}}, parquet.Compression(&parquet.Brotli)), "[[0,1)] [] []"},
		"a variant":        {table(t, []struct{ V any }{{1}}, parquet.NewSchema("x", parquet.Group{"V": parquet.Variant()})), "[] [" + source.CodeParquetType + "[0,-1)] [" + source.CodeParquetType + "]"},
		"a number that is": {nan, "[[0,1) [2,3)] [" + source.CodeNotRendered + "[1,2)] []"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := confluent.New(foreigntest.Open(t, map[string][]byte{at(0, ".parquet"): c.body}), parquetConfig())
			l := foreigntest.Catalog(t, a, err)
			rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
			listed := []string{}
			for _, d := range l.Damaged {
				listed = append(listed, d.Code)
			}
			if got := fmt.Sprintf("%s %v %v", foreigntest.Offsets(rs), damaged, listed); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func nanOf() float64 { z := 0.0; return z / z }

func table[T any](t *testing.T, rows []T, opts ...parquet.WriterOption) []byte {
	t.Helper()
	var out bytes.Buffer
	w := parquet.NewGenericWriter[T](&out, opts...)
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// An object that takes more memory than a read may hold is named; a range of it reads what is wanted and no more.
func TestParquetIsBounded(t *testing.T) {
	files := foreigntest.ConfluentParquet(&parquet.Snappy, ".parquet")(0, rowsOf(0, 5000), 5000)
	cfg := parquetConfig()
	cfg.HeldBytes = int64(len(files[at(0, ".parquet")])) - 1
	a, err := confluent.New(foreigntest.Open(t, files), cfg)
	l := foreigntest.Catalog(t, a, err)
	if len(l.Damaged) != 1 || l.Damaged[0].Code != source.CodeTooLarge || !strings.Contains(l.Damaged[0].Error(), "memory") {
		t.Errorf("got %v, want %s", l.Damaged, source.CodeTooLarge)
	}
}

// Companions in Parquet are not taken for lines.
func TestCompanionsInParquet(t *testing.T) {
	files := foreigntest.ConfluentParquet(&parquet.Snappy, ".parquet")(0, rowsOf(0, 5), 5)
	files[at(0, ".keys.parquet")] = files[at(0, ".parquet")]
	keys, headers, err := confluent.Companions(t.Context(), foreigntest.Open(t, files), parquetConfig())
	if err != nil || keys || headers {
		t.Errorf("got keys %v, headers %v, %v, want none that are read", keys, headers, err)
	}
}

// FuzzParquet: whatever is in an object, what was counted is what is read or named.
func FuzzParquet(f *testing.F) {
	for _, codec := range []compress.Codec{&parquet.Snappy, &parquet.Gzip, &parquet.Zstd, &parquet.Uncompressed} {
		f.Add(foreigntest.ConfluentParquet(codec, ".parquet")(0, rowsOf(0, 25), 25)[at(0, ".parquet")])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		cfg := parquetConfig()
		cfg.MaxRecordBytes, cfg.HeldBytes = 1<<20, 4<<20
		a, err := confluent.New(foreigntest.Open(t, map[string][]byte{at(0, ".parquet"): body}), cfg)
		l := foreigntest.Catalog(t, a, err)
		rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
		if o := l.Objects[0][0]; o.Count >= 0 && int64(len(rs)) > o.Count || o.Count > 0 && len(rs) == 0 && len(damaged) == 0 {
			t.Fatalf("%d records and %v of %d that were counted", len(rs), damaged, o.Count)
		}
	})
}
