package objects

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/replay/bucket"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"
	"backstitch/replay/sink"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/twmb/avro/ocf"
	"pgregory.net/rapid"
)

// each calls f for every format with each of its compressions.
func each(f func(name string, cfg Config)) {
	for _, format := range Formats {
		for _, codec := range Codecs(format) {
			f(string(format)+" "+codec, Config{Topic: "orders", OriginHeaders: true, SourceTopic: "archived", Format: format, Codec: codec})
		}
	}
}

func written(tb testing.TB, b bucket.Bucket, cfg Config) *Sink {
	tb.Helper()
	s, err := New(b, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

func TestSuiteOfEachFormat(t *testing.T) {
	each(func(name string, cfg Config) {
		if cfg.version() == 1 || cfg.Codec != Codecs(cfg.Format)[0] {
			return // that is TestSuite; and what a commit promises does not hang on its compression
		}
		t.Run(name, func(t *testing.T) {
			replaytest.RunSinkSuite(t, func(t *testing.T) replaytest.SinkCase {
				path := t.TempDir()
				return replaytest.SinkCase{
					New: func(tb testing.TB) sink.Sink { return written(tb, directory(tb, path), cfg) },
					// Whoever reads does not know what was written.
					Committed: func(tb testing.TB, part int32) []record.Record {
						return replaytest.ReadTarget(tb, over(tb, directory(tb, path)), part)
					},
					Foreign: func(tb testing.TB, part int32, rs ...record.Record) {
						if err := fill(tb, over(tb, directory(tb, path)), "bs-other", 1, part, rs...); err != nil {
							tb.Fatal(err)
						}
					},
				}
			})
		})
	})
}

// optionalBytes are null as often as empty.
func optionalBytes() *rapid.Generator[[]byte] {
	return rapid.OneOf(rapid.Just([]byte(nil)), rapid.Just([]byte{}), rapid.SliceOf(rapid.Byte()))
}

func anyRecord() *rapid.Generator[record.Record] {
	return rapid.Custom(func(t *rapid.T) record.Record {
		r := record.Record{
			TimestampMs:   rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{0, -1, math.MinInt64, math.MaxInt64})).Draw(t, "timestamp"),
			TimestampType: record.TimestampType(rapid.Int8Range(0, 1).Draw(t, "type")), Key: optionalBytes().Draw(t, "key"), Value: optionalBytes().Draw(t, "value"),
		}
		for range rapid.IntRange(0, 4).Draw(t, "headers") {
			r.Headers = append(r.Headers, record.Header{Key: rapid.SampledFrom([]string{"", "h", "é"}).Draw(t, "name"), Value: optionalBytes().Draw(t, "header")})
		}
		return r
	})
}

// What is written in a format is what is read: null is not empty, headers keep their order and their repetitions, times their sign.
func TestNothingIsLostInAnyFormat(t *testing.T) {
	for _, format := range Formats {
		t.Run(string(format), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				cfg := Config{Topic: "orders", OriginHeaders: true, SourceTopic: "archived", Format: format}
				cfg.Codec = rapid.SampledFrom(Codecs(format)).Draw(t, "codec")
				enc, err := cfg.encoder()
				if err != nil {
					t.Fatal(err)
				}
				for range 2 { // an encoder is used again
					in := rapid.SliceOfN(anyRecord(), 0, 12).Draw(t, "records")
					extra := rapid.SampledFrom([][]record.Header{nil, {{Key: sink.JobHeader, Value: []byte("bs-x")}}}).Draw(t, "extra")
					var want, got []record.Record
					for i := range in {
						if err := enc.add(int64(i)+7, &in[i], extra); err != nil {
							t.Fatal(err)
						}
						r := in[i]
						r.Offset, r.Headers = int64(i)+7, headers(&in[i], extra)
						want = append(want, r)
					}
					bodies, err := enc.finish()
					if err != nil || len(bodies) != 1 {
						t.Fatalf("got %d objects, %v", len(bodies), err)
					}
					err = decode("x."+cfg.ending(), bodies[0], func(r record.Record) error {
						got = append(got, r)
						return nil
					})
					if diff := cmp.Diff(want, got); err != nil || diff != "" {
						t.Fatalf("%v\n%s", err, diff)
					}
				}
			})
		})
	}
}

// What a format has no form for is refused by its place and never written as something else; the record before it is not there either.
func TestWhatAFormatDoesNotHold(t *testing.T) {
	each(func(name string, cfg Config) {
		s := written(t, directory(t, t.TempDir()), cfg)
		rs := replaytest.Records(replaytest.Seed(t), 0, 2)
		rs[1].Headers = []record.Header{{Key: "\xff"}}
		err := fill(t, s, "bs-a", 1, 0, rs...)
		var rejected *sink.RejectedError
		if cfg.Format != Avro && cfg.Format != Parquet {
			if err != nil {
				t.Errorf("%s: got %v, want text that holds any name", name, err)
			}
			return
		}
		if !errors.As(err, &rejected) || rejected.Offset != rs[1].Offset || rejected.Code != sink.CodeNotHeld {
			t.Errorf("%s: got %v, want the second record refused", name, err)
		}
		if got := replaytest.ReadTarget(t, s, 0); len(got) != 0 {
			t.Errorf("%s: got %d records, want none", name, len(got))
		}
	})
}

// One partition may hold objects of several formats: a job says how it writes, and an object how it is read.
func TestFormatsBesideEachOther(t *testing.T) {
	path := t.TempDir()
	var want int
	for i, format := range []Format{Parquet, NDJSON, CSV, Avro, Array} {
		rs := replaytest.Records(replaytest.Seed(t), 0, 5+i)
		want += len(rs)
		cfg := Config{Topic: "orders", Format: format}
		if err := fill(t, written(t, directory(t, path), cfg), "bs-a", 1, 3, rs...); err != nil {
			t.Fatal(err)
		}
	}
	if got := replaytest.ReadTarget(t, over(t, directory(t, path)), 3); len(got) != want {
		t.Errorf("got %d records, want %d", len(got), want)
	}
}

// Whoever has nothing of ours reads the objects with what is there for their formats.
func TestOthersReadWhatWasWritten(t *testing.T) {
	type header struct {
		Key   string  `avro:"key" parquet:"key"`
		Value *[]byte `avro:"value" parquet:"value"`
	}
	r := record.Record{TimestampMs: 1_795_132_800_123, Value: []byte("v"), Headers: []record.Header{{Key: "h", Value: []byte("1")}, {Key: "h"}}}
	object := func(format Format) []byte {
		path := t.TempDir()
		if err := fill(t, written(t, directory(t, path), Config{Topic: "orders", Format: format}), "bs-a", 1, 0, r); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(path, "orders", "00000", "*."+string(format)))
		if err != nil || len(files) != 1 {
			t.Fatalf("got %v, %v, want one object", files, err)
		}
		return readFile(t, files[0])
	}
	lib, err := ocf.NewReader(bytes.NewReader(object(Avro)))
	if err != nil {
		t.Fatal(err)
	}
	defer lib.Close() //nolint:errcheck // it was only read
	var got map[string]any
	if err := lib.Decode(&got); err != nil || string(got["value"].([]byte)) != "v" || got["key"] != nil || len(got["headers"].([]any)) != 2 {
		t.Errorf("avro: got %v, %v", got, err)
	}
	if err := lib.Decode(&got); err != io.EOF {
		t.Errorf("avro: got %v behind the last record, want io.EOF", err)
	}
	body := object(Parquet)
	rows, err := parquet.Read[struct {
		Offset    int64    `parquet:"offset"`
		Timestamp int64    `parquet:"timestamp"`
		Value     []byte   `parquet:"value,optional"`
		Headers   []header `parquet:"headers,list"`
	}](bytes.NewReader(body), int64(len(body)))
	if err != nil || len(rows) != 1 || string(rows[0].Value) != "v" || rows[0].Timestamp != r.TimestampMs || len(rows[0].Headers) != 2 || rows[0].Headers[0].Key != "h" {
		t.Errorf("parquet: got %+v, %v", rows, err)
	}
}

// Text is read by what everybody has: the standard library's CSV, JSON and gzip, and a header line names the columns.
func TestOthersReadText(t *testing.T) {
	rs := []record.Record{{TimestampMs: 5, Key: []byte("k"), Value: []byte("a,b\n"), Headers: []record.Header{{Key: "h", Value: []byte("1")}, {Key: "n"}}}, {Value: []byte{}}}
	object := func(format Format) io.Reader {
		cfg := Config{Format: format, Codec: "gzip"}
		enc, err := cfg.encoder()
		if err != nil {
			t.Fatal(err)
		}
		for i := range rs {
			if err := enc.add(int64(i), &rs[i], nil); err != nil {
				t.Fatal(err)
			}
		}
		bodies, err := enc.finish()
		if err != nil {
			t.Fatal(err)
		}
		zr, err := gzip.NewReader(bytes.NewReader(bodies[0]))
		if err != nil {
			t.Fatal(err)
		}
		return zr
	}
	rows, err := csv.NewReader(object(CSV)).ReadAll()
	want := [][]string{strings.Split("offset,timestamp,timestampType,key,value,headers", ","), {"0", "5", "0", "aw==", "YSxiCg==", "aA==:MQ==;bg=="}, {"1", "0", "0", "", "", ""}}
	if diff := cmp.Diff(want, rows); err != nil || diff != "" {
		t.Errorf("csv: %v\n%s", err, diff)
	}
	var list []map[string]any
	if err := json.NewDecoder(object(Array)).Decode(&list); err != nil || len(list) != 2 || list[0]["value"] != "YSxiCg==" || list[1]["key"] != nil || list[1]["value"] != "" {
		t.Errorf("array: got %v, %v", list, err)
	}
}

// What is no such text, or becomes too much of it, is an error.
func TestTextThatIsNone(t *testing.T) {
	for ending, texts := range map[string][]string{
		"csv": {"", "offset\r\n", csvHeader + "1,2,0,,", csvHeader + "1,2,0,,,\n", csvHeader + "1,2,0,,\r\n", csvHeader + "1,2,0,,,,\r\n", csvHeader + "x,2,0,,,\r\n",
			csvHeader + "1,2,300,,,\r\n", csvHeader + "1,2,0,*,,\r\n", csvHeader + "1,2,0,,,a:*\r\n"},
		"json":    {"", "{}", "[", "[1]", "[]x", `[{"offset":1}`, `[{"offset":1,"more":2}]`},
		"json.gz": {"", "[]"}, "ndjson.zst": {"x"}, "csv.lz4": {"x"}, "ndjson.snappy": {"x"}, "ndjson.xz": {""}, "orc": {""},
	} {
		for _, text := range texts {
			if err := decode("x."+ending, []byte(text), func(record.Record) error { return nil }); err == nil {
				t.Errorf("%s: %q was taken", ending, text)
			}
		}
	}
	for _, codec := range textCodecs[1:] {
		body, err := compressText(codec, make([]byte, 1<<20))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decompressText(codec, body, 1<<20-1); err == nil {
			t.Errorf("%s: more than the limit was taken", codec)
		}
		if text, err := decompressText(codec, body, 1<<20); err != nil || len(text) != 1<<20 {
			t.Errorf("%s: got %d bytes, %v", codec, len(text), err)
		}
	}
}

func TestFormatsThatAreNone(t *testing.T) {
	for _, cfg := range []Config{{Topic: "x", Format: "orc"}, {Topic: "x", Format: Avro, Codec: "gzip"}, {Topic: "x", Format: Parquet, Codec: "deflate"}, {Topic: "x", Codec: "deflate"}, {Topic: "x", Format: CSV, Codec: "bzip2"}} {
		if err := cfg.Validate(); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}

// FuzzDecode: an object of any bytes is records or an error.
func FuzzDecode(f *testing.F) {
	each(func(_ string, cfg Config) {
		enc, err := cfg.encoder()
		if err != nil {
			f.Fatal(err)
		}
		r := record.Record{Key: []byte("k"), Headers: []record.Header{{Key: "h"}}}
		if err := enc.add(1, &r, nil); err != nil {
			f.Fatal(err)
		}
		bodies, err := enc.finish()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(cfg.ending(), bytes.Clone(bodies[0]))
	})
	f.Fuzz(func(t *testing.T, format string, body []byte) {
		if strings.Contains(format, "/") || len(body) > 1<<16 {
			return
		}
		_ = decode("x."+format, body, func(record.Record) error { return nil })
	})
}

func readFile(tb testing.TB, path string) []byte {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// Whatever byte of an object is another one, it is records or an error: a checksum keeps such objects away, and whoever can write both can
// not stop a node with them.
func TestObjectsThatWereForged(t *testing.T) {
	each(func(_ string, cfg Config) {
		enc, err := cfg.encoder()
		if err != nil {
			t.Fatal(err)
		}
		for i := range int64(3) {
			r := record.Record{Key: []byte("k"), Value: bytes.Repeat([]byte("v"), 40), Headers: []record.Header{{Key: "h"}, {Key: "h", Value: []byte("1")}}}
			if err := enc.add(i, &r, nil); err != nil {
				t.Fatal(err)
			}
		}
		bodies, err := enc.finish()
		if err != nil {
			t.Fatal(err)
		}
		body := bodies[0]
		if cfg.Codec != Codecs(cfg.Format)[0] {
			return
		}
		for at := 0; at < len(body); at += 3 {
			forged := bytes.Clone(body)
			forged[at] ^= 0xff
			_ = decode("x."+cfg.ending(), forged, func(record.Record) error { return nil })
		}
	})
}
