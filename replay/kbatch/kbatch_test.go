package kbatch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"reflect"
	"testing"

	"backstitch/partition"
	"backstitch/replay/record"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// build makes a batch by hand, so that the decoder is not compared with another decoder.
func build(attrs int16, base int64, lastDelta, count int32, payload []byte) []byte {
	be := binary.BigEndian
	b := be.AppendUint64(nil, uint64(base))
	b = be.AppendUint32(b, uint32(HeaderLen-lengthFieldEnd+len(payload)))
	b = be.AppendUint32(b, 7)
	b = append(b, 2, 0, 0, 0, 0)
	b = be.AppendUint16(b, uint16(attrs))
	b = be.AppendUint32(b, uint32(lastDelta))
	b = be.AppendUint64(b, 1000)
	b = be.AppendUint64(b, 5000)
	b = be.AppendUint64(b, ^uint64(0))
	b = be.AppendUint16(b, 0)
	b = be.AppendUint32(b, 0)
	b = be.AppendUint32(b, uint32(count))
	b = append(b, payload...)
	be.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli))
	return b
}

func rec(tsDelta, offDelta int64, key, value []byte, headers ...record.Header) []byte {
	nullable := func(b, v []byte) []byte {
		if v == nil {
			return binary.AppendVarint(b, -1)
		}
		return append(binary.AppendVarint(b, int64(len(v))), v...)
	}
	b := binary.AppendVarint([]byte{0}, tsDelta)
	b = binary.AppendVarint(b, offDelta)
	b = nullable(nullable(b, key), value)
	b = binary.AppendVarint(b, int64(len(headers)))
	for _, h := range headers {
		b = nullable(nullable(b, []byte(h.Key)), h.Value)
	}
	return append(binary.AppendVarint(nil, int64(len(b))), b...)
}

func join(bs ...[]byte) (out []byte) {
	for _, b := range bs {
		out = append(out, b...)
	}
	return out
}

func decode(t testing.TB, ceiling int, b []byte, from int64, want partition.Ranges) ([]record.Record, error) {
	t.Helper()
	h, err := ParseHeader(b)
	if err != nil {
		return nil, err
	}
	if err := CheckCRC(b, &h); err != nil {
		return nil, err
	}
	slab := record.NewSlab()
	err = NewDecoder(ceiling).Decode(slab, record.WrapBuffer(b), b[:h.Length], &h, from, want)
	walked(t, ceiling, b[:h.Length], &h, from, want, slab.Records, err)
	return slab.Records, err
}

// walked makes sure that whoever walks is given what Decode appends, and fails as it does.
func walked(t testing.TB, ceiling int, batch []byte, h *Header, from int64, want partition.Ranges, records []record.Record, failed error) {
	t.Helper()
	n := 0
	err := NewDecoder(ceiling).Walk(batch, h, from, want, func(r *record.Record) {
		if n < len(records) && !reflect.DeepEqual(*r, records[n]) {
			t.Errorf("walked: record %d is not the one that was decoded", n)
		}
		n++
	})
	if n != len(records) || fmt.Sprint(err) != fmt.Sprint(failed) {
		t.Errorf("walked %d records, %v; decoded %d, %v", n, err, len(records), failed)
	}
}

func TestDecode(t *testing.T) {
	days40 := int64(40 * 24 * 3600 * 1000) // does not fit into 32 bits
	payload := join(
		rec(0, 0, nil, []byte{}),
		rec(-2000, 3, []byte{}, nil, record.Header{Key: "h", Value: nil}, record.Header{Key: "h", Value: []byte{}}),
		rec(days40, 9, []byte("k"), []byte("v")),
	)
	want := []record.Record{
		{Offset: 50, TimestampMs: 1000, Value: []byte{}},
		{Offset: 53, TimestampMs: -1000, Key: []byte{}, Headers: []record.Header{{Key: "h"}, {Key: "h", Value: []byte{}}}},
		{Offset: 59, TimestampMs: 1000 + days40, Key: []byte("k"), Value: []byte("v")},
	}
	got, err := decode(t, 0, build(0, 50, 12, 3, payload), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	got, err = decode(t, 0, build(0, 50, 12, 3, payload), 51, partition.Ranges{{From: 0, To: 59}})
	if diff := cmp.Diff(want[1:2], got); diff != "" || err != nil {
		t.Errorf("a part: want -, got + (%v):\n%s", err, diff)
	}
	got, err = decode(t, 0, build(1<<3, 50, 12, 3, payload), 59, nil)
	if err != nil || len(got) != 1 || got[0].TimestampMs != 5000 || got[0].TimestampType != record.LogAppendTime {
		t.Errorf("log append time: got %+v, %v, want the batch's 5000", got, err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	ok := rec(0, 0, nil, nil)
	wrong := build(0, 0, 0, 1, ok)
	wrong[len(wrong)-1] ^= 1
	old := build(0, 0, 0, 1, ok)
	old[16] = 1
	for name, tc := range map[string]struct {
		b    []byte
		want error
	}{
		"flipped bit":                {wrong, ErrCorrupt},
		"old format":                 {old, ErrCorrupt},
		"cut short":                  {build(0, 0, 0, 1, ok)[:HeaderLen+3], ErrShort},
		"more records than offsets":  {build(0, 0, 0, 2, join(ok, ok)), ErrCorrupt},
		"two billion records":        {build(0, 0, 1<<30, 1<<30, ok), ErrCorrupt},
		"fewer records than counted": {build(0, 0, 9, 2, join(ok, []byte{0, 0, 0, 0, 0, 0, 0, 0})), ErrCorrupt},
		"bytes left over":            {build(0, 0, 9, 1, join(ok, ok)), ErrCorrupt},
		"offsets go back":            {build(0, 0, 9, 2, join(rec(0, 5, nil, nil), rec(0, 5, nil, nil))), ErrCorrupt},
		"offset beyond the batch":    {build(0, 0, 9, 1, rec(0, 10, nil, nil)), ErrCorrupt},
		"unknown codec":              {build(7, 0, 9, 1, ok), ErrCorrupt},
		"snappy that claims a lot":   {build(CodecSnappy, 0, 9, 1, []byte{0xff, 0xff, 0xff, 0x7f, 0}), ErrCorrupt},
	} {
		if _, err := decode(t, 0, tc.b, 0, nil); !errors.Is(err, tc.want) {
			t.Errorf("%s: got %v, want %v", name, err, tc.want)
		}
	}
}

func TestDecompressionHasACeiling(t *testing.T) {
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	payload := rec(0, 0, nil, make([]byte, 10<<20))
	b := build(CodecZstd, 0, 0, 1, enc.EncodeAll(payload, nil))
	if _, err := decode(t, 1<<20, b, 0, nil); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v, want %v", err, ErrTooLarge)
	}
	if got, err := decode(t, 11<<20, b, 0, nil); err != nil || len(got) != 1 {
		t.Errorf("got %d records, %v, want 1", len(got), err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(build(0, 50, 12, 1, rec(0, 0, []byte("k"), []byte("v"), record.Header{Key: "h"})), uint8(0))
	f.Add(build(0, 50, 12, 2, join(rec(1, 0, nil, nil), rec(2, 1, nil, nil))), uint8(4))
	f.Fuzz(func(t *testing.T, b []byte, codec uint8) {
		if len(b) >= HeaderLen {
			b = append([]byte{}, b...)
			b[16] = 2
			b[22] = b[22]&^7 | codec%6
			binary.BigEndian.PutUint32(b[8:], uint32(len(b)-lengthFieldEnd))
			binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli))
		}
		recs, err := decode(t, 1<<20, b, 0, nil)
		if err != nil {
			return
		}
		h, _ := ParseHeader(b)
		last := h.BaseOffset - 1
		if len(recs) != int(h.Count) {
			t.Fatalf("got %d records, want %d", len(recs), h.Count)
		}
		for _, r := range recs {
			if r.Offset <= last || r.Offset > h.LastOffset() {
				t.Fatalf("got offset %d after %d in a batch up to %d", r.Offset, last, h.LastOffset())
			}
			last = r.Offset
		}
	})
}
