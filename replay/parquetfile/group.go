package parquetfile

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// A row group on its own. Its pages are decompressed and looked at, and put into a small file that the library opens.

// openCost is about what a value of a page that is open takes beside its bytes: its levels, its place, its index.
const openCost = 12

// believedBytes is how much room is made for a row group that says it becomes so long, however short it is: growing into it by and by
// costs more than the decompressing.
const believedBytes = 8 << 20

// group is a row group being unpacked.
type group struct {
	f    *File
	rows int64
	out  []byte // the small file
	page []byte // scratch
	open int64  // what the largest page of each column takes while all of them are open
}

// unpack makes a file of one row group: ErrCorrupt, ErrLimit, ErrCodec.
func (f *File) unpack(i int) ([]byte, error) {
	from := &f.meta.RowGroups[i]
	// What it says to become is believed as far as codecs of known writers go, and what is not much in any case.
	room := min(max(from.TotalByteSize, 0)+from.TotalByteSize/8, max(16*int64(len(f.text)), believedBytes), f.limits.GroupBytes)
	g := &group{f: f, rows: from.NumRows, out: append(make([]byte, 0, int64(len(magic))+max(room, 0)), magic...)}
	to := format.RowGroup{NumRows: from.NumRows}
	for c := range from.Columns {
		m, err := g.chunk(&from.Columns[c].MetaData, c)
		if err != nil {
			return nil, fmt.Errorf("column %d: %w", c, err)
		}
		to.Columns = append(to.Columns, format.ColumnChunk{MetaData: m})
		to.TotalByteSize += m.TotalUncompressedSize
	}
	meta := format.FileMetaData{Version: 1, Schema: f.bareSchema(), NumRows: from.NumRows, RowGroups: []format.RowGroup{to}}
	footer, err := thrift.Marshal(&thrift.CompactProtocol{}, &meta)
	if err != nil {
		return nil, fmt.Errorf("footer of a row group: %w", err)
	}
	g.out = append(g.out, footer...)
	g.out = binary.LittleEndian.AppendUint32(g.out, uint32(len(footer)))
	return append(g.out, magic...), nil
}

// bareSchema is the schema without what types mean.
func (f *File) bareSchema() []format.SchemaElement {
	out := make([]format.SchemaElement, len(f.meta.Schema))
	for i := range out {
		from := &f.meta.Schema[i]
		out[i] = format.SchemaElement{Name: from.Name, Type: from.Type, TypeLength: from.TypeLength, NumChildren: from.NumChildren}
		if i > 0 {
			out[i].RepetitionType = from.RepetitionType
		}
	}
	return out
}

// chunk unpacks the pages of a column.
func (g *group) chunk(from *format.ColumnMetaData, leaf int) (format.ColumnMetaData, error) {
	to := format.ColumnMetaData{Type: from.Type, PathInSchema: from.PathInSchema, Codec: format.Uncompressed, NumValues: from.NumValues, Encoding: from.Encoding}
	at, end, err := g.f.chunk(from)
	if err != nil {
		return to, err
	}
	p := pages{group: g, leaf: g.f.leaves[leaf], codec: from.Codec}
	begun := int64(len(g.out))
	to.DataPageOffset = begun
	for at < end {
		n, err := p.next(g.f.text[at:end])
		if err != nil {
			return to, fmt.Errorf("page at byte %d: %w", at, err)
		}
		if p.wasDictionary {
			to.DictionaryPageOffset, to.DataPageOffset = begun, int64(len(g.out))
		}
		at += n
	}
	switch {
	case p.values != from.NumValues:
		return to, fmt.Errorf("its pages have %d values, its footer says %d: %w", p.values, from.NumValues, ErrCorrupt)
	case p.rows != g.rows:
		return to, fmt.Errorf("its pages have %d rows, its row group %d: %w", p.rows, g.rows, ErrCorrupt)
	}
	if g.open += p.most; g.open > g.f.limits.GroupBytes {
		return to, fmt.Errorf("the largest pages of all columns take more than %d bytes: %w", g.f.limits.GroupBytes, ErrLimit)
	}
	to.TotalCompressedSize = int64(len(g.out)) - begun
	to.TotalUncompressedSize = to.TotalCompressedSize
	return to, nil
}

// open lets the library open a file of one row group.
func (f *File) open(text []byte) (parquet.RowGroup, error) {
	file, err := parquet.OpenFile(bytes.NewReader(text), int64(len(text)), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	groups := file.RowGroups()
	if len(groups) != 1 {
		return nil, fmt.Errorf("%d row groups instead of one: %w", len(groups), ErrCorrupt)
	}
	return groups[0], nil
}
