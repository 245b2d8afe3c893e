package objects

import (
	"encoding/binary"
	"fmt"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// The library makes room for as much as a file says that its footer has, and the header of a page that the page decompresses to, before it
// reads them. So those are looked at first: what is longer than the file, or more than the bytes of a page can become, is refused.

// footerEnd is what stands behind a footer: its length, and four letters.
const footerEnd = 8

// boundFooter refuses a file whose footer is longer than itself.
func boundFooter(text []byte) error {
	if len(text) < footerEnd {
		return fmt.Errorf("%d bytes", len(text))
	}
	room := len(text) - footerEnd
	if n := binary.LittleEndian.Uint32(text[room:]); int64(n) > int64(room) {
		return fmt.Errorf("a footer of %d bytes in a file of %d", n, len(text))
	}
	return nil
}

// mostTimes is how many times as large bytes of a codec can become.
var mostTimes = map[format.CompressionCodec]int64{
	format.Uncompressed: 1,
	format.Snappy:       32,      // three bytes copy 64
	format.Gzip:         1 << 11, // RFC 1951: two codes of a bit each for 258 bytes, which is 1,032
	format.Zstd:         1 << 15, // RFC 8878: a block of four bytes repeats one 128 Ki times
}

// pageSlack is for what is small, where headers of a codec and rounding count.
const pageSlack = 4 << 10

// maxPages bounds what all pages of an object become, in bytes.
const maxPages = 1 << 30

// boundPages refuses a file whose pages can not be what their headers say, or would be too large together.
func boundPages(text []byte, meta *format.FileMetaData) error {
	total := int64(0)
	for _, group := range meta.RowGroups {
		for i := range group.Columns {
			n, err := boundChunk(text, &group.Columns[i].MetaData)
			if err != nil {
				return fmt.Errorf("column %d: %w", i, err)
			}
			if total += n; total > maxPages {
				return fmt.Errorf("its pages decompress to more than %d bytes", int64(maxPages))
			}
		}
	}
	return nil
}

// boundChunk returns what the pages of one column chunk say that they become.
func boundChunk(text []byte, m *format.ColumnMetaData) (total int64, err error) {
	times, ok := mostTimes[m.Codec]
	if !ok {
		return 0, fmt.Errorf("codec %s is none of ours", m.Codec)
	}
	at := m.DataPageOffset
	if d := m.DictionaryPageOffset; d > 0 && d < at {
		at = d
	}
	size := int64(len(text))
	if at < 0 || at > size || m.TotalCompressedSize < 0 || m.TotalCompressedSize > size-at {
		return 0, fmt.Errorf("pages of %d bytes at byte %d of %d", m.TotalCompressedSize, at, size)
	}
	var protocol thrift.CompactProtocol
	for end := at + m.TotalCompressedSize; at < end; {
		var h format.PageHeader
		r := protocol.NewReaderFromBytes(text[at:end])
		if err := thrift.NewDecoder(r).Decode(&h); err != nil {
			return 0, fmt.Errorf("page at byte %d: %w", at, err)
		}
		at += int64(r.BytesRead())
		packed, open := int64(h.CompressedPageSize), int64(h.UncompressedPageSize)
		values := int64(max(h.DataPageHeader.V.NumValues, h.DataPageHeaderV2.V.NumValues, h.DictionaryPageHeader.V.NumValues))
		if packed < 0 || packed > end-at || open < 0 || open > packed*times+pageSlack || values > m.NumValues {
			return 0, fmt.Errorf("page at byte %d: %d bytes say that they become %d, of %d values in a column of %d", at, packed, open, values, m.NumValues)
		}
		at += packed
		total += open
	}
	return total, nil
}
