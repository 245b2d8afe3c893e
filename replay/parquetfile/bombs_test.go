package parquetfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// forged is a file of one page with whatever headers say.
type forged struct {
	meta format.FileMetaData
	page format.PageHeader
	body []byte
}

// column is a file of n rows in one column of optional numbers, all of them null.
func column(n int64) *forged {
	kind := func(t format.Type) (out thrift.Null[format.Type]) { out.V, out.Valid = t, true; return out }
	children := thrift.Null[int32]{V: 1, Valid: true}
	optional := thrift.Null[format.FieldRepetitionType]{V: format.Optional, Valid: true}
	f := &forged{body: []byte{2, 0, 0, 0}} // how long levels are
	f.body = append(f.body, binary.AppendUvarint(nil, uint64(n)<<1)...)
	f.body = append(f.body, 0)
	binary.LittleEndian.PutUint32(f.body, uint32(len(f.body)-4))
	f.meta = format.FileMetaData{Version: 1, NumRows: n,
		Schema:    []format.SchemaElement{{Name: "root", NumChildren: children}, {Name: "n", Type: kind(format.Int64), RepetitionType: optional}},
		RowGroups: []format.RowGroup{{NumRows: n, Columns: []format.ColumnChunk{{MetaData: format.ColumnMetaData{Type: format.Int64, PathInSchema: []string{"n"}, NumValues: n}}}}},
	}
	f.page = format.PageHeader{Type: format.DataPage}
	f.page.DataPageHeader.Valid = true
	f.page.DataPageHeader.V = format.DataPageHeader{NumValues: int32(n), Encoding: format.Plain, DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE}
	return f
}

func marshal(tb testing.TB, v any) []byte {
	tb.Helper()
	b, err := thrift.Marshal(&thrift.CompactProtocol{}, v)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// file puts it together. Sizes that are 0 become what they are.
func (f *forged) file(tb testing.TB) []byte {
	if f.page.CompressedPageSize == 0 {
		f.page.CompressedPageSize = int32(len(f.body))
	}
	if f.page.UncompressedPageSize == 0 {
		f.page.UncompressedPageSize = int32(len(f.body))
	}
	out := append([]byte(magic), marshal(tb, &f.page)...)
	out = append(out, f.body...)
	if c := f.meta.RowGroups[0].Columns; len(c) > 0 && c[0].MetaData.TotalCompressedSize == 0 {
		c[0].MetaData.DataPageOffset, c[0].MetaData.TotalCompressedSize = int64(len(magic)), int64(len(out)-len(magic))
	}
	return end(out, marshal(tb, &f.meta))
}

func end(out, footer []byte) []byte {
	out = append(out, footer...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(footer)))
	return append(out, magic...)
}

// readAll reads all rows and says how many there were.
func readAll(text []byte, limits Limits) (rows int64, err error) {
	var codecs Codecs
	defer codecs.Close()
	f, err := Open(text, &codecs, limits)
	if err != nil {
		return 0, err
	}
	s, err := f.Schema()
	if err != nil {
		return 0, err
	}
	var out []byte
	for i := range f.Groups() {
		r, err := f.Group(i)
		if err != nil {
			return rows, err
		}
		for {
			row, err := r.Next()
			if err == io.EOF {
				break
			}
			if err == nil {
				out, err = s.AppendJSON(out[:0], row, 1<<16)
			}
			if err != nil {
				return rows, errors.Join(err, r.Close())
			}
			rows++
		}
		if err := r.Close(); err != nil {
			return rows, err
		}
	}
	return rows, nil
}

func gzipped(n int) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(make([]byte, n))
	_ = w.Close()
	return b.Bytes()
}

func zstandard(n int) []byte {
	w, _ := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	return w.EncodeAll(make([]byte, n), nil)
}

func brotlied(n int) []byte {
	var out bytes.Buffer
	w := brotli.NewWriter(&out)
	_, _ = w.Write(make([]byte, n))
	_ = w.Close()
	return out.Bytes()
}

// A small file that says it is a large one is refused before room is made for what it says.
func TestBombs(t *testing.T) {
	chunk := func(f *forged) *format.ColumnMetaData { return &f.meta.RowGroups[0].Columns[0].MetaData }
	run := func(n uint64) []byte { return append(binary.AppendUvarint(nil, n<<1), 0) }
	for name, c := range map[string]struct {
		change func(f *forged)
		text   []byte // instead of it
		err    error
	}{
		"nothing":                       {func(*forged) {}, nil, nil},
		"a list of a billion columns":   {text: end([]byte(magic), []byte{0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x03}), err: ErrCorrupt},
		"a name of a gigabyte":          {text: end([]byte(magic), []byte{0x68, 0xff, 0xff, 0xff, 0xff, 0x03}), err: ErrCorrupt},
		"a million columns of a byte":   {text: end([]byte(magic), append([]byte{0x29, 0xfc, 0x80, 0x80, 0x40}, make([]byte, 1<<20)...)), err: ErrLimit},
		"a footer that is nested":       {text: end([]byte(magic), bytes.Repeat([]byte{0x1c}, 1<<16)), err: ErrLimit},
		"a footer longer than the file": {text: append(append([]byte(magic), 0xff, 0xff, 0, 0), magic...), err: ErrCorrupt},
		"more rows than there can be":   {change: func(f *forged) { f.meta.NumRows, f.meta.RowGroups[0].NumRows = 1<<40, 1<<40 }, err: ErrLimit},
		"rows that no page has":         {change: func(f *forged) { f.meta.NumRows, f.meta.RowGroups[0].NumRows = 99, 99 }, err: ErrCorrupt},
		"less than no rows":             {change: func(f *forged) { f.meta.NumRows, f.meta.RowGroups[0].NumRows = -1, -1 }, err: ErrCorrupt},
		"a page of two billion values":  {change: func(f *forged) { f.page.DataPageHeader.V.NumValues = 1<<31 - 1 }, err: ErrLimit},
		"a page of less than none":      {change: func(f *forged) { f.page.DataPageHeader.V.NumValues = -1 }, err: ErrLimit},
		"levels that repeat":            {change: func(f *forged) { f.body = append([]byte{6, 0, 0, 0}, run(1<<30)...) }, err: ErrCorrupt},
		"levels that repeat many times": {change: func(f *forged) {
			f.body = bytes.Repeat(run(400), 9)
			f.body = append([]byte{byte(len(f.body)), 0, 0, 0}, f.body...)
		}, err: ErrCorrupt},
		"too few levels":                 {change: func(f *forged) { f.body = append([]byte{2, 0, 0, 0}, run(9)...) }, err: ErrCorrupt},
		"a level above the column's":     {change: func(f *forged) { f.body = []byte{2, 0, 0, 0, 20, 2} }, err: ErrCorrupt},
		"a column before the file":       {change: func(f *forged) { chunk(f).DataPageOffset, chunk(f).TotalCompressedSize = -1, 5 }, err: ErrCorrupt},
		"a column behind the file":       {change: func(f *forged) { chunk(f).DataPageOffset, chunk(f).TotalCompressedSize = 4, 1<<40 }, err: ErrCorrupt},
		"a column of another type":       {change: func(f *forged) { chunk(f).Type = format.ByteArray }, err: ErrCorrupt},
		"a column that is not there":     {change: func(f *forged) { f.meta.RowGroups[0].Columns = nil }, err: ErrCorrupt},
		"a page beyond its column":       {change: func(f *forged) { f.page.CompressedPageSize = 99 }, err: ErrCorrupt},
		"a page of less than nothing":    {change: func(f *forged) { f.page.UncompressedPageSize = -1 }, err: ErrCorrupt},
		"a page that says too little":    {change: func(f *forged) { f.page.UncompressedPageSize = 3 }, err: ErrCorrupt},
		"another compression":            {change: func(f *forged) { chunk(f).Codec = format.LZO }, err: ErrCodec},
		"another encoding":               {change: func(f *forged) { f.page.DataPageHeader.V.Encoding = format.DeltaByteArray }, err: ErrCodec}, // of numbers
		"a dictionary that is not there": {change: func(f *forged) { f.page.DataPageHeader.V.Encoding = format.RLEDictionary }, err: ErrCorrupt},
		"a schema with more children":    {change: func(f *forged) { f.meta.Schema[0].NumChildren.V = 9 }, err: ErrCorrupt},
		"a schema that is a circle long": {change: func(f *forged) { f.meta.Schema = append(f.meta.Schema, f.meta.Schema[1]) }, err: ErrCorrupt},
		"a value of a gigabyte each": {change: func(f *forged) {
			e := &f.meta.Schema[1]
			e.Type.V = format.FixedLenByteArray
			e.TypeLength.V, e.TypeLength.Valid = 1<<30, true
			chunk(f).Type = format.FixedLenByteArray
		}, err: ErrLimit},
		"differences that are a million": {change: func(f *forged) {
			f.meta.Schema[1].RepetitionType.V = format.Required
			f.page.DataPageHeader.V.Encoding = format.DeltaBinaryPacked
			f.body = []byte{0x80, 1, 4, 0xc0, 0x84, 0x3d, 0}
		}, err: ErrCorrupt},
		"gzip that becomes a gigabyte": {change: func(f *forged) { chunk(f).Codec, f.body, f.page.UncompressedPageSize = format.Gzip, gzipped(20<<20), 5 }, err: ErrCorrupt},
		"gzip beyond the limit": {change: func(f *forged) {
			chunk(f).Codec, f.body, f.page.UncompressedPageSize = format.Gzip, gzipped(4<<20), 4<<20
		}, err: ErrLimit},
		"zstd that becomes more": {change: func(f *forged) {
			chunk(f).Codec, f.body, f.page.UncompressedPageSize = format.Zstd, zstandard(20<<20), 5
		}, err: ErrCorrupt},
		"zstd that becomes less": {change: func(f *forged) {
			chunk(f).Codec, f.body, f.page.UncompressedPageSize = format.Zstd, zstandard(5), 1<<19
		}, err: ErrCorrupt},
		"snappy that says a gigabyte": {change: func(f *forged) { chunk(f).Codec, f.body = format.Snappy, binary.AppendUvarint(nil, 1<<30) }, err: ErrCorrupt},
		"brotli that becomes more": {change: func(f *forged) {
			chunk(f).Codec, f.body, f.page.UncompressedPageSize = format.Brotli, brotlied(20<<20), 5
		}, err: ErrCorrupt},
		"the old lz4 that becomes more": {change: func(f *forged) {
			chunk(f).Codec, f.body, f.page.UncompressedPageSize = format.Lz4, append([]byte{0x3f, 0, 0, 0, 0, 0, 3, 0xee, 0x1f, 0, 1, 0}, bytes.Repeat([]byte{255}, 1000)...), 5
		}, err: ErrCorrupt},
		"lz4 that becomes more": {change: func(f *forged) {
			chunk(f).Codec, f.body, f.page.UncompressedPageSize = format.Lz4Raw, append([]byte{0x1f, 0, 1, 0}, bytes.Repeat([]byte{255}, 1000)...), 5
		}, err: ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			text := c.text
			if text == nil {
				f := column(10)
				c.change(f)
				text = f.file(t)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			rows, err := readAll(text, Limits{GroupBytes: 1 << 20})
			runtime.ReadMemStats(&after)
			if !errors.Is(err, c.err) || c.err == nil && rows != 10 {
				t.Errorf("got %d rows, %v, want %v", rows, err, c.err)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20+4*uint64(len(text)) {
				t.Errorf("a file of %d bytes took %d to refuse", len(text), grown)
			}
		})
	}
}

// Many columns of nulls take next to nothing in a file, and all of them are open at a time.
func TestNullsInManyColumns(t *testing.T) {
	f := column(2_000)
	text := f.file(t) // sets where the page lies
	for range 99 {
		f.meta.Schema = append(f.meta.Schema, f.meta.Schema[1])
		f.meta.Schema[len(f.meta.Schema)-1].Name = "n" + string(rune('a'+len(f.meta.Schema)))
		f.meta.RowGroups[0].Columns = append(f.meta.RowGroups[0].Columns, f.meta.RowGroups[0].Columns[0])
	}
	f.meta.Schema[0].NumChildren.V = 100
	text = end(text[:f.meta.RowGroups[0].Columns[0].MetaData.TotalCompressedSize+4], marshal(t, &f.meta))
	if _, err := readAll(text, Limits{GroupBytes: 1 << 20}); !errors.Is(err, ErrLimit) {
		t.Errorf("got %v, want %v", err, ErrLimit)
	}
	if n, err := readAll(text, DefaultLimits()); err != nil || n != 2_000 {
		t.Errorf("with room for it: got %d rows, %v", n, err)
	}
}

// FuzzFile: whatever is in a file, reading ends, and yields no more rows than the footer says.
func FuzzFile(f *testing.F) {
	names, err := filepath.Glob("testdata/*.parquet")
	if err != nil || len(names) == 0 {
		f.Fatal(err, "no files")
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(column(10).file(f))
	f.Fuzz(func(t *testing.T, text []byte) {
		limits := Limits{GroupBytes: 1 << 20}
		n, err := readAll(text, limits)
		var codecs Codecs
		defer codecs.Close()
		file, bad := Open(text, &codecs, limits)
		if bad != nil {
			if err == nil || n > 0 {
				t.Fatalf("%d rows of a file that does not open: %v", n, bad)
			}
			return
		}
		var said int64
		for i := range file.Groups() {
			said += file.Rows(i)
		}
		if n > said || err == nil && n != said {
			t.Fatalf("%d rows of %d, %v", n, said, err)
		}
	})
}
