package parquetfile

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"pgregory.net/rapid"
)

// write makes a file of rows.
func write[T any](tb rapid.TB, rows []T, opts ...parquet.WriterOption) []byte {
	var out bytes.Buffer
	w := parquet.NewGenericWriter[T](&out, opts...)
	if _, err := w.Write(rows); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// relabel changes what the elements of a file's schema mean.
func relabel(tb testing.TB, text []byte, change func(*format.SchemaElement)) []byte {
	tb.Helper()
	footer, err := footerOf(text)
	if err != nil {
		tb.Fatal(err)
	}
	var meta format.FileMetaData
	if err := thrift.Unmarshal(&thrift.CompactProtocol{}, footer, &meta); err != nil {
		tb.Fatal(err)
	}
	for i := range meta.Schema {
		change(&meta.Schema[i])
	}
	return end(text[:len(text)-endLen-len(footer):len(text)-endLen-len(footer)], marshal(tb, &meta))
}

func texts(text []byte) (out []string, err error) {
	var codecs Codecs
	defer codecs.Close()
	f, err := Open(text, &codecs, DefaultLimits())
	if err != nil {
		return nil, err
	}
	s, err := f.Schema()
	if err != nil {
		return nil, err
	}
	for i := range f.Groups() {
		r, err := f.Group(i)
		if err != nil {
			return out, err
		}
		for {
			row, err := r.Next()
			if err == io.EOF {
				break
			}
			var b []byte
			if err == nil {
				b, err = s.AppendJSON(nil, row, 1<<20)
			}
			if err != nil {
				return out, errors.Join(err, r.Close())
			}
			out = append(out, string(b))
		}
		if err := r.Close(); err != nil {
			return out, err
		}
	}
	return out, nil
}

type item struct {
	N int64 `parquet:"n"`
}

type lists struct {
	Groups struct {
		Array []item `parquet:"array"`
	} `parquet:"groups"`
	Bare struct {
		Array []string `parquet:"array"`
	} `parquet:"bare"`
	Tuple struct {
		Each []item `parquet:"tuple_tuple"`
	} `parquet:"tuple"`
	Pairs struct {
		Bag []pairOf `parquet:"bag"`
	} `parquet:"pairs"`
	Modern struct {
		List []item `parquet:"list"`
	} `parquet:"modern"`
	Repeats []int32 `parquet:"repeats"`
	Legacy  struct {
		Map []keyValue `parquet:"map"`
	} `parquet:"legacy"`
}

type pairOf struct {
	A int64 `parquet:"a"`
	B bool  `parquet:"b"`
}

type keyValue struct {
	Key   string `parquet:"key"`
	Value *int64 `parquet:"value,optional"`
}

// The older forms of lists, which parquet-avro still writes, and of maps: what repeats is the element, or what is in it.
func TestOlderForms(t *testing.T) {
	seven := int64(7)
	var one lists
	one.Groups.Array, one.Bare.Array, one.Tuple.Each = []item{{1}, {2}}, []string{"a", ""}, []item{{3}}
	one.Pairs.Bag, one.Modern.List, one.Repeats = []pairOf{{4, true}}, []item{{5}}, []int32{6, 6}
	one.Legacy.Map = []keyValue{{"k", &seven}, {"", nil}}
	text := relabel(t, write(t, []lists{one, {}}), func(e *format.SchemaElement) {
		switch e.Name {
		case "groups", "bare", "tuple", "pairs", "modern":
			e.ConvertedType.V, e.ConvertedType.Valid = deprecated.List, true
		case "legacy":
			e.ConvertedType.V, e.ConvertedType.Valid = deprecated.MapKeyValue, true
		case "map": // the old name stands on both
			e.ConvertedType.V, e.ConvertedType.Valid = deprecated.MapKeyValue, true
		}
	})
	got, err := texts(text)
	want := []string{
		`{"groups":[{"n":1},{"n":2}],"bare":["a",""],"tuple":[{"n":3}],"pairs":[{"a":4,"b":true}],"modern":[5],"repeats":[6,6],"legacy":{"k":7,"":null}}`,
		`{"groups":[],"bare":[],"tuple":[],"pairs":[],"modern":[],"repeats":[],"legacy":{}}`,
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

type stored struct {
	I32 int32    `parquet:"i32"`
	I64 int64    `parquet:"i64"`
	Raw []byte   `parquet:"raw"`
	F12 [12]byte `parquet:"f12"`
}

// What a type means decides how it looks, and what has no meaning in JSON is refused when the file is opened.
func TestTypesByOlderNames(t *testing.T) {
	row := stored{I32: -1, I64: -1, Raw: []byte{0xff, 0x38}, F12: [12]byte{1}}
	text := write(t, []stored{row})
	converted := func(c deprecated.ConvertedType) func(*format.SchemaElement) {
		return func(e *format.SchemaElement) {
			e.LogicalType = format.LogicalType{}
			e.ConvertedType.V, e.ConvertedType.Valid = c, true
			e.Scale.V, e.Scale.Valid, e.Precision.V, e.Precision.Valid = 3, true, 9, true
		}
	}
	for _, c := range []struct {
		column string
		as     func(*format.SchemaElement)
		want   string // of the column, "" for ErrNoForm
	}{
		{"i32", converted(deprecated.Uint32), "4294967295"}, {"i32", converted(deprecated.Date), "-1"}, {"i32", converted(deprecated.Decimal), "-0.001"},
		{"i32", converted(deprecated.TimestampMillis), ""}, {"i32", converted(deprecated.UTF8), ""}, {"i64", converted(deprecated.Uint64), "18446744073709551615"},
		{"i64", converted(deprecated.TimestampMicros), "-1"}, {"i64", converted(deprecated.Decimal), "-0.001"}, {"raw", converted(deprecated.Decimal), "-0.200"},
		{"raw", converted(deprecated.Bson), `"/zg="`}, {"f12", converted(deprecated.Interval), ""}, {"f12", converted(deprecated.Decimal), "309485009821345068724781.056"},
		{"i64", func(e *format.SchemaElement) { e.LogicalType.Value = &format.VariantType{} }, ""},
		{"raw", func(e *format.SchemaElement) { e.LogicalType.Value = &format.GeometryType{} }, ""},
		{"f12", func(e *format.SchemaElement) { e.LogicalType.Value = &format.UUIDType{} }, ""},
		{"raw", func(e *format.SchemaElement) { e.LogicalType.Value = &format.DecimalType{Scale: 1001, Precision: 2000} }, ""},
	} {
		got, err := texts(relabel(t, text, func(e *format.SchemaElement) {
			if e.Name == c.column {
				c.as(e)
			}
		}))
		if c.want == "" {
			if !errors.Is(err, ErrNoForm) {
				t.Errorf("%s: got %v, %v, want %v", c.column, got, err, ErrNoForm)
			}
			continue
		}
		var members map[string]json.RawMessage
		if err != nil || json.Unmarshal([]byte(got[0]), &members) != nil || string(members[c.column]) != c.want {
			t.Errorf("%s: got %v, %v, want %s", c.column, got, err, c.want)
		}
	}
	same := relabel(t, text, func(e *format.SchemaElement) { e.Name = "same" })
	if _, err := texts(same); !errors.Is(err, ErrNoForm) {
		t.Errorf("two columns of one name: got %v, want %v", err, ErrNoForm)
	}
}

// wide has a column of each kind and everything that can be null or empty.
type wide struct {
	I8    int8              `parquet:"i8"`
	I64   int64             `parquet:"i64"`
	U64   uint64            `parquet:"u64"`
	F     float32           `parquet:"f"`
	D     *float64          `parquet:"d,optional"`
	B     *bool             `parquet:"b,optional"`
	S     *string           `parquet:"s,optional,dict"`
	Raw   *[]byte           `parquet:"raw,optional"`
	Tags  []string          `parquet:"tags,list"`
	Inner *inner            `parquet:"inner,optional"`
	Many  []inner           `parquet:"many,list"`
	Attrs map[string]string `parquet:"attrs"`
}

type inner struct {
	Delta int64   `parquet:"delta,delta"`
	Split float64 `parquet:"split,split"`
	When  *int64  `parquet:"when,optional"`
	Tags  []item  `parquet:"tags,list"`
}

var (
	anyLong  = rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{0, -1, math.MinInt64, math.MaxInt64, 1<<53 + 1}))
	anyFloat = rapid.OneOf(rapid.Float64Range(-1e300, 1e300), rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1e21, 1e-7, math.SmallestNonzeroFloat64, math.MaxFloat64, 0.1}))
	anyText  = rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "null", "\x00\n\"\\", "\b\f", `\b\f\u2028`, "é\u2028", strings.Repeat("x", 3000)}))
	anyKey   = anyText.Filter(func(s string) bool {
		return !slices.ContainsFunc(floating, func(name string) bool { return s == name || strings.HasSuffix(s, `"`+name) })
	})
)

// floating are the members that hold floats, wherever they stand.
var floating = []string{"f", "d", "split"}

func maybe[T any](rt *rapid.T, g *rapid.Generator[T], label string) *T {
	if rapid.Bool().Draw(rt, label+"?") {
		return nil
	}
	v := g.Draw(rt, label)
	return &v
}

func drawInner(rt *rapid.T) inner {
	in := inner{Delta: anyLong.Draw(rt, "delta"), Split: anyFloat.Draw(rt, "split"), When: maybe(rt, anyLong, "when")}
	for range rapid.IntRange(0, 3).Draw(rt, "items") {
		in.Tags = append(in.Tags, item{anyLong.Draw(rt, "n")})
	}
	return in
}

func drawWide(rt *rapid.T) wide {
	w := wide{I8: rapid.Int8().Draw(rt, "i8"), I64: anyLong.Draw(rt, "i64"), U64: uint64(anyLong.Draw(rt, "u64")), F: rapid.Float32Range(-1e30, 1e30).Draw(rt, "f"),
		D: maybe(rt, anyFloat, "d"), B: maybe(rt, rapid.Bool(), "b"), S: maybe(rt, anyText, "s"), Raw: maybe(rt, rapid.SliceOfN(rapid.Byte(), 0, 9), "raw"),
		Tags: rapid.SliceOfN(anyText, 0, 3).Draw(rt, "tags"), Attrs: map[string]string{}}
	if rapid.Bool().Draw(rt, "inner?") {
		in := drawInner(rt)
		w.Inner = &in
	}
	for range rapid.IntRange(0, 2).Draw(rt, "many") {
		w.Many = append(w.Many, drawInner(rt))
	}
	if rapid.Bool().Draw(rt, "attrs?") {
		w.Attrs[anyKey.Draw(rt, "key")] = anyText.Draw(rt, "value")
	}
	return w
}

// text is what a row should be, by other means.
func quoted(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s)
	// A backslash that was itself escaped goes first: what follows it is a letter of the text.
	return strings.TrimSuffix(strings.NewReplacer(`\\`, `\\`, `\u2028`, "\u2028", `\u2029`, "\u2029", `\b`, `\u0008`, `\f`, `\u000c`).Replace(b.String()), "\n")
}

func orNull[T any](v *T, f func(T) string) string {
	if v == nil {
		return "null"
	}
	return f(*v)
}

func long(v int64) string { return strconv.FormatInt(v, 10) }

// number is a number as it has to be read back, in a form of its own.
func number(f float64) string { return "<" + strconv.FormatFloat(f, 'x', -1, 64) + ">" }

func list[T any](vs []T, f func(T) string) string {
	var out []string
	for _, v := range vs {
		out = append(out, f(v))
	}
	return "[" + strings.Join(out, ",") + "]"
}

func (in inner) text() string {
	return fmt.Sprintf(`{"delta":%d,"split":%s,"when":%s,"tags":%s}`, in.Delta, number(in.Split), orNull(in.When, long), list(in.Tags, func(i item) string { return fmt.Sprintf(`{"n":%d}`, i.N) }))
}

func (w wide) text() string {
	attrs := ""
	for k, v := range w.Attrs {
		attrs = quoted(k) + ":" + quoted(v)
	}
	return fmt.Sprintf(`{"i8":%d,"i64":%d,"u64":%d,"f":%s,"d":%s,"b":%s,"s":%s,"raw":%s,"tags":%s,"inner":%s,"many":%s,"attrs":{%s}}`,
		w.I8, w.I64, w.U64, number(float64(w.F)), orNull(w.D, number), orNull(w.B, strconv.FormatBool), orNull(w.S, quoted),
		orNull(w.Raw, func(b []byte) string { return `"` + base64.StdEncoding.EncodeToString(b) + `"` }), list(w.Tags, quoted), orNull(w.Inner, inner.text), list(w.Many, inner.text), attrs)
}

// floats puts the numbers of some members into the form of number.
func floats(t rapid.TB, text string) string {
	for _, name := range floating {
		parts := strings.Split(text, `"`+name+`":`)
		for i, p := range parts[1:] {
			end := strings.IndexAny(p, ",}")
			if p[:end] == "null" {
				continue
			}
			bits := 64
			if name == "f" {
				bits = 32
			}
			f, err := strconv.ParseFloat(p[:end], bits)
			if err != nil {
				t.Fatalf("%s of %s: %v", name, text, err)
			}
			parts[i+1] = number(f) + p[end:]
		}
		text = strings.Join(parts, `"`+name+`":`)
	}
	return text
}

// Whatever a row holds, its JSON is that: no number loses a digit, no null becomes empty, nothing moves to another row.
func TestRowsKeepTheirValues(t *testing.T) {
	codecs := []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Zstd, &parquet.Lz4Raw}
	rapid.Check(t, func(rt *rapid.T) {
		var rows []wide
		for range rapid.IntRange(0, 6).Draw(rt, "rows") {
			rows = append(rows, drawWide(rt))
		}
		text := write(rt, rows, parquet.Compression(rapid.SampledFrom(codecs).Draw(rt, "codec")), parquet.DataPageVersion(rapid.IntRange(1, 2).Draw(rt, "version")),
			parquet.PageBufferSize(rapid.SampledFrom([]int{64, 4096}).Draw(rt, "page")), parquet.MaxRowsPerRowGroup(int64(rapid.IntRange(1, 5).Draw(rt, "group"))))
		got, err := texts(text)
		if err != nil || len(got) != len(rows) {
			rt.Fatalf("got %d rows of %d, %v", len(got), len(rows), err)
		}
		for i := range rows {
			if want := rows[i].text(); floats(rt, got[i]) != want {
				rt.Fatalf("row %d:\n got %s\nwant %s", i, floats(rt, got[i]), want)
			}
		}
	})
}

// A decimal of any bytes is the number that they are.
func TestDecimals(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(rt, "bytes")
		l := leaf{kind: kindDecimal, scale: rapid.IntRange(0, 40).Draw(rt, "scale"), store: format.ByteArray}
		got, err := l.append(nil, parquet.ByteArrayValue(b))
		if err != nil {
			rt.Fatal(err)
		}
		n := new(big.Int)
		for _, c := range b {
			n.Or(n.Lsh(n, 8), big.NewInt(int64(c)))
		}
		if b[0] >= 128 {
			n.Sub(n, new(big.Int).Exp(big.NewInt(256), big.NewInt(int64(len(b))), nil))
		}
		want := new(big.Rat).SetFrac(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(l.scale)), nil)).FloatString(l.scale)
		if n.Sign() == 0 && l.scale == 0 {
			want = "0"
		}
		if string(got) != want || !json.Valid(got) {
			rt.Fatalf("%x of scale %d: got %s, want %s", b, l.scale, got, want)
		}
	})
}
