package objects

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"backstitch/replay/columns"
	"backstitch/replay/datum"
	"backstitch/replay/ocf"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"
	"backstitch/replay/sink"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	lib "github.com/twmb/avro/ocf"
	"pgregory.net/rapid"
)

// Schemas of values: of one name in two versions, without a namespace, with one, and what is no record.
var valueSchemas = map[uint32]string{
	7: `{"type":"record","name":"Order","fields":[{"name":"id","type":"long"},{"name":"note","type":["null","string"]},{"name":"lines","type":{"type":"array","items":` +
		`{"type":"record","name":"Line","fields":[{"name":"sku","type":"string"},{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}}]}}}]}`,
	8:          `{"type":"record","name":"Order","fields":[{"name":"id","type":"long"}]}`,
	9:          `["null","string",{"type":"record","name":"Record","namespace":"dev.backstitch","fields":[{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}}]}]`,
	4000000000: `{"type":"map","values":"double"}`,
}

func parsed(tb testing.TB, text string) *datum.Schema {
	tb.Helper()
	s, err := datum.Parse(text)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func framedColumns(tb testing.TB) *Columns {
	out := &Columns{Schemas: map[uint32]*datum.Schema{}}
	for id, text := range valueSchemas {
		out.Schemas[id] = parsed(tb, text)
	}
	return out
}

func framed(id uint32, datum []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, id), datum...)
}

// anyValue is a value of one of valueSchemas, or null.
func anyValue(t *rapid.T) []byte {
	text := func(dst []byte) []byte {
		return ocf.AppendBytes(dst, []byte(rapid.SampledFrom([]string{"", "é", "a\x00b"}).Draw(t, "text")))
	}
	whole := func(dst []byte) []byte { return ocf.AppendLong(dst, rapid.Int64().Draw(t, "whole")) }
	switch rapid.IntRange(0, 4).Draw(t, "schema") {
	case 0:
		return nil
	case 1:
		d := whole(nil)
		if rapid.Bool().Draw(t, "note") {
			d = text(ocf.AppendLong(d, 1))
		} else {
			d = ocf.AppendLong(d, 0)
		}
		n := rapid.IntRange(0, 3).Draw(t, "lines")
		if n > 0 {
			d = ocf.AppendLong(d, int64(n))
		}
		for range n {
			d = ocf.AppendBytes(text(d), rapid.SliceOfN(rapid.Byte(), 0, 4).Draw(t, "price"))
		}
		return framed(7, ocf.AppendLong(d, 0))
	case 2:
		return framed(8, whole(nil))
	case 3:
		i := rapid.Int64Range(0, 2).Draw(t, "branch")
		d := ocf.AppendLong(nil, i)
		switch i {
		case 1:
			d = text(d)
		case 2:
			d = whole(d)
		}
		return framed(9, d)
	}
	return framed(4000000000, ocf.AppendLong(binary.LittleEndian.AppendUint64(text(ocf.AppendLong(nil, 1)), rapid.Uint64().Draw(t, "double")), 0))
}

// eachColumns calls f for both formats that have values as columns.
func eachColumns(t *testing.T, c *Columns, f func(t *testing.T, cfg Config)) {
	for _, format := range []Format{Avro, Parquet} {
		t.Run(string(format), func(t *testing.T) {
			f(t, Config{Topic: "orders", Format: format, Codec: Codecs(format)[0], Columns: c})
		})
	}
}

// readBack is what a directory's first partition holds, for whom nobody told what was written.
func readBack(tb testing.TB, path string) []record.Record {
	tb.Helper()
	out := replaytest.ReadTarget(tb, over(tb, directory(tb, path)), 0)
	for i := range out {
		if len(out[i].Headers) == 0 {
			out[i].Headers = nil
		}
	}
	return out
}

// What becomes columns is read back as the bytes that it was, in the order of the records, whatever schemas they name.
func TestColumnsGiveValuesBack(t *testing.T) {
	eachColumns(t, framedColumns(t), func(t *testing.T, cfg Config) {
		rapid.Check(t, func(rt *rapid.T) {
			var rs []record.Record
			for i := range rapid.IntRange(1, 8).Draw(rt, "records") {
				r := anyRecord().Draw(rt, "record")
				r.Offset, r.Value = int64(i), anyValue(rt)
				rs = append(rs, r)
			}
			dir := t.TempDir()
			if err := fill(t, written(t, directory(t, dir), cfg), "bs-a", 1, 0, rs...); err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(rs, readBack(t, dir)); diff != "" {
				rt.Fatal(diff)
			}
		})
	})
}

// What does not come back, or is not what columns are made of, is refused with its place and the code for why.
func TestValuesThatAreNoColumns(t *testing.T) {
	eachColumns(t, framedColumns(t), func(t *testing.T, cfg Config) {
		for why, x := range map[string]struct {
			value []byte
			code  string
		}{
			"no number in front":     {[]byte(`{"id":1}`), sink.CodeNotFramed},
			"empty":                  {[]byte{}, sink.CodeNotFramed},
			"a number of no schema":  {framed(1, []byte{2}), sink.CodeNoSchema},
			"no datum":               {framed(7, []byte{2}), sink.CodeNoColumns},
			"bytes behind the datum": {framed(8, []byte{2, 2}), sink.CodeNoColumns},
		} {
			err := fill(t, written(t, directory(t, t.TempDir()), cfg), "bs-a", 1, 0, record.Record{Offset: 0, Value: framed(8, []byte{2})}, record.Record{Offset: 1, Value: x.value})
			var rejected *sink.RejectedError
			if !errors.As(err, &rejected) || rejected.Offset != 1 || rejected.Code != x.code {
				t.Errorf("%s: got %v, want record 1 refused with %s", why, err, x.code)
			}
		}
		// A number that is longer than it needs to be is the same number: Avro has it as it is, and columns have not.
		err := fill(t, written(t, directory(t, t.TempDir()), cfg), "bs-a", 1, 0, record.Record{Value: framed(8, []byte{0x82, 0})})
		if (err == nil) != (cfg.Format == Avro) {
			t.Errorf("a longer number: got %v", err)
		}
	})
}

// JSON becomes columns where it is said in the form that comes back.
func TestJSONAsColumns(t *testing.T) {
	c := &Columns{JSON: parsed(t, `{"type":"record","name":"Order","fields":[{"name":"id","type":"long"},{"name":"note","type":["null","string"]},{"name":"tags","type":{"type":"array","items":"string"}},{"name":"rate","type":"double"}]}`)}
	eachColumns(t, c, func(t *testing.T, cfg Config) {
		dir := t.TempDir()
		rs := []record.Record{
			{Value: []byte(`{"id":9007199254740993,"note":null,"tags":[],"rate":0.1}`)}, {Offset: 1},
			{Offset: 2, Value: []byte(`{"id":-1,"note":"é\n","tags":["a","b"],"rate":1}`)},
		}
		if err := fill(t, written(t, directory(t, dir), cfg), "bs-a", 1, 0, rs...); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(rs, readBack(t, dir)); diff != "" {
			t.Error(diff)
		}
		for value, code := range map[string]string{
			`{"id":1,"note":null,"tags":[],"rate":1.0}`:           sink.CodeNoColumns, // the number in other words
			`{"id":1, "note":null,"tags":[],"rate":1}`:            sink.CodeNoColumns, // a blank
			`{"note":null,"id":1,"tags":[],"rate":1}`:             sink.CodeNoColumns, // the order
			`{"id":1,"note":null,"tags":[],"rate":1,"more":null}`: sink.CodeNotFramed,
			`{"id":"1","note":null,"tags":[],"rate":1}`:           sink.CodeNotFramed,
			`no JSON`: sink.CodeNotFramed,
		} {
			err := fill(t, written(t, directory(t, t.TempDir()), cfg), "bs-a", 1, 0, record.Record{Offset: 5, Value: []byte(value)})
			var rejected *sink.RejectedError
			if !errors.As(err, &rejected) || rejected.Offset != 5 || rejected.Code != code {
				t.Errorf("%s: got %v, want it refused with %s", value, err, code)
			}
		}
	})
}

// A commit has one object for each schema that its records name, and programs that do not know so refuse it.
func TestAnObjectForEachSchema(t *testing.T) {
	eachColumns(t, framedColumns(t), func(t *testing.T, cfg Config) {
		dir := t.TempDir()
		rs := []record.Record{{Value: framed(8, []byte{2})}, {Offset: 1}, {Offset: 2, Value: framed(9, []byte{0})}, {Offset: 3, Value: framed(8, []byte{4})}}
		if err := fill(t, written(t, directory(t, dir), cfg), "bs-a", 1, 0, rs...); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(dir, "orders", "00000", "*."+string(cfg.Format)))
		if err != nil || len(files) != 2 {
			t.Fatalf("got %v, %v, want two objects", files, err)
		}
		var s sealed
		if err := json.Unmarshal(readFile(t, filepath.Join(dir, "orders", "00000", entryName(2))), &s); err != nil {
			t.Fatal(err)
		}
		var e entry
		if err := json.Unmarshal(s.Commit, &e); err != nil || e.Version != 4 || len(e.More) != 1 || e.Data == "" {
			t.Errorf("got %s, want a commit of version 4 that names two objects", s.Commit)
		}
	})
}

// Whoever has nothing of ours reads the value's own fields.
func TestOthersReadColumns(t *testing.T) {
	d := append([]byte{84, 2}, "\x04hi\x02\x06sku\x02\x7b\x00"...)
	object := func(format Format) []byte {
		dir := t.TempDir()
		cfg := Config{Topic: "orders", Format: format, Columns: framedColumns(t)}
		if err := fill(t, written(t, directory(t, dir), cfg), "bs-a", 1, 0, record.Record{Value: framed(7, d)}); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(dir, "orders", "00000", "*."+string(format)))
		if err != nil || len(files) != 1 {
			t.Fatalf("got %v, %v, want one object", files, err)
		}
		return readFile(t, files[0])
	}
	r, err := lib.NewReader(bytes.NewReader(object(Avro)))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // it was only read
	var got map[string]any
	if err := r.Decode(&got); err != nil {
		t.Fatal(err)
	}
	value := got["value"].(map[string]any)
	if value["id"] != int64(42) || value["note"] != "hi" || len(value["lines"].([]any)) != 1 || got["valueSchema"] != int64(7) {
		t.Errorf("avro: got %v", got)
	}
	body := object(Parquet)
	rows, err := parquet.Read[struct {
		Value struct {
			ID    int64   `parquet:"id"`
			Note  *string `parquet:"note"`
			Lines []struct {
				SKU string `parquet:"sku"`
			} `parquet:"lines,list"`
		} `parquet:"value,optional"`
		ValueSchema *int64 `parquet:"valueSchema"`
	}](bytes.NewReader(body), int64(len(body)))
	if err != nil || len(rows) != 1 || rows[0].Value.ID != 42 || *rows[0].Value.Note != "hi" || len(rows[0].Value.Lines) != 1 || rows[0].Value.Lines[0].SKU != "sku" || *rows[0].ValueSchema != 7 {
		t.Errorf("parquet: got %+v, %v", rows, err)
	}
}

// What can not be columns is refused before anything is written.
func TestColumnsThatAreNone(t *testing.T) {
	loop := parsed(t, `{"type":"record","name":"Node","fields":[{"name":"next","type":["null","Node"]}]}`)
	clash := parsed(t, `{"type":"record","name":"BackstitchRecord","fields":[{"name":"a","type":"long"}]}`)
	union := parsed(t, `["null","long"]`)
	many := &Columns{Schemas: map[uint32]*datum.Schema{}}
	for id := range uint32(MaxSchemas + 1) {
		many.Schemas[id] = parsed(t, `"long"`)
	}
	for why, x := range map[string]struct {
		cfg  Config
		want string
	}{
		"too many":       {Config{Topic: "x", Format: Avro, Columns: many}, "101 schemas"},
		"lines":          {Config{Topic: "x", Columns: &Columns{JSON: loop}}, "ndjson"},
		"no schema":      {Config{Topic: "x", Format: Avro, Columns: &Columns{}}, "need the schema"},
		"itself":         {Config{Topic: "x", Format: Parquet, Columns: &Columns{Schemas: map[uint32]*datum.Schema{3: loop}}}, "schema 3"},
		"a name of ours": {Config{Topic: "x", Format: Avro, Columns: &Columns{JSON: clash}}, "does not fit"},
		"JSON of unions": {Config{Topic: "x", Format: Avro, Columns: &Columns{JSON: union}}, "union"},
	} {
		if err := x.cfg.Validate(); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: got %v, want %q", why, err, x.want)
		}
	}
	if err := Held(Parquet, loop, false); !errors.Is(err, columns.ErrNoForm) {
		t.Errorf("got %v, want ErrNoForm", err)
	}
	if err := Held(Avro, loop, false); err != nil {
		t.Errorf("Avro has types that hold themselves: %v", err)
	}
}

// FuzzDecodeColumns: an object of any bytes is records or an error.
func FuzzDecodeColumns(f *testing.F) {
	for _, format := range []Format{Avro, Parquet} {
		for _, codec := range []string{"none", Codecs(format)[0]} {
			cfg := Config{Format: format, Codec: codec, Columns: &Columns{Schemas: map[uint32]*datum.Schema{7: parsed(f, valueSchemas[7])}}}
			enc, err := cfg.encoder()
			if err != nil {
				f.Fatal(err)
			}
			if err := enc.add(1, &record.Record{Value: framed(7, append([]byte{84, 2}, "\x04hi\x02\x06sku\x02\x7b\x00"...))}, nil); err != nil {
				f.Fatal(err)
			}
			bodies, err := enc.finish()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(format == Avro, slices.Clone(bodies[0]))
		}
	}
	f.Fuzz(func(t *testing.T, avro bool, body []byte) {
		name := map[bool]string{true: "x.avro", false: "x.parquet"}[avro]
		if len(body) < 1<<16 {
			_ = decode(name, body, func(record.Record) error { return nil })
		}
	})
}

// A commit that names as many objects and void jobs as there can be is still one that is read.
func TestACommitOfManySchemasIsRead(t *testing.T) {
	e := entry{Version: maxVersion, Number: 1, Job: "bs-0123456789abcdef", Stamp: strings.Repeat("s", 4000), To: 1 << 60}
	e.object = object{Data: entryName(1<<60) + "-0123456789abcdef.parquet", Size: 1 << 30, Sum: strings.Repeat("f", 32)}
	for range MaxSchemas - 1 {
		e.More = append(e.More, e.object)
	}
	for range maxVoid {
		e.Void = append(e.Void, "bs-0123456789abcdef")
	}
	if body, err := e.seal(); err != nil || len(body) > maxEntryBytes {
		t.Errorf("got %d bytes, %v, want at most %d", len(body), err, maxEntryBytes)
	}
}

// An encoder is used for one commit after the other: what a file says of itself is in each of them.
func TestEachFileOfColumnsStandsAlone(t *testing.T) {
	eachColumns(t, framedColumns(t), func(t *testing.T, cfg Config) {
		enc, err := cfg.encoder()
		if err != nil {
			t.Fatal(err)
		}
		for i := range int64(3) {
			want := record.Record{Offset: i, Value: framed(8, ocf.AppendLong(nil, i))}
			if err := enc.add(i, &want, nil); err != nil {
				t.Fatal(err)
			}
			bodies, err := enc.finish()
			if err != nil || len(bodies) != 1 {
				t.Fatalf("got %d objects, %v, want one", len(bodies), err)
			}
			var got []record.Record
			err = decode("x."+cfg.ending(), bodies[0], func(r record.Record) error {
				got = append(got, r)
				return nil
			})
			if diff := cmp.Diff([]record.Record{want}, got); err != nil || diff != "" {
				t.Errorf("commit %d: %v\n%s", i, err, diff)
			}
		}
	})
}
