package confluent_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"backstitch/partition"
	"backstitch/replay/foreign"
	"backstitch/replay/foreign/foreigntest"
	"backstitch/replay/ocf"
	"backstitch/replay/source"
	"backstitch/replay/source/confluent"
)

const orderSchema = `{"type":"record","name":"Order","fields":[{"name":"n","type":"long"},{"name":"note","type":["null","string"]}]}`

func avroConfig(as foreign.Rendering, numbers ...foreign.Number) confluent.Config {
	cfg := confluent.DefaultConfig("orders")
	cfg.Format, cfg.Values, cfg.Numbers = foreign.Avro, as, numbers
	return cfg
}

func numbered(tb testing.TB, id uint32, schema string) foreign.Number {
	tb.Helper()
	s, err := ocf.ParseSchema([]byte(schema))
	if err != nil {
		tb.Fatal(err)
	}
	return foreign.Number{ID: id, Print: s.Print()}
}

func orderDatum(n int) []byte {
	return foreigntest.Datum(orderSchema, map[string]any{"n": n, "note": strings.Repeat("x", n%7)})
}

func orderDatums(from, to int) (out [][]byte) {
	for n := from; n < to; n++ {
		out = append(out, orderDatum(n))
	}
	return out
}

const objectKey = "topics/orders/partition=0/orders+0+%010d%s"

func at(n int, ext string) string { return fmt.Sprintf(objectKey, n, ext) }

// The bytes of a datum pass through as they are, whatever they are compressed with, and what stands in front is the number alone.
func TestFramedValues(t *testing.T) {
	for _, codec := range []string{"null", "deflate", "snappy", "zstandard"} {
		files := map[string][]byte{at(0, ".avro"): foreigntest.AvroObject(orderSchema, codec, 10, orderDatums(0, 35)...), at(35, ".avro"): foreigntest.AvroObject(orderSchema, codec, 4, orderDatums(35, 50)...)}
		a, err := confluent.New(foreigntest.Open(t, files), avroConfig(foreign.AsFramed, numbered(t, 258, orderSchema), numbered(t, 9, `"string"`)))
		l := foreigntest.Catalog(t, a, err)
		rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
		if foreigntest.Offsets(rs) != "[[0,50)]" || damaged != nil {
			t.Fatalf("%s: got %s, %v, want [0,50)", codec, foreigntest.Offsets(rs), damaged)
		}
		for i, r := range rs {
			if want := append([]byte{0, 0, 0, 1, 2}, orderDatum(i)...); !bytes.Equal(r.Value, want) {
				t.Fatalf("%s: value %d: got %x, want %x", codec, i, r.Value, want)
			}
		}
	}
}

// A number that is not known, or one of two, is none: the object is named, its positions are kept, and no value is made up.
func TestNumbersThatAreNotKnown(t *testing.T) {
	documented := strings.Replace(orderSchema, `"name":"n"`, `"name":"n","doc":"which"`, 1)
	files := map[string][]byte{at(0, ".avro"): foreigntest.AvroObject(orderSchema, "null", 10, orderDatums(0, 20)...), at(20, ".avro"): foreigntest.AvroObject(`"string"`, "null", 9, []byte("\x02a"))}
	for name, numbers := range map[string][]foreign.Number{
		"another schema": {numbered(t, 7, `"string"`)}, "two numbers": {numbered(t, 1, orderSchema), numbered(t, 2, documented), numbered(t, 7, `"string"`)},
	} {
		a, err := confluent.New(foreigntest.Open(t, files), avroConfig(foreign.AsFramed, numbers...))
		l := foreigntest.Catalog(t, a, err)
		rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
		if len(rs) != 1 || rs[0].Offset != 20 || fmt.Sprint(damaged) != "["+source.CodeNoNumber+"[0,20)]" {
			t.Errorf("%s: got %v, %v, want the second object alone and the first one named", name, rs, damaged)
		}
	}
	a, err := confluent.New(foreigntest.Open(t, files), avroConfig(foreign.AsFramed, numbered(t, 1, orderSchema), numbered(t, 1, documented), numbered(t, 7, `"string"`)))
	l := foreigntest.Catalog(t, a, err)
	if rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0]); len(rs) != 21 || damaged != nil {
		t.Errorf("one number twice: got %d records, %v, want 21", len(rs), damaged)
	}
}

func TestPlainAndJSONValues(t *testing.T) {
	for _, c := range []struct {
		as     foreign.Rendering
		schema string
		datums []string
		want   string
	}{
		{foreign.AsPlain, `["null","bytes"]`, []string{"\x02\x04\x00\xff", "\x00", "\x02\x00"}, `["\x00\xff" nil ""]`},
		{foreign.AsPlain, `"long"`, []string{"\x02"}, "[] " + source.CodeNotRendered + "[0,1)"},
		{foreign.AsJSON, `["null","double"]`, []string{"\x02\x00\x00\x00\x00\x00\x00\xf8\x3f", "\x00", "\x02\x00\x00\x00\x00\x00\x00\xf8\x7f", "\x00"}, `["1.5" nil nil] ` + source.CodeNotRendered + "[2,3)"},
	} {
		var datums [][]byte
		for _, d := range c.datums {
			datums = append(datums, []byte(d))
		}
		a, err := confluent.New(foreigntest.Open(t, map[string][]byte{at(0, ".avro"): foreigntest.AvroObject(c.schema, "null", 2, datums...)}), avroConfig(c.as))
		l := foreigntest.Catalog(t, a, err)
		rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
		var out []string
		for _, r := range rs {
			if r.Value == nil {
				out = append(out, "nil")
			} else {
				out = append(out, fmt.Sprintf("%q", r.Value))
			}
		}
		if got := strings.TrimSpace(fmt.Sprint(out) + " " + strings.Join(damaged, " ")); got != c.want {
			t.Errorf("%s of %s: got %s, want %s", c.as, c.schema, got, c.want)
		}
	}
}

// A damaged block costs its own records, and those behind it keep their positions.
func TestADamagedBlock(t *testing.T) {
	body := foreigntest.AvroObject(orderSchema, "snappy", 10, orderDatums(0, 40)...)
	ends := []int{}
	for i := 0; ; {
		n := bytes.Index(body[i:], foreigntest.AvroMarker[:])
		if n < 0 {
			break
		}
		i += n + len(foreigntest.AvroMarker)
		ends = append(ends, i)
	}
	flip := func(at int) []byte {
		out := bytes.Clone(body)
		out[at] ^= 0xff
		return out
	}
	for name, c := range map[string]struct {
		body    []byte
		rs      string
		damaged string
	}{
		"content of the second block": {flip(ends[2] - 20), "[[0,10) [20,40)]", "[" + source.CodeAvroBlock + "[10,20)]"},
		// What lies up to the next marker is the third block: it goes, too.
		"marker of the second block": {flip(ends[2] - 1), "[[0,10) [11,21)]", "[" + source.CodeAvroBlock + "[10,11)]"},
		"cut in the last block":      {body[:len(body)-20], "[[0,30)]", "[" + source.CodeTruncated + "[30,-1)]"},
	} {
		a, err := confluent.New(foreigntest.Open(t, map[string][]byte{at(0, ".avro"): c.body}), avroConfig(foreign.AsJSON))
		l := foreigntest.Catalog(t, a, err)
		rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
		if got := foreigntest.Offsets(rs); got != c.rs || fmt.Sprint(damaged) != c.damaged {
			t.Errorf("%s: got %s and %v, want %s and %s", name, got, damaged, c.rs, c.damaged)
		}
		// From any position on it is the same.
		for from := partition.Offset(1); from < 40; from += 3 {
			want := 0
			for _, r := range rs {
				if r.Offset >= from {
					want++
				}
			}
			if got := readFrom(t, a, l.Objects[0], from); got != want {
				t.Errorf("%s, from %d: got %d records, want %d", name, from, got, want)
			}
		}
	}
}

func readFrom(t *testing.T, a *foreign.Archive, objects []partition.Object, from partition.Offset) (n int) {
	t.Helper()
	r, err := a.Open(t.Context(), partition.Slice{Ranges: partition.Ranges{{From: 0, To: 1 << 60}}, Objects: objects}, from)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		b, err := r.Next(t.Context())
		if err == nil {
			n += len(b.Records)
			b.Release()
			continue
		}
		var damaged *source.DamagedError
		if !errors.As(err, &damaged) {
			return n
		}
	}
}

// Companions are in Avro by default, beside values of any format.
func TestCompanionsInAvro(t *testing.T) {
	const keySchema = `["null","string"]`
	const headerSchema = `{"type":"record","name":"H","fields":[{"name":"headers","type":{"type":"array","items":{"type":"record","name":"Header","fields":[{"name":"key","type":"string"},{"name":"value","type":["null","string"]}]}}}]}`
	headers := foreigntest.Datum(headerSchema, map[string]any{"headers": []any{map[string]any{"key": "h", "value": "v"}, map[string]any{"key": "h", "value": nil}}})
	files := map[string][]byte{
		at(0, ".json"):         []byte("{\"n\":1}\nnot JSON\n{\"n\":3}\n"),
		at(0, ".keys.avro"):    foreigntest.AvroObject(keySchema, "null", 2, []byte("\x02\x04k1"), []byte("\x02\x04k2"), []byte("\x00")),
		at(0, ".headers.avro"): foreigntest.AvroObject(headerSchema, "deflate", 2, headers, headers, headers),
	}
	cfg := confluent.DefaultConfig("orders")
	cfg.Keys, cfg.Headers = true, true
	a, err := confluent.New(foreigntest.Open(t, files), cfg)
	l := foreigntest.Catalog(t, a, err)
	rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
	if len(rs) != 2 || string(rs[0].Key) != "k1" || rs[1].Key != nil || len(rs[1].Headers) != 2 || string(rs[1].Headers[0].Value) != "v" || rs[1].Headers[1].Value != nil {
		t.Errorf("got %v, want keys and headers of the first and the third", rs)
	}
	if fmt.Sprint(damaged) != "["+source.CodeBrokenLine+"[1,2)]" {
		t.Errorf("got %v, want the second line", damaged)
	}
	// A key that is a record had bytes that nobody knows.
	files[at(0, ".keys.avro")] = foreigntest.AvroObject(orderSchema, "null", 2, orderDatums(0, 3)...)
	a, err = confluent.New(foreigntest.Open(t, files), cfg)
	l = foreigntest.Catalog(t, a, err)
	if rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0]); len(rs) != 0 || fmt.Sprint(damaged) != "["+source.CodeBadCompanion+"[0,3)]" {
		t.Errorf("keys that are records: got %d records, %v, want the object named", len(rs), damaged)
	}
}

// FuzzAvro: whatever is in an object, what was counted is what is read or named.
func FuzzAvro(f *testing.F) {
	for i, codec := range []string{"null", "deflate", "snappy", "zstandard"} {
		f.Add(foreigntest.AvroObject(orderSchema, codec, 2, orderDatums(0, 5)...), uint8(i))
	}
	f.Fuzz(func(t *testing.T, body []byte, as uint8) {
		cfg := avroConfig([]foreign.Rendering{foreign.AsFramed, foreign.AsPlain, foreign.AsJSON}[as%3], numbered(t, 5, orderSchema))
		cfg.MaxRecordBytes = 1 << 20
		a, err := confluent.New(foreigntest.Open(t, map[string][]byte{at(0, ".avro"): body}), cfg)
		l := foreigntest.Catalog(t, a, err)
		rs, damaged := foreigntest.Read(t, a, 0, l.Objects[0])
		if o := l.Objects[0][0]; o.Count >= 0 && int64(len(rs)) > o.Count || o.Count > 0 && len(rs) == 0 && len(damaged) == 0 {
			t.Fatalf("%d records and %v of %d that were counted", len(rs), damaged, o.Count)
		}
	})
}
