package record

import (
	"bytes"
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"
)

// TestWhatStandsInFrontIsTakenOff: a part whose schema is known has the form of its payload under the schema's fingerprint, whether a number or a GUID
// stands in front; one whose schema is not known, or that a Front says no to, has the form of its bytes.
func TestWhatStandsInFrontIsTakenOff(t *testing.T) {
	known := Print{Sum: [16]byte{1, 2, 3}}
	rapid.Check(t, func(t *rapid.T) {
		payload := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "payload")
		guid := SchemaName{ByGUID: true, GUID: [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "guid"))}
		id := rapid.Uint32().Draw(t, "id")
		knows, confirms := rapid.Bool().Draw(t, "knows"), rapid.Bool().Draw(t, "confirms")
		f := &Frames{
			Prefixed: func() Fields { return FieldValue },
			Front:    func(n SchemaName) bool { return confirms && n == guid },
			Print:    func(n SchemaName) (Print, bool) { return known, knows && (n == guid || n == SchemaName{ID: id}) },
		}
		if rapid.Bool().Draw(t, "who asks Print alone") {
			f.Front, confirms = nil, true
		}
		for _, c := range []struct {
			front []byte
			is    bool
		}{
			{append([]byte{1}, guid.GUID[:]...), knows && confirms},
			{binary.BigEndian.AppendUint32([]byte{0}, id), knows},
		} {
			r := Record{Key: []byte{1, 2}, Value: append(bytes.Clone(c.front), payload...)}
			want, names := appendPart([]byte{CanonicalVersion, byte(FieldValue)}, r.Value), int64(0)
			if c.is {
				want = appendPart(append([]byte{CanonicalVersion, byte(FieldValue), 3}, known.Sum[:]...), payload)
				names = int64(len(c.front))
			}
			key, value := f.look(&r, FieldValue)
			if got := appendCanonical(nil, &r, FieldValue, &key, &value); !bytes.Equal(got, want) {
				t.Fatalf("%x: got %x, want %x", r.Value, got, want)
			}
			h := Hasher{Frames: f}
			if _, n := h.HashNamed(&r, FieldValue); n != names {
				t.Fatalf("%x: the name has %d bytes, want %d", r.Value, n, names)
			}
		}
	})
}

func TestNamesInFrontDoNotAllocate(t *testing.T) {
	h := Hasher{Frames: &Frames{Prefixed: func() Fields { return FieldValue }, Front: func(SchemaName) bool { return true },
		Print: func(SchemaName) (Print, bool) { return Print{}, true }}}
	r := Record{Value: append([]byte{1}, make([]byte, 1024)...)}
	h.Hash(&r, AllFields)
	if n := testing.AllocsPerRun(100, func() { h.Hash(&r, AllFields) }); n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}
