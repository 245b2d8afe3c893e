package drawntest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"strings"

	"backstitch/replay/record"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"pgregory.net/rapid"
)

// What is drawn: parts of records, as their owners may have written them.

// Bytes are any: nothing, what other formats begin with, frames of registries, line breaks, text.
func Bytes() *rapid.Generator[[]byte] {
	return rapid.OneOf(
		rapid.Just([]byte{}),
		rapid.SliceOfN(rapid.Byte(), 0, 40),
		rapid.Custom(func(t *rapid.T) []byte { return []byte(Text().Draw(t, "text")) }),
		rapid.Custom(func(t *rapid.T) []byte {
			head := rapid.SampledFrom([]string{"\xf3\x89\x9a\xc2", "\x00\x00\x00\x00\x07", "\x01", "Obj\x01", "PAR1", "KBAK", "\n", "\r\n", ",", "null", "\x1f\x8b", "%"}).Draw(t, "head")
			return append([]byte(head), rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "behind")...)
		}),
		Glue(),
	)
}

// Glue is a value as AWS Glue's serialisers write it: a byte 3, how the payload is compressed, the version of a schema, and the payload.
func Glue() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		out := append([]byte{3, 0}, rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "version")...)
		payload := rapid.SliceOfN(rapid.Byte(), 0, 30).Draw(t, "payload")
		if !rapid.Bool().Draw(t, "compressed") {
			return append(out, payload...)
		}
		out[1] = 5
		var b strings.Builder
		w, err := zlib.NewWriterLevel(&b, zlib.HuffmanOnly) // takes little memory, of which other levels take much each time
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(payload); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return append(out, b.String()...)
	})
}

// Confluent is a value with the number of a schema in front.
func Confluent() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		out := binary.BigEndian.AppendUint32([]byte{0}, rapid.Uint32().Draw(t, "schema"))
		return append(out, rapid.SliceOfN(rapid.Byte(), 0, 30).Draw(t, "payload")...)
	})
}

// Maybe is g, or nil.
func Maybe(g *rapid.Generator[[]byte]) *rapid.Generator[[]byte] {
	return rapid.OneOf(g, g, g, rapid.Just([]byte(nil)))
}

// Text is UTF-8, of all that has to be escaped somewhere and of words that mean something elsewhere.
func Text() *rapid.Generator[string] {
	odd := []rune{'"', '\\', '/', '\n', '\r', '\t', 0, 1, 0x1f, 0x7f, '<', '&', '{', '}', '[', ',', ':', ';', 0x85, 0x2028, 0xfeff, 0xfffd, 0x1f4a9, 0x10ffff, 'a', 'é'}
	return rapid.OneOf(
		rapid.StringOfN(rapid.SampledFrom(odd), 0, 12, -1),
		rapid.StringN(0, 12, -1),
		rapid.SampledFrom([]string{"", "null", "true", "0", "-1", "1e400", "NaN", "{}", "\"", "AA==", " x ", "0x10"}),
	)
}

// JSON is a value of JSON in one line, as its owner has spelt it.
func JSON() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string { return document(t, 4) })
}

// Object is an object of JSON in one line, now and then a deep one.
func Object() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		if rapid.IntRange(0, 40).Draw(t, "deep") == 0 {
			return strings.Repeat(`{"a":[`, 300) + "1" + strings.Repeat("]}", 300)
		}
		return object(t, 4)
	})
}

var numbers = []string{"0", "-0", "1", "-1.50", "9007199254740993", "-9223372036854775808", "18446744073709551616", "1e400", "1E-5", "0.1000000000000000055511151231257827",
	"123456789012345678901234567890.00", "5e-324"}

func document(t *rapid.T, depth int) string {
	kinds := 4
	if depth > 0 {
		kinds = 6
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return rapid.SampledFrom([]string{"null", "true", "false"}).Draw(t, "word")
	case 1:
		return rapid.SampledFrom(numbers).Draw(t, "number")
	case 2:
		return fmt.Sprint(rapid.Int64().Draw(t, "integer"))
	case 3:
		return Quoted(t, Text().Draw(t, "string"))
	case 4:
		return object(t, depth)
	}
	var list []string
	for range rapid.IntRange(0, 3).Draw(t, "elements") {
		list = append(list, space(t)+document(t, depth-1)+space(t))
	}
	return "[" + strings.Join(list, ",") + "]"
}

func object(t *rapid.T, depth int) string {
	var list []string
	for range rapid.IntRange(0, 3).Draw(t, "members") {
		name := rapid.SampledFrom([]string{`"a"`, `"A"`, `"key"`, `"value"`, `"\u0061"`, `""`, `"offset"`}).Draw(t, "name")
		list = append(list, space(t)+name+space(t)+":"+space(t)+document(t, depth-1)+space(t))
	}
	return "{" + strings.Join(list, ",") + "}"
}

func space(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "", "", " ", "\t", "  "}).Draw(t, "space")
}

// Quoted is text as a string of JSON, spelt in one of the ways that there are.
func Quoted(t *rapid.T, text string) string {
	if rapid.Bool().Draw(t, "escape all") {
		var b strings.Builder
		b.WriteByte('"')
		for _, c := range text {
			if c > 0xffff {
				c -= 0x10000
				fmt.Fprintf(&b, `\u%04x\u%04X`, 0xd800+c>>10, 0xdc00+c&0x3ff)
				continue
			}
			fmt.Fprintf(&b, `\u%04x`, c)
		}
		return b.String() + `"`
	}
	out, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// Headers are any, with repetitions; without is nil for none.
func Headers(value *rapid.Generator[[]byte]) *rapid.Generator[[]record.Header] {
	return rapid.Custom(func(t *rapid.T) []record.Header {
		var out []record.Header
		for range rapid.IntRange(0, 3).Draw(t, "headers") {
			out = append(out, record.Header{Key: rapid.OneOf(Text(), rapid.SampledFrom([]string{"h", "h", "__value_schema_id"})).Draw(t, "header"), Value: value.Draw(t, "header's value")})
		}
		return out
	})
}

// Millis are timestamps that no reader takes for seconds: those of Kafka, none, before 1970, and far from now.
func Millis() *rapid.Generator[int64] {
	return rapid.OneOf(rapid.Int64Range(1_500_000_000_000, 1_900_000_000_000), rapid.SampledFrom([]int64{-1, 0, 1, -62135596800000, 253402300799999, 99_999_999}))
}

// Lengths cuts n records into objects.
func Lengths(t *rapid.T, n int) []int {
	var out []int
	for n > 0 {
		k := rapid.IntRange(1, n).Draw(t, "records of an object")
		out = append(out, k)
		n -= k
	}
	return out
}

// Flip turns one bit of b over, at or behind a place.
func Flip(t *rapid.T, b []byte, from int) {
	i := rapid.IntRange(from, len(b)-1).Draw(t, "byte")
	b[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
}

// Few makes the tests of a binary draw a few cases each, where nobody has asked for more with -rapid.checks: make test has little time, and make
// test-drawn asks. Call it before the flags are parsed.
func Few() {
	if err := flag.Lookup("rapid.checks").Value.Set("5"); err != nil {
		panic("rapid counts its cases: " + err.Error())
	}
}

// Gzip is b as gzip has it.
func Gzip(t *rapid.T, b []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.HuffmanOnly)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
