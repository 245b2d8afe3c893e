package confluent_test

import (
	"bytes"
	"fmt"
	"maps"
	"strings"
	"testing"

	"backstitch/replay/foreign"
	"backstitch/replay/foreign/foreigntest"
	"backstitch/replay/record"
	"backstitch/replay/source"
	"backstitch/replay/source/confluent"

	"github.com/google/go-cmp/cmp"
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

// Rows of companions, as AvroParquetWriter has them of the structs that the connector puts keys and headers into.
type (
	keyRow struct {
		Key *string `parquet:"key,optional"`
	}
	headerRow struct {
		Headers []headerCell `parquet:"headers,list"`
	}
	headerCell struct {
		Key   string `parquet:"key"`
		Value string `parquet:"value"`
	}
	bytesRow struct {
		Key []byte `parquet:"key"`
	}
	numberRow struct {
		Key int64 `parquet:"key"`
	}
	wrongRow struct {
		N int64 `parquet:"n"`
	}
)

func textKey(s string) keyRow { return keyRow{&s} }

// Companions in Parquet pair with values of any format, and are never taken for lines.
func TestCompanionsInParquet(t *testing.T) {
	both := headerRow{[]headerCell{{"h", "v"}, {"h", ""}}}
	headers := table(t, []headerRow{both, {}, both}, parquet.Compression(&parquet.Snappy))
	whole := map[string][]byte{
		at(0, ".keys.snappy.parquet"):    table(t, []keyRow{textKey("k\n1"), {}, textKey("")}, parquet.Compression(&parquet.Snappy)),
		at(0, ".headers.snappy.parquet"): headers,
	}
	for ext, values := range map[string][]byte{".json": []byte("{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n"), ".snappy.parquet": foreigntest.ConfluentParquet(&parquet.Snappy, ".parquet")(0, rowsOf(0, 3), 3)[at(0, ".parquet")]} {
		cfg := parquetConfig()
		if ext == ".json" {
			cfg = confluent.DefaultConfig("orders")
		}
		files := maps.Clone(whole)
		files[at(0, ext)] = values
		b := foreigntest.Open(t, files)
		has, err := confluent.Companions(t.Context(), b, cfg)
		if has != (confluent.Beside{Keys: true, Headers: true, Parquet: true}) || err != nil {
			t.Fatalf("%s: got %+v, %v, want both, in Parquet", ext, has, err)
		}
		cfg.Keys, cfg.Headers = true, true
		read := func() ([]record.Record, []string) {
			a, err := confluent.New(foreigntest.Open(t, files), cfg)
			l := foreigntest.Catalog(t, a, err)
			return foreigntest.Read(t, a, 0, l.Objects[0])
		}
		rs, damaged := read()
		if len(rs) != 3 || damaged != nil {
			t.Fatalf("%s: got %d records, %v, want 3", ext, len(rs), damaged)
		}
		if string(rs[0].Key) != "k\n1" || rs[1].Key != nil || rs[2].Key == nil || len(rs[2].Key) != 0 {
			t.Errorf("%s: got keys %q, want a text, none and an empty one", ext, [][]byte{rs[0].Key, rs[1].Key, rs[2].Key})
		}
		want := []record.Header{{Key: "h", Value: []byte("v")}, {Key: "h", Value: []byte{}}}
		if diff := cmp.Diff([][]record.Header{want, nil, want}, [][]record.Header{rs[0].Headers, rs[1].Headers, rs[2].Headers}); diff != "" {
			t.Errorf("%s: headers: want -, got +:\n%s", ext, diff)
		}
		for name, c := range map[string]struct {
			keys []byte
			want string
		}{
			"bytes":          {table(t, []bytesRow{{[]byte("a")}, {[]byte{0, 255}}, {[]byte("c")}}), "[[0,3)] []"},
			"a row short":    {table(t, []keyRow{textKey("a"), textKey("b")}), "[[0,2)] [" + source.CodeBadCompanion + "[2,3)]"},
			"a row too many": {table(t, make([]keyRow, 4)), "[[0,3)] [" + source.CodeBadCompanion + "[3,-1)]"},
			"numbers":        {table(t, make([]numberRow, 3)), "[] [" + source.CodeBadCompanion + "[0,3)]"},
			"other columns":  {table(t, make([]wrongRow, 3)), "[] [" + source.CodeBadCompanion + "[0,3)]"},
			"lines":          {[]byte("a\nb\nc\n"), "[] [" + source.CodeBadCompanion + "[0,3)]"},
		} {
			files[at(0, ".keys.snappy.parquet")] = c.keys
			rs, damaged := read()
			if got := fmt.Sprintf("%s %v", foreigntest.Offsets(rs), damaged); got != c.want {
				t.Errorf("%s, keys with %s: got %s, want %s", ext, name, got, c.want)
			}
		}
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
