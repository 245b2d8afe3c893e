package rename_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"backstitch/replay/record"
	"backstitch/replay/rename"
	"backstitch/replay/replaytest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zlib"
)

// TestGlueAmongOthersDrawn: parts in AWS Glue's frame keep their bytes beside those whose names change, also where the UUID in the frame is a GUID
// that has another name, and where the payload begins as a frame of the registry does. Null and empty stay what they are.
func TestGlueAmongOthersDrawn(t *testing.T) {
	rng := replaytest.Seed(t)
	random := func(n int) []byte {
		out := make([]byte, n)
		for i := range out {
			out[i] = byte(rng.Uint32())
		}
		return out
	}
	glue := func() []byte {
		version := random(16)
		if rng.IntN(3) == 0 {
			known := guid(1).GUID
			version = known[:]
		}
		payload := [][]byte{{}, random(rng.IntN(30)), front(number(1), "payload"), front(guid(1), "payload")}[rng.IntN(4)]
		out := append([]byte{3, 0}, version...)
		if rng.IntN(2) == 0 {
			return append(out, payload...)
		}
		out[1] = 5
		var b bytes.Buffer
		w, err := zlib.NewWriterLevel(&b, zlib.HuffmanOnly)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(payload); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return append(out, b.Bytes()...)
	}
	// part draws a key or a value, and what has to become of it.
	part := func() (in, want []byte) {
		switch rng.IntN(6) {
		case 0:
			return nil, nil
		case 1:
			return []byte{}, []byte{}
		case 2:
			p := string(random(rng.IntN(20)))
			return front(number(1), p), front(number(57), p)
		case 3:
			p := string(random(rng.IntN(20)))
			return front(guid(1), p), front(guid(57), p)
		}
		g := glue()
		return g, bytes.Clone(g)
	}
	var in, want []record.Record
	glued := 0
	for i := range 300 {
		var a, b record.Record
		a.Key, b.Key = part()
		a.Value, b.Value = part()
		if rng.IntN(3) == 0 { // a header names the schema of what looks like another's frame
			a.Value = glue()
			b.Value = bytes.Clone(a.Value)
			a.Headers, b.Headers = []record.Header{header(record.ValueSchemaHeader, front(guid(1), ""))}, []record.Header{header(record.ValueSchemaHeader, front(guid(57), ""))}
		}
		b.Offset = int64(i)
		if record.GlueFramed(a.Value) {
			glued++
		}
		in, want = append(in, a), append(want, b)
	}
	got, refused := read(t, table(), in...)
	if diff := cmp.Diff(want, got); diff != "" || len(refused) > 0 || glued < 50 {
		t.Errorf("of %d records in Glue's frame, %d refused, - want + got:\n%s", glued, len(refused), diff)
	}
}

// TestGlueIsHashedAsItsBytesDrawn: to a comparison that knows every number and GUID, a part in Glue's frame is its bytes, and each of its bits counts.
func TestGlueIsHashedAsItsBytesDrawn(t *testing.T) {
	rng := replaytest.Seed(t)
	entries := map[record.SchemaName]rename.Entry{}
	for id := range uint32(1 << 10) {
		entries[number(id)] = rename.Entry{To: number(id), Print: print(1, false)}
	}
	frames := (&rename.Table{Framed: true, Entries: entries}).Frames()
	named := record.Hasher{Frames: frames}
	for range 500 {
		value := append([]byte{3, byte(rng.IntN(2) * 5)}, binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, rng.Uint64N(1<<10)), rng.Uint64N(1<<10))...)
		value = binary.BigEndian.AppendUint32(append(value, 0), uint32(rng.IntN(1<<10)))
		r := record.Record{Key: bytes.Clone(value), Value: value}
		if got, want := named.Hash(&r, record.AllFields), record.Hash(&r, record.AllFields); got != want {
			t.Fatalf("%x is hashed as %x, and without names as %x", value, got, want)
		}
		other := r
		other.Value = bytes.Clone(value)
		other.Value[rng.IntN(len(value))] ^= 1 << rng.IntN(8)
		if named.Hash(&r, record.AllFields) == named.Hash(&other, record.AllFields) {
			t.Fatalf("%x and %x are one record", r.Value, other.Value)
		}
	}
}
