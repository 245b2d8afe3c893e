package objects

import (
	"bytes"
	"encoding/binary"
	"testing"

	"backstitch/replay/record"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// A header may say what its codec can do and not a byte more: the library would make room for it.
func TestAPageThatIsTooLargeIsRefused(t *testing.T) {
	for _, codec := range Codecs(Parquet) {
		t.Run(codec, func(t *testing.T) {
			enc, err := newParquetEncoder(codec)
			if err != nil {
				t.Fatal(err)
			}
			zeros := record.Record{Value: make([]byte, 1<<20)} // what each codec makes the least of
			if err := enc.add(0, &zeros, nil); err != nil {
				t.Fatal(err)
			}
			text, err := enc.finish()
			if err != nil {
				t.Fatal(err)
			}
			f, err := parquet.OpenFile(bytes.NewReader(text), int64(len(text)))
			if err != nil {
				t.Fatal(err)
			}
			if err := boundPages(text, f.Metadata()); err != nil {
				t.Errorf("what was written: %v", err)
			}
			m := f.Metadata().RowGroups[0].Columns[leafValue].MetaData
			var protocol thrift.CompactProtocol
			r := protocol.NewReaderFromBytes(text[m.DataPageOffset:])
			var h format.PageHeader
			if err := thrift.NewDecoder(r).Decode(&h); err != nil {
				t.Fatal(err)
			}
			begin := int(m.DataPageOffset) + r.BytesRead()
			page := text[begin : begin+int(h.CompressedPageSize)]
			packed := int64(h.CompressedPageSize)
			for _, test := range []struct {
				what   string
				change func(*format.PageHeader, *format.ColumnMetaData)
				ok     bool
				longer int64 // bytes that the column says to have beyond the end
			}{
				{"as it is", func(*format.PageHeader, *format.ColumnMetaData) {}, true, 0},
				{"all that the codec can do", func(h *format.PageHeader, _ *format.ColumnMetaData) {
					h.UncompressedPageSize = int32(min(packed*mostTimes[m.Codec]+pageSlack, 1<<31-1))
				}, true, 0},
				{"a byte more", func(h *format.PageHeader, _ *format.ColumnMetaData) {
					h.UncompressedPageSize, h.CompressedPageSize = int32(100*mostTimes[m.Codec]+pageSlack+1), 100
				}, false, 0},
				{"less than nothing", func(h *format.PageHeader, _ *format.ColumnMetaData) { h.UncompressedPageSize = -1 }, false, 0},
				{"beyond its column", func(h *format.PageHeader, _ *format.ColumnMetaData) { h.CompressedPageSize++ }, false, 0},
				{"more values than its column", func(_ *format.PageHeader, m *format.ColumnMetaData) { m.NumValues = 0 }, false, 0},
				{"another codec", func(_ *format.PageHeader, m *format.ColumnMetaData) { m.Codec = format.Brotli }, false, 0},
				{"before the file", func(_ *format.PageHeader, m *format.ColumnMetaData) { m.DataPageOffset = -1 }, false, 0},
				{"longer than the file", func(*format.PageHeader, *format.ColumnMetaData) {}, false, 1},
			} {
				h, m := h, m
				m.DataPageOffset, m.DictionaryPageOffset = 0, 0
				test.change(&h, &m)
				head, err := thrift.Marshal(&protocol, &h)
				if err != nil {
					t.Fatal(err)
				}
				forged := append(head, page[:min(int(h.CompressedPageSize), len(page))]...)
				m.TotalCompressedSize = int64(len(forged)) + test.longer
				if _, err := boundChunk(forged, &m); (err == nil) != test.ok {
					t.Errorf("%s: got %v", test.what, err)
				}
			}
		})
	}
}

func TestAFooterThatIsTooLongIsRefused(t *testing.T) {
	enc, err := newParquetEncoder("none")
	if err != nil {
		t.Fatal(err)
	}
	text, err := enc.finish()
	if err != nil {
		t.Fatal(err)
	}
	if err := boundFooter(text); err != nil {
		t.Errorf("what was written: %v", err)
	}
	long := bytes.Clone(text)
	binary.LittleEndian.PutUint32(long[len(long)-footerEnd:], uint32(len(long)-footerEnd+1))
	for what, forged := range map[string][]byte{"a byte too long": long, "nothing": nil, "an end alone": text[len(text)-footerEnd:]} {
		if err := boundFooter(forged); err == nil {
			t.Errorf("%s: taken", what)
		}
	}
}
