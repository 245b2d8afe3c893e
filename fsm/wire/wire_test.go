package wire

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"
)

type inner struct {
	A int32
	B string
}

type outer struct {
	Flag  bool
	U8    uint8
	U64   uint64
	I64   int64
	Text  string
	Raw   []byte
	Sum   [16]byte
	List  []inner
	One   *inner
	Names []string
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawOuter(t)
		b, err := Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		var out outer
		if err := Unmarshal(b, &out); err != nil {
			t.Fatalf("%x: %v", b, err)
		}
		if !reflect.DeepEqual(out, in) { // cmp takes longer than all the rest
			t.Fatalf("(-got +want):\n%s", cmp.Diff(out, in))
		}
		// Another implementation has to read the same bytes.
		if got, err := msgpack.NewDecoder(bytes.NewReader(b)).DecodeSlice(); err != nil || len(got) != 10 {
			t.Fatalf("%x: msgpack reads %d fields: %v", b, len(got), err)
		}
	})
}

func drawOuter(t *rapid.T) outer {
	in := outer{
		Flag: rapid.Bool().Draw(t, "flag"),
		U8:   rapid.Uint8().Draw(t, "u8"),
		U64:  rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{127, 128, 255, 256, 65535, 65536, 1<<32 - 1, 1 << 32})).Draw(t, "u64"),
		I64:  rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{-1, -32, -33, -128, -129, -32768, -32769, -1 << 31, -1<<31 - 1, math.MinInt64})).Draw(t, "i64"),
		Text: strings.Repeat("x", rapid.SampledFrom([]int{0, 1, 31, 32, 255, 256, 65535, 65536}).Draw(t, "text")),
	}
	if n := rapid.SampledFrom([]int{0, 1, 255, 256, 70000}).Draw(t, "raw"); n > 0 {
		in.Raw = make([]byte, n)
	}
	in.Sum[3] = rapid.Byte().Draw(t, "sum")
	for range rapid.SampledFrom([]int{0, 1, 15, 16, 3000}).Draw(t, "list") {
		in.List = append(in.List, inner{A: int32(len(in.List)) - 9, B: "b"})
	}
	if rapid.Bool().Draw(t, "one") {
		in.One = &inner{A: -1}
	}
	for range rapid.IntRange(0, 20).Draw(t, "names") {
		in.Names = append(in.Names, rapid.StringN(0, 40, -1).Draw(t, "name"))
	}
	return in
}

// TestBombs: each input asks for far more than it holds. None may cost more than a few kilobytes.
func TestBombs(t *testing.T) {
	type lists struct{ List []outer }
	rows := map[string][]byte{
		"array32 of nothing":        {0x91, 0xdd, 0xff, 0xff, 0xff, 0xff},
		"array32 at the top":        {0xdd, 0xff, 0xff, 0xff, 0xff},
		"bytes32 of nothing":        {0x91, 0xc6, 0xff, 0xff, 0xff, 0xff},
		"string32 of nothing":       {0x91, 0xdb, 0xff, 0xff, 0xff, 0xff},
		"nested":                    bytes.Repeat([]byte{0x91}, 5<<20),
		"more than the limit":       make([]byte, MaxBytes+1),
		"array of wrong small ints": append([]byte{0x91, 0xdd, 0, 0x40, 0, 0}, make([]byte, 0x400000)...),
	}
	for name, in := range rows {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			var out lists
			err := Unmarshal(in, &out)
			runtime.ReadMemStats(&after)
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrTooLarge) {
				t.Errorf("got %v, want ErrCorrupt or ErrTooLarge", err)
			}
			allocated := after.TotalAlloc - before.TotalAlloc
			if allocated > 256<<10 {
				t.Errorf("took %d bytes, want a small number", allocated)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	type one struct{ A uint8 }
	type signed struct{ A int8 }
	type sum struct{ A [2]byte }
	rows := []struct {
		name string
		in   []byte
		into any
		want error
	}{
		{"empty", nil, new(one), ErrCorrupt},
		{"good", []byte{0x91, 1}, new(one), nil},
		{"a field too many", []byte{0x92, 1, 1}, new(one), ErrVersion},
		{"a field too few", []byte{0x90}, new(one), ErrCorrupt},
		{"trailing byte", []byte{0x91, 1, 0}, new(one), ErrCorrupt},
		{"cut", []byte{0x91}, new(one), ErrCorrupt},
		{"long form", []byte{0x91, 0xcc, 1}, new(one), ErrCorrupt},
		{"overflow", []byte{0x91, 0xcd, 1, 0}, new(one), ErrCorrupt},
		{"negative into unsigned", []byte{0x91, 0xff}, new(one), ErrCorrupt},
		{"nil into number", []byte{0x91, 0xc0}, new(one), ErrCorrupt},
		{"float", []byte{0x91, 0xca, 0, 0, 0, 0}, new(one), ErrCorrupt},
		{"map", []byte{0x80}, new(one), ErrCorrupt},
		{"extension", []byte{0x91, 0xd4, 1, 1}, new(one), ErrCorrupt},
		{"128 into int8", []byte{0x91, 0xcc, 0x80}, new(signed), ErrCorrupt},
		{"int16 that fits int8", []byte{0x91, 0xd1, 0xff, 0x80}, new(signed), ErrCorrupt},
		{"array of wrong size", []byte{0x91, 0xc4, 3, 1, 2, 3}, new(sum), ErrCorrupt},
		{"not a pointer", []byte{0x90}, one{}, ErrType},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			if err := Unmarshal(row.in, row.into); !errors.Is(err, row.want) || (row.want == nil) != (err == nil) {
				t.Errorf("got %v, want %v", err, row.want)
			}
		})
	}
}

func TestTypesWithoutEncoding(t *testing.T) {
	type loop struct{ Next []*struct{ A any } }
	for _, v := range []any{
		struct{ A float64 }{}, struct{ A map[string]int }{}, struct{ A time.Time }{}, struct{ A any }{}, struct{ A int }{},
		struct{ a uint8 }{}, struct{ A *uint8 }{}, loop{}, 7, nil,
	} {
		if _, err := Marshal(v); !errors.Is(err, ErrType) {
			t.Errorf("%T: got %v, want ErrType", v, err)
		}
	}
}

func TestTooLarge(t *testing.T) {
	_, err := Marshal(struct{ A []byte }{make([]byte, MaxBytes)})
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}

func TestFrame(t *testing.T) {
	in := Frame{Op: 10, Actor: "cli:root", Reason: "because", UnixNanos: 42, RequestID: [16]byte{1}, Body: []byte{0x90}}
	b, err := AppendFrame(nil, in)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseFrame(b)
	if diff := cmp.Diff(got, in); err != nil || diff != "" {
		t.Fatalf("%v (-got +want):\n%s", err, diff)
	}
	for _, row := range []struct {
		in   []byte
		want error
	}{{nil, ErrCorrupt}, {append([]byte{2}, b[1:]...), ErrVersion}, {append([]byte{0}, b[1:]...), ErrCorrupt}, {b[:len(b)-1], ErrCorrupt}} {
		if _, err := ParseFrame(row.in); !errors.Is(err, row.want) {
			t.Errorf("%x: got %v, want %v", row.in, err, row.want)
		}
	}
}

// FuzzDecode: nothing crashes or hangs, and what decodes has exactly one encoding.
func FuzzDecode(f *testing.F) {
	good, err := Marshal(outer{List: []inner{{A: -5, B: "x"}}, One: &inner{}, Raw: []byte{1}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{0xdd, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0x91, 0xc6, 0xff, 0xff, 0xff, 0xff})
	f.Add(bytes.Repeat([]byte{0x91}, 100))
	frame, err := AppendFrame(nil, Frame{Op: 40, Body: good})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(frame)
	f.Fuzz(func(t *testing.T, in []byte) {
		var v outer
		if Unmarshal(in, &v) == nil {
			if again, err := Marshal(v); err != nil || !bytes.Equal(again, in) {
				t.Errorf("%x encodes again as %x: %v", in, again, err)
			}
		}
		if fr, err := ParseFrame(in); err == nil {
			if again, err := AppendFrame(nil, fr); err != nil || !bytes.Equal(again, in) {
				t.Errorf("%x encodes again as %x: %v", in, again, err)
			}
		}
	})
}
