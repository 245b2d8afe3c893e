package record

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zeebo/xxh3"
	"pgregory.net/rapid"
)

// parsed is what can be read back from a canonical form. Long parts are there by their length and hash.
type parsed struct {
	Time    int64
	Headers [][2]string
	Key     string
	Value   string
}

// reader reads a canonical form strictly.
type reader struct {
	t interface{ Fatalf(string, ...any) }
	b []byte
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.t.Fatalf("the form ends %d bytes early", n-len(r.b))
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) uvarint() int {
	v, n := binary.Uvarint(r.b)
	r.take(max(n, 1))
	return int(v)
}

func (r *reader) part() string {
	switch marker := r.take(1)[0]; marker {
	case 0:
		return "null"
	case 1:
		return "bytes " + string(r.take(r.uvarint()))
	case 2:
		n := r.uvarint()
		return "long " + string(rune(n)) + string(r.take(16))
	default:
		r.t.Fatalf("marker %d", marker)
		return ""
	}
}

// shown is what the form of b must give back.
func shown(b []byte) string {
	switch {
	case b == nil:
		return "null"
	case len(b) <= longPart:
		return "bytes " + string(b)
	}
	sum := xxh3.Hash128(b).Bytes()
	return "long " + string(rune(len(b))) + string(sum[:])
}

// Everything that a record is can be read back from its canonical form, long parts up to their hash. So no two records have the
// same form.
func TestCanonicalFormIsUnambiguous(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := genRecord(t)
		long := rapid.OneOf(rapid.IntRange(longPart-2, longPart+2), rapid.IntRange(0, 5000))
		for _, b := range []*[]byte{&r.Key, &r.Value} {
			if rapid.Bool().Draw(t, "long") {
				*b = []byte(strings.Repeat("x", long.Draw(t, "length")))
			}
		}
		in := reader{t: t, b: AppendCanonical(nil, &r, AllFields)}
		if head := in.take(2); head[0] != CanonicalVersion || head[1] != byte(AllFields) {
			t.Fatalf("got head %v", head)
		}
		var got, want parsed
		got.Time, want.Time = int64(binary.BigEndian.Uint64(in.take(8))), r.TimestampMs
		for range in.uvarint() {
			key := string(in.take(in.uvarint()))
			got.Headers = append(got.Headers, [2]string{key, in.part()})
		}
		for _, h := range r.Headers {
			want.Headers = append(want.Headers, [2]string{h.Key, shown(h.Value)})
		}
		got.Key, want.Key = in.part(), shown(r.Key)
		got.Value, want.Value = in.part(), shown(r.Value)
		if diff := cmp.Diff(got, want); diff != "" || len(in.b) > 0 {
			t.Fatalf("%d bytes are left over (-got +want):\n%s", len(in.b), diff)
		}
	})
}

// What stands in the form for a long value is not the form of a short one that has the same bytes.
func TestLongPartsTellApart(t *testing.T) {
	long := Record{Value: []byte(strings.Repeat("v", 1000))}
	sum := xxh3.Hash128(long.Value).Bytes()
	seen := map[[16]byte]string{Hash(&long, FieldValue): "long"}
	for name, value := range map[string][]byte{
		"its hash":      sum[:],
		"its last byte": append([]byte(strings.Repeat("v", 999)), 'w'),
		"shorter":       long.Value[:999],
		"just short":    long.Value[:longPart],
		"just long":     long.Value[:longPart+1],
	} {
		h := Hash(&Record{Value: value}, FieldValue)
		if other, ok := seen[h]; ok {
			t.Errorf("%q hashes like %q", name, other)
		}
		seen[h] = name
	}
}
