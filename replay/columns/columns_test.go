package columns

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"backstitch/replay/datum"
	"backstitch/replay/ocf"
	"backstitch/replay/parquetfile"

	"github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"
)

// maker is a type as JSON, and what makes datums of it.
type maker struct {
	text  string
	datum func(t *rapid.T, dst []byte) []byte
}

var scalars = []maker{
	{`"boolean"`, func(t *rapid.T, dst []byte) []byte {
		return append(dst, rapid.SampledFrom([]byte{0, 1}).Draw(t, "boolean"))
	}},
	{`"int"`, whole(32)}, {`"long"`, whole(64)}, {`{"type":"int","logicalType":"date"}`, whole(32)}, {`{"type":"int","logicalType":"time-millis"}`, whole(32)},
	{`{"type":"long","logicalType":"time-micros"}`, whole(64)}, {`{"type":"long","logicalType":"timestamp-millis"}`, whole(64)},
	{`{"type":"long","logicalType":"timestamp-micros"}`, whole(64)}, {`{"type":"long","logicalType":"local-timestamp-millis"}`, whole(64)},
	{`"float"`, func(t *rapid.T, dst []byte) []byte {
		return binary.LittleEndian.AppendUint32(dst, rapid.OneOf(rapid.Uint32(), rapid.SampledFrom([]uint32{0x80000000, 0x7fc00001, 0x7f800001, 0xff800000})).Draw(t, "float"))
	}},
	{`"double"`, func(t *rapid.T, dst []byte) []byte {
		return binary.LittleEndian.AppendUint64(dst, rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{1 << 63, 0x7ff8000000000001, math.Float64bits(math.Inf(-1))})).Draw(t, "double"))
	}},
	{`"bytes"`, run}, {`"string"`, words}, {`{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}`, run}, {`{"type":"string","logicalType":"uuid"}`, words},
}

func whole(bits int) func(t *rapid.T, dst []byte) []byte {
	return func(t *rapid.T, dst []byte) []byte {
		v := rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{0, -1, math.MinInt64, math.MaxInt64})).Draw(t, "whole")
		return ocf.AppendLong(dst, v>>(64-bits))
	}
}

func run(t *rapid.T, dst []byte) []byte {
	return ocf.AppendBytes(dst, rapid.SliceOfN(rapid.Byte(), 0, 4).Draw(t, "bytes"))
}

func words(t *rapid.T, dst []byte) []byte {
	return ocf.AppendBytes(dst, []byte(rapid.SampledFrom([]string{"", "a", "é\x00", "long enough for two"}).Draw(t, "text")))
}

// anyType is a type of any kind, with named types that are numbered by n.
func anyType(t *rapid.T, depth int, n *int) maker {
	kind := rapid.IntRange(0, 9).Draw(t, "kind")
	if depth == 0 {
		kind %= 4
	}
	*n++
	name := fmt.Sprint("T", *n)
	switch kind {
	case 2:
		size := rapid.IntRange(1, 5).Draw(t, "size")
		return maker{fmt.Sprintf(`{"type":"fixed","name":%q,"size":%d}`, name, size), func(t *rapid.T, dst []byte) []byte {
			return append(dst, rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "fixed")...)
		}}
	case 3:
		return maker{fmt.Sprintf(`{"type":"enum","name":%q,"symbols":["A","B","C"]}`, name), func(t *rapid.T, dst []byte) []byte {
			return ocf.AppendLong(dst, rapid.Int64Range(0, 2).Draw(t, "symbol"))
		}}
	case 4, 5:
		return anyRecord(t, depth, n, name)
	case 6, 7:
		of := anyType(t, depth-1, n)
		return maker{`{"type":"array","items":` + of.text + `}`, func(t *rapid.T, dst []byte) []byte { return items(t, dst, of.datum) }}
	case 8:
		of := anyType(t, depth-1, n)
		return maker{`{"type":"map","values":` + of.text + `}`, func(t *rapid.T, dst []byte) []byte {
			return items(t, dst, func(t *rapid.T, dst []byte) []byte { return of.datum(t, words(t, dst)) })
		}}
	case 9:
		return anyUnion(t, depth, n)
	}
	return rapid.SampledFrom(scalars).Draw(t, "scalar")
}

func items(t *rapid.T, dst []byte, one func(t *rapid.T, dst []byte) []byte) []byte {
	many := rapid.IntRange(0, 3).Draw(t, "items")
	if many > 0 {
		dst = ocf.AppendLong(dst, int64(many))
	}
	for range many {
		dst = one(t, dst)
	}
	return ocf.AppendLong(dst, 0)
}

func anyRecord(t *rapid.T, depth int, n *int, name string) maker {
	var fields []maker
	var text []string
	for i := range rapid.IntRange(1, 4).Draw(t, "fields") {
		f := maker{`"null"`, func(_ *rapid.T, dst []byte) []byte { return dst }}
		if i == 0 || rapid.IntRange(0, 9).Draw(t, "null") > 0 {
			f = anyType(t, depth-1, n)
		}
		fields = append(fields, f)
		text = append(text, fmt.Sprintf(`{"name":"%c%d","type":%s}`, "zaMb"[i], i, f.text))
	}
	return maker{fmt.Sprintf(`{"type":"record","name":%q,"fields":[%s]}`, name, strings.Join(text, ",")), func(t *rapid.T, dst []byte) []byte {
		for _, f := range fields {
			dst = f.datum(t, dst)
		}
		return dst
	}}
}

// anyUnion has named types and lists beside null: any two of them may stand in one union.
func anyUnion(t *rapid.T, depth int, n *int) maker {
	var branches []maker
	var text []string
	null := rapid.IntRange(-1, 2).Draw(t, "null")
	for i := range rapid.IntRange(1, 3).Draw(t, "branches") + 1 {
		b := maker{`"null"`, func(_ *rapid.T, dst []byte) []byte { return dst }}
		if i != null {
			*n++
			b = anyRecord(t, depth, n, fmt.Sprint("T", *n))
		}
		branches, text = append(branches, b), append(text, b.text)
	}
	return maker{"[" + strings.Join(text, ",") + "]", func(t *rapid.T, dst []byte) []byte {
		i := rapid.IntRange(0, len(branches)-1).Draw(t, "branch")
		return branches[i].datum(t, ocf.AppendLong(dst, int64(i)))
	}}
}

// file writes datums, nil for null, into a file of Parquet beside a column in front.
func file(tb rapid.TB, l *Layout, datums [][]byte) []byte {
	var out bytes.Buffer
	pw := parquet.NewGenericWriter[any](&out, parquet.NewSchema("Record", parquet.Group{"at": parquet.Int(64), "value": l.Node()}))
	w := l.Writer()
	for i, d := range datums {
		row := parquet.Row{parquet.Int64Value(int64(i)).Level(0, 0, 0)}
		var err error
		if d == nil {
			row = l.Null(row, 1)
		} else if row, err = w.Append(row, d, 1); err != nil {
			tb.Fatalf("datum %x: %v", d, err)
		}
		if _, err := pw.WriteRows([]parquet.Row{row}); err != nil {
			tb.Fatal(err)
		}
	}
	if err := pw.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// back reads what file has written.
func back(tb rapid.TB, l *Layout, text []byte) (out [][]byte) {
	var codecs parquetfile.Codecs
	defer codecs.Close()
	f, err := parquetfile.Open(text, &codecs, parquetfile.DefaultLimits())
	if err != nil {
		tb.Fatal(err)
	}
	r := l.Reader()
	for g := range f.Groups() {
		rows, err := f.Group(g)
		if err != nil {
			tb.Fatal(err)
		}
		for {
			row, err := rows.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				tb.Fatal(err)
			}
			d, err := r.Append([]byte{}, func(i int) []parquet.Value { return row.Values(1 + i) })
			if err != nil {
				tb.Fatal(err)
			}
			out = append(out, d)
		}
		if err := rows.Close(); err != nil {
			tb.Fatal(err)
		}
	}
	return out
}

// Every datum of every schema that has columns comes back out of a file as the bytes that it was.
func TestDatumsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := 0
		of := anyType(t, 3, &n)
		s, err := datum.Parse(of.text)
		if err != nil {
			t.Fatalf("%s: %v", of.text, err)
		}
		l, err := New(s)
		if err != nil {
			t.Fatalf("%s: %v", of.text, err)
		}
		var want [][]byte
		for range rapid.IntRange(1, 5).Draw(t, "datums") {
			want = append(want, of.datum(t, []byte{}))
		}
		got := back(t, l, file(t, l, want))
		if len(got) != len(want) {
			t.Fatalf("%s: got %d datums, want %d", of.text, len(got), len(want))
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("%s: got %x, want %x", of.text, got[i], want[i])
			}
		}
	})
}

// What columns do not give back as it was is refused, and so is a schema that has none.
func TestWhatHasNoColumns(t *testing.T) {
	for text, want := range map[string]string{
		`{"type":"record","name":"R","fields":[{"name":"next","type":["null","R"]}]}`:                                "holds itself",
		`{"type":"array","items":"null"}`:                                                                            "takes no bytes",
		`{"type":"record","name":"R","fields":[{"name":"a","type":"null"}]}`:                                         "no columns",
		`["null",{"type":"record","name":"R","fields":[]}]`:                                                          "takes no bytes",
		`{"type":"map","values":{"type":"fixed","name":"F","size":0}}`:                                               "takes no bytes",
		`{"type":"record","name":"R","fields":[{"name":"a","type":["null",{"type":"array","items":["null","R"]}]}]}`: "value.a[]",
	} {
		s, err := datum.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if _, err := New(s); !errors.Is(err, ErrNoForm) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	for _, x := range []struct{ schema, datum, why string }{
		{`{"type":"array","items":"long"}`, "010202" + "00", "a block that says its length"},
		{`{"type":"array","items":"long"}`, "0202" + "0204" + "00", "two blocks"},
		{`"boolean"`, "02", "a boolean that is neither"},
		{`"long"`, "8000", "a number that is longer than it needs to be"},
		{`"string"`, "02ff", "a string that is not UTF-8"},
		{`{"type":"map","values":"long"}`, "0202ff0200", "a key that is not UTF-8"},
		{`"long"`, "0200", "bytes behind it"},
		{`"long"`, "", "no bytes"},
	} {
		s, err := datum.Parse(x.schema)
		if err != nil {
			t.Fatal(err)
		}
		l, err := New(s)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := hex.DecodeString(x.datum)
		if err != nil {
			t.Fatal(err)
		}
		if row, err := l.Writer().Append(nil, raw, 0); err == nil || len(row) > 0 {
			t.Errorf("%s was laid out: %v", x.why, row)
		}
	}
}

// Null beside datums, and a datum that is null beside null, are told apart.
func TestNullIsNoDatum(t *testing.T) {
	s, err := datum.Parse(`["null","long"]`)
	if err != nil {
		t.Fatal(err)
	}
	l, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	text := file(t, l, [][]byte{nil, {0}, {2, 4}})
	var codecs parquetfile.Codecs
	defer codecs.Close()
	f, err := parquetfile.Open(text, &codecs, parquetfile.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	rows, err := f.Group(0)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // it was only read
	r := l.Reader()
	for _, want := range [][]byte{nil, {0}, {2, 4}} {
		row, err := rows.Next()
		if err != nil {
			t.Fatal(err)
		}
		of := func(i int) []parquet.Value { return row.Values(1 + i) }
		if got := l.IsNull(of); got != (want == nil) {
			t.Errorf("%x: null is %v", want, got)
		}
		if got, err := r.Append(nil, of); want != nil && (err != nil || !bytes.Equal(got, want)) {
			t.Errorf("got %x, %v, want %x", got, err, want)
		}
	}
}

// Levels of any kind are a datum or ErrCorrupt.
func FuzzReader(f *testing.F) {
	s, err := datum.Parse(`{"type":"record","name":"R","fields":[{"name":"m","type":{"type":"map","values":["null","long"]}},` +
		`{"name":"u","type":["string",{"type":"array","items":{"type":"array","items":"int"}}]},{"name":"e","type":{"type":"enum","name":"E","symbols":["A"]}}]}`)
	if err != nil {
		f.Fatal(err)
	}
	l, err := New(s)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{0, 1, 0, 1, 2, 0, 0, 1, 3, 4, 1, 2})
	f.Fuzz(func(t *testing.T, text []byte) {
		of := make([][]parquet.Value, l.Columns())
		for ; len(text) >= 4; text = text[4:] {
			i := int(text[0]) % len(of)
			v := []parquet.Value{parquet.NullValue(), parquet.ByteArrayValue([]byte("A")), parquet.Int32Value(1), parquet.Int64Value(2)}[text[3]%4]
			of[i] = append(of[i], v.Level(int(text[1])%4, int(text[2])%6, i))
		}
		d, err := l.Reader().Append(nil, func(i int) []parquet.Value { return of[i] })
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("got %v, want ErrCorrupt", err)
			}
			return
		}
		c := ocf.NewCursor(d)
		if _, err := c.Skip(s.Root().Wire()); err != nil || c.Left() > 0 {
			t.Fatalf("%x is no datum: %v", d, err)
		}
	})
}
