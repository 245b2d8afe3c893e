package record

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"
	"pgregory.net/rapid"
)

func genRecord(t *rapid.T) Record {
	bytesOrNull := rapid.OneOf(rapid.Just([]byte(nil)), rapid.SliceOfN(rapid.Byte(), 0, 20))
	r := Record{TimestampMs: rapid.Int64().Draw(t, "ts"), Key: bytesOrNull.Draw(t, "key"), Value: bytesOrNull.Draw(t, "value")}
	for range rapid.IntRange(0, 3).Draw(t, "headers") {
		r.Headers = append(r.Headers, Header{Key: rapid.StringN(0, 3, 5).Draw(t, "hk"), Value: bytesOrNull.Draw(t, "hv")})
	}
	return r
}

// The values are frozen: proofs and checkpoints that were stored hold such hashes.
func TestHashGolden(t *testing.T) {
	rec := Record{TimestampMs: 1700000000123, Key: []byte("k"), Value: []byte("v"), Headers: []Header{{"h", nil}, {"h", []byte{}}}}
	for _, tc := range []struct {
		name   string
		rec    Record
		fields Fields
		want   string
	}{
		{"all fields", rec, AllFields, goldenAll},
		{"value only", rec, FieldValue, goldenValue},
		{"tombstone", Record{Key: []byte("k")}, AllFields, goldenTombstone},
		{"long value", Record{Key: []byte("k"), Value: bytes.Repeat([]byte("long"), 100)}, AllFields, goldenLong},
	} {
		sum := Hash(&tc.rec, tc.fields)
		if got := hex.EncodeToString(sum[:]); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestHashTellsApart(t *testing.T) {
	base := Record{TimestampMs: 5, Key: []byte("ab"), Value: []byte("c"), Headers: []Header{{"x", []byte("1")}, {"y", []byte("2")}}}
	change := map[string]func(*Record){
		"a byte moves from key to value": func(r *Record) { r.Key, r.Value = []byte("a"), []byte("bc") },
		"null for empty value":           func(r *Record) { r.Value = nil },
		"empty value":                    func(r *Record) { r.Value = []byte{} },
		"null key":                       func(r *Record) { r.Key = nil },
		"time":                           func(r *Record) { r.TimestampMs++ },
		"header order":                   func(r *Record) { r.Headers = []Header{base.Headers[1], base.Headers[0]} },
		"header twice":                   func(r *Record) { r.Headers = append([]Header{base.Headers[0]}, base.Headers...) },
		"header null":                    func(r *Record) { r.Headers = []Header{{"x", nil}, base.Headers[1]} },
		"header empty":                   func(r *Record) { r.Headers = []Header{{"x", []byte{}}, base.Headers[1]} },
		"no headers":                     func(r *Record) { r.Headers = nil },
	}
	seen := map[[16]byte]string{Hash(&base, AllFields): "unchanged"}
	for name, f := range change {
		r := base
		f(&r)
		h := Hash(&r, AllFields)
		if other, ok := seen[h]; ok {
			t.Errorf("%q hashes like %q", name, other)
		}
		seen[h] = name
	}
}

func TestHashLeavesOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := genRecord(t)
		want := Hash(&r, AllFields)
		marked := r
		at := rapid.IntRange(0, len(r.Headers)).Draw(t, "at")
		marked.Headers = append(append(append([]Header{}, r.Headers[:at]...), Header{OwnHeaderPrefix + "origin", []byte("x")}), r.Headers[at:]...)
		marked.Offset += 77
		if got := Hash(&marked, AllFields); got != want {
			t.Fatalf("own header or offset changed the hash: got %x, want %x", got, want)
		}
		for _, f := range []Fields{FieldKey, FieldValue, FieldHeaders, FieldTimestamp} {
			if Hash(&r, f) == want {
				t.Fatalf("mask %b has the hash of all fields", f)
			}
		}
	})
}

func TestSumIsAMultiset(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		recs := rapid.SliceOfN(rapid.Custom(genRecord), 1, 20).Draw(t, "records")
		var forward, backward, twice Sum
		for i := range recs {
			forward.Add(Hash(&recs[i], AllFields))
			backward.Add(Hash(&recs[len(recs)-1-i], AllFields))
		}
		if forward != backward {
			t.Fatalf("got %x in reverse, want %x", backward.Bytes(), forward.Bytes())
		}
		twice = forward
		twice.Add(Hash(&recs[0], AllFields))
		if twice == forward {
			t.Fatal("a duplicate does not show")
		}
		twice.Sub(Hash(&recs[0], AllFields))
		if twice != forward || SumFromBytes(forward.Bytes()) != forward {
			t.Fatal("what was added can not be taken out again")
		}
		parts := Sum{}
		parts.AddSum(forward)
		parts.AddSum(backward)
		parts.SubSum(forward)
		if parts != backward {
			t.Fatal("sums do not add up")
		}
	})
}

func TestChainIsOrdered(t *testing.T) {
	a, b := [16]byte{1}, [16]byte{2}
	var ab, ba, again Chain
	ab.Fold(a)
	ab.Fold(b)
	ba.Fold(b)
	ba.Fold(a)
	again.Fold(a)
	again.Fold(b)
	if ab == ba || ab != again {
		t.Fatalf("got %x and %x, want them different and repeatable", ab, ba)
	}
	if got := hex.EncodeToString(ab[:]); got != goldenChain {
		t.Errorf("got %s, want %s", got, goldenChain)
	}
}

func TestHashDoesNotAllocate(t *testing.T) {
	r := Record{Value: make([]byte, 1024), Headers: []Header{{"a", []byte("b")}}}
	var h Hasher
	h.Hash(&r, AllFields)
	if n := testing.AllocsPerRun(100, func() { h.Hash(&r, AllFields) }); n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}

func BenchmarkHash1KiB(b *testing.B) {
	r := Record{Key: []byte("0123456789"), Value: make([]byte, 1024)}
	var h Hasher
	var s Sum
	b.SetBytes(1024)
	for b.Loop() {
		s.Add(h.Hash(&r, AllFields))
	}
}

// Which records were written shows, and in which order does not.
func TestSumOfPlaces(t *testing.T) {
	sum := func(places ...[2]int64) (s Sum) {
		for _, p := range places {
			s.AddPlace(p[0], p[1])
		}
		return s
	}
	want := sum([2]int64{7, 100}, [2]int64{8, 200})
	if got := sum([2]int64{8, 200}, [2]int64{7, 100}); got != want {
		t.Errorf("in another order: got %x, want %x", got.Bytes(), want.Bytes())
	}
	for name, got := range map[string]Sum{
		"sizes changed places": sum([2]int64{7, 200}, [2]int64{8, 100}),
		"one less":             sum([2]int64{7, 100}),
		"one twice":            sum([2]int64{7, 100}, [2]int64{8, 200}, [2]int64{8, 200}),
		"another one":          sum([2]int64{7, 100}, [2]int64{9, 200}),
	} {
		if got == want {
			t.Errorf("%s: the sum is the same", name)
		}
	}
	if n := testing.AllocsPerRun(100, func() { want.AddPlace(3, 4) }); n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
	one := sum([2]int64{7, 100}).Bytes()
	if got := hex.EncodeToString(one[:]); got != goldenPlace {
		t.Errorf("got %s, want %s", got, goldenPlace)
	}
}

// plainCanonical is the canonical form as its table says it, without a thought for speed.
func plainCanonical(r *Record, fields Fields) []byte {
	var out []byte
	text := func(b []byte) { out = append(binary.AppendUvarint(out, uint64(len(b))), b...) }
	part := func(b []byte) {
		switch {
		case b == nil:
			out = append(out, 0)
		case len(b) <= 256:
			out = append(out, 1)
			text(b)
		default:
			sum := xxh3.Hash128(b).Bytes()
			out = append(out, 2)
			out = append(binary.AppendUvarint(out, uint64(len(b))), sum[:]...)
		}
	}
	out = append(out, 1, byte(fields))
	if fields&FieldTimestamp != 0 {
		out = binary.BigEndian.AppendUint64(out, uint64(r.TimestampMs))
	}
	if fields&FieldHeaders != 0 {
		var hs []Header
		for _, h := range r.Headers {
			if !strings.HasPrefix(h.Key, "backstitch.") {
				hs = append(hs, h)
			}
		}
		out = binary.AppendUvarint(out, uint64(len(hs)))
		for _, h := range hs {
			text([]byte(h.Key))
			part(h.Value)
		}
	}
	if fields&FieldKey != 0 {
		part(r.Key)
	}
	if fields&FieldValue != 0 {
		part(r.Value)
	}
	return out
}

// Lengths and counts on both sides of where a varint grows and where a part is hashed: the shortcuts give the form of the table.
func TestCanonicalFormIsThatOfTheTable(t *testing.T) {
	lengths := []int{0, 1, 126, 127, 128, 129, 255, 256, 257, 300, 16_383, 16_384}
	rapid.Check(t, func(t *rapid.T) {
		some := func(name string) []byte {
			n := rapid.SampledFrom(append([]int{-1}, lengths...)).Draw(t, name)
			if n < 0 {
				return nil
			}
			return bytes.Repeat([]byte{rapid.Byte().Draw(t, name+" byte")}, n)
		}
		r := Record{TimestampMs: rapid.Int64().Draw(t, "ts"), Key: some("key"), Value: some("value")}
		for range rapid.SampledFrom([]int{0, 1, 2, 126, 127, 128, 129, 200}).Draw(t, "headers") {
			key := OwnHeaderPrefix + "x"
			if rapid.Bool().Draw(t, "theirs") {
				key = strings.Repeat("k", rapid.SampledFrom(lengths[:9]).Draw(t, "header key"))
			}
			r.Headers = append(r.Headers, Header{Key: key, Value: []byte("v")})
		}
		fields := Fields(rapid.IntRange(0, int(AllFields)).Draw(t, "fields"))
		if got, want := AppendCanonical([]byte("before"), &r, fields), append([]byte("before"), plainCanonical(&r, fields)...); !bytes.Equal(got, want) {
			t.Fatalf("got %x, want %x", got, want)
		}
	})
}

func BenchmarkHash100B(b *testing.B) {
	key := []byte("order-123456")
	r := Record{TimestampMs: 1_700_000_000_000, Key: key, Value: make([]byte, 100), Headers: []Header{{"trace", key}}}
	var h Hasher
	var s Sum
	for b.Loop() {
		s.Add(h.Hash(&r, AllFields))
	}
}
