package ocf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/twmb/avro"
	twmb "github.com/twmb/avro/ocf"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var limits = Limits{BlockBytes: 1 << 20}

const everything = `{"type":"record","name":"All","namespace":"x","fields":[
 {"name":"n","type":"null"},{"name":"b","type":"boolean"},{"name":"i","type":"int"},{"name":"l","type":{"type":"long","logicalType":"timestamp-millis"}},
 {"name":"f","type":"float"},{"name":"d","type":"double"},{"name":"y","type":"bytes"},{"name":"s","type":"string"},
 {"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]}},{"name":"a","type":{"type":"array","items":["null","int"]}},
 {"name":"m","type":{"type":"map","values":"string"}},{"name":"x","type":{"type":"fixed","name":"F","size":3}},
 {"name":"again","type":["null","E"]},{"name":"next","type":["null","All"]}]}`

type all struct {
	N     any               `avro:"n"`
	B     bool              `avro:"b"`
	I     int32             `avro:"i"`
	L     int64             `avro:"l"`
	F     float32           `avro:"f"`
	D     float64           `avro:"d"`
	Y     []byte            `avro:"y"`
	S     string            `avro:"s"`
	E     string            `avro:"e"`
	A     []any             `avro:"a"`
	M     map[string]string `avro:"m"`
	X     [3]byte           `avro:"x"`
	Again *string           `avro:"again"`
	Next  *all              `avro:"next"`
}

func schemaOf(tb testing.TB, text string) *Schema {
	tb.Helper()
	s, err := ParseSchema([]byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestADatumAsJSON(t *testing.T) {
	a := "A"
	v := all{B: true, I: -7, L: 1 << 40, F: 0.1, D: 1e300, Y: []byte{0, 255}, S: "q\"\\\n\x01é<", E: "B", A: []any{int32(1), nil}, M: map[string]string{"k": "v"},
		X: [3]byte{1, 2, 3}, Again: &a, Next: &all{E: "A", M: map[string]string{}}}
	datum, err := avro.MustParse(everything).Encode(&v)
	if err != nil {
		t.Fatal(err)
	}
	s := schemaOf(t, everything)
	got, err := s.AppendJSON(nil, datum, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"n":null,"b":true,"i":-7,"l":1099511627776,"f":0.1,"d":1e+300,"y":"AP8=","s":"q\"\\\n\u0001é<","e":"B","a":[1,null],"m":{"k":"v"},"x":"AQID","again":"A",` +
		`"next":{"n":null,"b":false,"i":0,"l":0,"f":0,"d":0,"y":"","s":"","e":"A","a":[],"m":{},"x":"AAAA","again":null,"next":null}}`
	if string(got) != want || !json.Valid(got) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if ends, err := s.Datums(nil, append(bytes.Clone(datum), datum...), 2); err != nil || len(ends) != 2 || ends[0] != len(datum) {
		t.Errorf("two datums of %d bytes: got ends %v, %v", len(datum), ends, err)
	}
	if _, err := s.AppendJSON(nil, datum, 50); !errors.Is(err, ErrLimit) {
		t.Errorf("JSON of at most 50 bytes: got %v, want %v", err, ErrLimit)
	}
}

func TestWhatJSONHasNoWordsFor(t *testing.T) {
	for schema, v := range map[string]any{`"double"`: 1 / zero(), `"float"`: float32(zero() / zero()), `"string"`: "\xff"} {
		datum, err := avro.MustParse(schema).Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := schemaOf(t, schema).AppendJSON(nil, datum, 100); !errors.Is(err, ErrNoJSON) {
			t.Errorf("%s: got %s, %v, want %v", schema, out, err, ErrNoJSON)
		}
	}
}

func zero() (z float64) { return z }

func TestPlain(t *testing.T) {
	for _, c := range []struct {
		schema string
		datum  string
		want   []byte
		err    error
	}{
		{`"string"`, "\x04ab", []byte("ab"), nil}, {`"bytes"`, "\x00", []byte{}, nil}, {`["null","bytes"]`, "\x00", nil, nil}, {`["null","string"]`, "\x02\x02k", []byte("k"), nil},
		{`"long"`, "\x02", nil, ErrNotPlain}, {`["null","long"]`, "\x02\x02", nil, ErrNotPlain},
	} {
		got, err := schemaOf(t, c.schema).Plain([]byte(c.datum))
		if !errors.Is(err, c.err) || !bytes.Equal(got, c.want) || (got == nil) != (c.want == nil) {
			t.Errorf("%s %q: got %q, %v, want %q, %v", c.schema, c.datum, got, err, c.want, c.err)
		}
	}
}

// A print is of what a schema makes of datums, and of its names.
func TestPrints(t *testing.T) {
	one := `{"type":"record","name":"R","namespace":"a.b","fields":[{"name":"x","type":["null","long"]}]}`
	for other, same := range map[string]bool{
		`{"name":"a.b.R","type":"record","doc":"d","connect.version":2,"fields":[{"name":"x","default":null,"type":["null",{"type":"long","logicalType":"timestamp-millis"}]}]}`: true,
		strings.Replace(one, `["null","long"]`, `["long","null"]`, 1): false,
		strings.Replace(one, `"x"`, `"y"`, 1):                         false,
		strings.Replace(one, `"long"`, `"int"`, 1):                    false,
	} {
		if got := schemaOf(t, one).Print() == schemaOf(t, other).Print(); got != same {
			t.Errorf("%s: got %v, want %v", other, got, same)
		}
	}
	schemaOf(t, `{"type":"record","name":"my-topic","fields":[]}`)
	for _, bad := range []string{``, `{}`, `"nothing"`, `{"type":"record","name":"R"}`, strings.Repeat(`{"type":"array","items":`, 5000) + `"int"` + strings.Repeat(`}`, 5000)} {
		if _, err := ParseSchema([]byte(bad)); !errors.Is(err, ErrSchema) {
			t.Errorf("%.60s: got %v, want %v", bad, err, ErrSchema)
		}
	}
}

// object is what the library writes: n longs, per to a block.
func object(tb testing.TB, codec string, n, per int) []byte {
	tb.Helper()
	c := map[string]twmb.Codec{Deflate: twmb.DeflateCodec(6), Snappy: twmb.SnappyCodec(), Zstandard: twmb.MustZstdCodec(nil, nil)}[codec]
	var out bytes.Buffer
	w, err := twmb.NewWriter(&out, avro.MustParse(`{"type":"record","name":"R","fields":[{"name":"n","type":"long"},{"name":"s","type":"string"}]}`),
		twmb.WithCodec(c), twmb.WithBlockCount(per), twmb.WithSyncMarker([16]byte{1, 200, 3}))
	if err != nil {
		tb.Fatal(err)
	}
	for i := range n {
		if err := w.Encode(map[string]any{"n": i, "s": strings.Repeat("x", i%50)}); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// read returns what each block holds: "3" records, or what is wrong.
func read(tb testing.TB, body []byte) (out []string) {
	tb.Helper()
	var c Codecs
	defer c.Close()
	r, err := NewReader(bytes.NewReader(body), &c, limits)
	if err != nil {
		return []string{name(err)}
	}
	for {
		b, err := r.Next()
		if err != nil {
			if err == io.EOF {
				return out
			}
			out = append(out, name(err))
			var broken *BrokenError
			if !errors.As(err, &broken) {
				return out
			}
			continue
		}
		block, err := r.Open(nil, b)
		if err == nil {
			_, err = r.Schema().Datums(nil, block, b.Records)
		}
		if err != nil {
			out = append(out, fmt.Sprintf("bad %d", b.Records))
			continue
		}
		out = append(out, fmt.Sprint(b.Records))
	}
}

func name(err error) string {
	var broken *BrokenError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "cut"
	case errors.As(err, &broken):
		return "broken"
	case errors.Is(err, ErrLimit):
		return "limit"
	case errors.Is(err, ErrNotContainer):
		return "foreign"
	case errors.Is(err, ErrCodec):
		return "codec"
	case errors.Is(err, ErrSchema):
		return "schema"
	}
	return err.Error()
}

func TestWhatTheLibraryWrites(t *testing.T) {
	for _, codec := range []string{Null, Deflate, Snappy, Zstandard} {
		if got := strings.Join(read(t, object(t, codec, 25, 10)), " "); got != "10 10 5" {
			t.Errorf("%s: got %q, want 10 10 5", codec, got)
		}
	}
}

// A block that is damaged costs itself, and what follows the next marker is read.
func TestDamage(t *testing.T) {
	body := object(t, Snappy, 30, 10)
	mark := []byte{1, 200, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	first := bytes.Index(body, mark) + MarkerLen
	second := first + bytes.Index(body[first:], mark) + MarkerLen
	edit := func(at int, with ...byte) []byte {
		return append(append(bytes.Clone(body[:at]), with...), body[at+len(with):]...)
	}
	for what, c := range map[string]struct {
		body []byte
		want string
	}{
		"content":         {edit(second+20, 0xff, 0xff), "10 bad 10 10"},
		"count":           {edit(second, 22), "10 bad 11 10"},
		"huge count":      {append(append(bytes.Clone(body[:second]), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1), body[second+1:]...), "10 broken 10"},
		"endless varint":  {append(append(bytes.Clone(body[:second]), bytes.Repeat([]byte{0xff}, 30)...), body[second+1:]...), "10 broken 10"},
		"length":          {edit(second+1, body[second+1]+2), "10 broken 10"},
		"long length":     {edit(second+1, 0xfe, 0xff, 0x3f), "10 broken 10"},
		"marker":          {edit(second-1, 9), "broken 10"},
		"cut in a block":  {body[:len(body)-30], "10 10 cut"},
		"cut in a marker": {body[:len(body)-1], "10 10 cut"},
		"last marker":     {edit(len(body)-1, 9), "10 10 cut"},
		"cut in header":   {body[:first-20], "cut"},
		"other":           {[]byte("PAR1 and more than that"), "foreign"},
		"empty":           {nil, "cut"},
	} {
		if got := strings.Join(read(t, c.body), " "); got != c.want {
			t.Errorf("%s: got %q, want %q", what, got, c.want)
		}
	}
}

// Small files that want much of whoever reads them.
func TestBombs(t *testing.T) {
	mark := [MarkerLen]byte{7, 7}
	file := func(schema, codec string, records int64, block []byte) []byte {
		w, err := NewWriter(schema, codec, mark)
		if err != nil {
			t.Fatal(err)
		}
		w.block, w.count = block, records
		out, err := w.Close()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	twice := `{"type":"record","name":"R0","fields":[]}`
	for i := 1; i < 60; i++ {
		twice = fmt.Sprintf(`{"type":"record","name":"R%d","fields":[{"name":"a","type":%s},{"name":"b","type":"R%d"}]}`, i, twice, i-1)
	}
	self := `{"type":"record","name":"L","fields":[{"name":"n","type":["null","L"]}]}`
	for what, c := range map[string]struct {
		body []byte
		want string
	}{
		"nulls":             {file(`{"type":"array","items":"null"}`, Null, 1, append(AppendLong(nil, 1<<40), 0)), "bad 1"},
		"negative count":    {file(`{"type":"array","items":"null"}`, Null, 1, append(AppendLong(nil, -1<<63), 0)), "bad 1"},
		"empty datums":      {file(`"null"`, Null, 1<<23, nil), "bad 8388608"},
		"doubling":          {file(twice, Null, 1, nil), "bad 1"},
		"deep":              {file(self, Null, 1, append(bytes.Repeat([]byte{2}, 100_000), 0)), "bad 1"},
		"deflate":           {file(`"bytes"`, Deflate, 1, append(AppendLong(nil, 8<<20), make([]byte, 8<<20)...)), "bad 1"},
		"zstandard":         {file(`"bytes"`, Zstandard, 1, append(AppendLong(nil, 8<<20), make([]byte, 8<<20)...)), "bad 1"},
		"snappy":            {file(`"bytes"`, Snappy, 1, append(AppendLong(nil, 8<<20), make([]byte, 8<<20)...)), "bad 1"},
		"a claimed length":  {file(`"bytes"`, Null, 1, AppendLong(nil, 1<<50)), "bad 1"},
		"a header for ever": {append([]byte(magic), bytes.Repeat([]byte{2, 0, 0}, 6<<20)...), "limit"},
		"entries":           {append([]byte(magic), 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1), "limit"},
		"compression":       {bytes.Replace(file(`"null"`, Null, 0, nil), []byte("\x08null"), []byte("\x08lzma"), 1), "codec"},
		"no schema":         {file(``, Null, 0, nil), "schema"},
	} {
		if got := strings.Join(read(t, c.body), " "); got != c.want {
			t.Errorf("%s, %d bytes: got %q, want %q", what, len(c.body), got, c.want)
		}
	}
}

// A writer that streams says what window it took and not how much there is: a small block of it is refused for the window, and said so.
func TestAWindowBeyondTheLimit(t *testing.T) {
	for window, want := range map[int]string{limits.BlockBytes: "", 2 * limits.BlockBytes: "needs a window of more than 1048576 bytes"} {
		var out bytes.Buffer
		w, err := zstd.NewWriter(&out, zstd.WithWindowSize(window))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("a")); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil { // from here on it can not know
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		var c Codecs
		_, err = c.open(nil, Zstandard, out.Bytes(), limits.BlockBytes)
		c.Close()
		if (err == nil) != (want == "") || err != nil && (!errors.Is(err, ErrLimit) || !strings.Contains(err.Error(), want)) {
			t.Errorf("a window of %d: got %v, want %q", window, err, want)
		}
	}
}

// What is written is what comes back, here and with the library.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		codec := rapid.SampledFrom([]string{"", Null, Deflate, Snappy, Zstandard}).Draw(t, "codec")
		in := rapid.SliceOf(rapid.SliceOf(rapid.Byte())).Draw(t, "datums")
		w, err := NewWriter(`"bytes"`, codec, [MarkerLen]byte{9})
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range in {
			if err := w.Datum(AppendBytes(nil, b)); err != nil {
				t.Fatal(err)
			}
		}
		body, err := w.Close()
		if err != nil {
			t.Fatal(err)
		}
		lib, err := twmb.NewReader(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer lib.Close() //nolint:errcheck // it was only read
		var c Codecs
		defer c.Close()
		r, err := NewReader(bytes.NewReader(body), &c, limits)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(in); {
			b, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			block, err := r.Open(nil, b)
			if err != nil {
				t.Fatal(err)
			}
			ends, err := r.Schema().Datums(nil, block, b.Records)
			if err != nil {
				t.Fatal(err)
			}
			begin := 0
			for _, end := range ends {
				got, err := r.Schema().Plain(block[begin:end])
				var other []byte
				if libErr := lib.Decode(&other); err != nil || libErr != nil || !bytes.Equal(got, in[i]) || !bytes.Equal(other, in[i]) {
					t.Fatalf("datum %d: got %q, %v and %q, %v, want %q", i, got, err, other, libErr, in[i])
				}
				begin, i = end, i+1
			}
		}
		if _, err := r.Next(); err != io.EOF {
			t.Fatalf("got %v behind the last datum, want io.EOF", err)
		}
	})
}

// FuzzReader: whatever is read, blocks lie one after the other, and what has JSON has valid JSON.
func FuzzReader(f *testing.F) {
	for _, codec := range []string{Null, Deflate, Snappy, Zstandard} {
		f.Add(object(f, codec, 5, 2))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var c Codecs
		defer c.Close()
		r, err := NewReader(bytes.NewReader(body), &c, limits)
		if err != nil {
			return
		}
		at := int64(-1)
		for {
			b, err := r.Next()
			var broken *BrokenError
			if errors.As(err, &broken) {
				if broken.From <= at || broken.To <= broken.From {
					t.Fatalf("broken [%d,%d) after %d", broken.From, broken.To, at)
				}
				at = broken.From
				continue
			}
			if err != nil {
				return
			}
			if b.At <= at {
				t.Fatalf("a block at %d after one at %d", b.At, at)
			}
			at = b.At
			block, err := r.Open(nil, b)
			if err != nil {
				continue
			}
			ends, err := r.Schema().Datums(nil, block, b.Records)
			if err != nil {
				continue
			}
			begin := 0
			for _, end := range ends {
				if text, err := r.Schema().AppendJSON(nil, block[begin:end], 1<<20); err == nil && !json.Valid(text) {
					t.Fatalf("%q of %x", text, block[begin:end])
				}
				begin = end
			}
		}
	})
}
