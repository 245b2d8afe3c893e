package parquetfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/brotli"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
	"pgregory.net/rapid"
)

type repeated struct {
	ID    [16]byte `parquet:"id,uuid"`
	Maybe *string  `parquet:"maybe,optional"`
	Text  string   `parquet:"text"`
}

// repeatedSchema stores all of it in DELTA_BYTE_ARRAY.
var repeatedSchema = parquet.NewSchema("repeated", parquet.Group{
	"text": parquet.Encoded(parquet.String(), &parquet.DeltaByteArray), "id": parquet.Encoded(parquet.UUID(), &parquet.DeltaByteArray),
	"maybe": parquet.Optional(parquet.Encoded(parquet.String(), &parquet.DeltaByteArray)),
})

// What a library writes with values that repeat each other comes out as it does without.
func TestDeltaByteArray(t *testing.T) {
	sample := write(t, []repeated{{Text: "a"}}, repeatedSchema)
	file, err := parquet.OpenFile(bytes.NewReader(sample), int64(len(sample)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range file.Metadata().RowGroups[0].Columns {
		if !slices.Contains(c.MetaData.Encoding, format.DeltaByteArray) {
			t.Fatalf("column %v is in %v, which says nothing about this", c.MetaData.PathInSchema, c.MetaData.Encoding)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{"", "a", "ab", "abc", "abd", "xyz", "a longer one, of which the next repeats much", "a longer one, of which the next repeats more"})
		var rows []repeated
		for range rapid.IntRange(0, 300).Draw(t, "rows") {
			r := repeated{Text: text.Draw(t, "text")}
			if rapid.Bool().Draw(t, "there") {
				s := text.Draw(t, "maybe")
				r.Maybe = &s
			}
			copy(r.ID[:], text.Draw(t, "id"))
			rows = append(rows, r)
		}
		got, err := texts(write(t, rows, repeatedSchema, parquet.Compression(&brotli.Codec{}), parquet.PageBufferSize(512)))
		if err != nil || len(got) != len(rows) {
			t.Fatalf("got %d of %d rows, %v", len(got), len(rows), err)
		}
		for i, r := range rows {
			maybe := "null"
			if r.Maybe != nil {
				maybe = fmt.Sprintf("%q", *r.Maybe)
			}
			want := fmt.Sprintf(`{"id":"%x-%x-%x-%x-%x","maybe":%s,"text":%q}`, r.ID[:4], r.ID[4:6], r.ID[6:8], r.ID[8:10], r.ID[10:], maybe, r.Text)
			if got[i] != want {
				t.Fatalf("row %d: got %s, want %s", i, got[i], want)
			}
		}
	})
}

// A few bytes that say that each value repeats a long one are refused as soon as there is no room.
func TestValuesThatRepeatEachOther(t *testing.T) {
	page := func(n, long int) []byte {
		prefixes, suffixes := make([]int32, n), make([]int32, n)
		suffixes[0] = int32(long)
		for i := 1; i < n; i++ {
			prefixes[i] = int32(long)
		}
		var e delta.BinaryPackedEncoding
		head, err := e.EncodeInt32(nil, prefixes)
		if err != nil {
			t.Fatal(err)
		}
		tail, err := e.EncodeInt32(nil, suffixes)
		if err != nil {
			t.Fatal(err)
		}
		return append(append(head, tail...), make([]byte, long)...)
	}
	bomb := page(100_000, 10_000)
	if out, err := plainBytes(nil, bomb, format.ByteArray, 100_000, 1<<20); !errors.Is(err, ErrLimit) || cap(out) > 4<<20 {
		t.Errorf("a page of %d bytes that becomes a gigabyte: got %v with room for %d", len(bomb), err, cap(out))
	}
	small := page(200, 50)
	for name, b := range map[string][]byte{"nothing": {}, "a head alone": small[:4], "cut off": small[:len(small)-1], "more": append(bytes.Clone(small), 1)} {
		if _, err := plainBytes(nil, b, format.ByteArray, 200, 1<<20); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: got %v, want %v", name, err, ErrCorrupt)
		}
	}
}

// The older codec is read in both forms that writers gave it.
func TestOldLZ4(t *testing.T) {
	want := bytes.Repeat([]byte("a row of a table, and another one; "), 200)
	block := make([]byte, lz4.CompressBlockBound(len(want)))
	pack := func(b []byte) []byte {
		n, err := lz4.CompressBlock(b, block, nil)
		if err != nil || n == 0 {
			t.Fatal(n, err)
		}
		return bytes.Clone(block[:n])
	}
	framed := func(parts ...[]byte) (out []byte) {
		for _, p := range parts {
			packed := pack(p)
			out = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(out, uint32(len(p))), uint32(len(packed)))
			out = append(out, packed...)
		}
		return out
	}
	first, second := pack(want[:3000]), pack(want[3000:])
	pieces := binary.BigEndian.AppendUint32(nil, uint32(len(want))) // one block in two pieces
	for _, p := range [][]byte{first, second} {
		pieces = append(binary.BigEndian.AppendUint32(pieces, uint32(len(p))), p...)
	}
	for name, b := range map[string][]byte{"bare": pack(want), "one block": framed(want), "two blocks": framed(want[:1000], want[1000:]), "two pieces": pieces} {
		got, err := new(Codecs).inflate([]byte("x"), format.Lz4, b, len(want))
		if err != nil || string(got) != "x"+string(want) {
			t.Errorf("%s: got %d bytes, %v", name, len(got), err)
		}
		if _, err := new(Codecs).inflate(nil, format.Lz4, b[:len(b)-3], len(want)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s, cut off: %v", name, err)
		}
	}
}

// Whatever a page holds, making its values plain ends within its room.
func FuzzDeltaByteArray(f *testing.F) {
	var e delta.ByteArrayEncoding
	page, err := e.EncodeByteArray(nil, []byte("abcabdxyz"), []uint32{0, 3, 6, 9})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(page, 3, true)
	f.Add([]byte{128, 1, 4, 3, 0}, 3, false)
	f.Fuzz(func(t *testing.T, b []byte, n int, fixed bool) {
		if n < 0 || n > 1<<16 {
			return
		}
		kind := format.ByteArray
		if fixed {
			kind = format.FixedLenByteArray
		}
		const room = 1 << 20
		if out, err := plainBytes(nil, b, kind, n, room); err == nil && len(out) > room {
			t.Errorf("%d bytes in room for %d", len(out), room)
		}
	})
}
