package parquetfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Opening a file: its footer, and whether what that says can be. The trap is the library's decoder, which makes room for as many elements
// as a list says that it has; a footer of a hundred bytes can ask for more memory than there is.

var (
	// ErrNotParquet says that a file is none, or one whose footer is encrypted.
	ErrNotParquet = errors.New("not a Parquet file")
	// ErrCorrupt says that parts of a file do not fit each other, or their checksums.
	ErrCorrupt = errors.New("corrupt Parquet")
	// ErrLimit says that something is larger, deeper or longer than is read.
	ErrLimit = errors.New("beyond the limit of what is read")
	// ErrCodec says that pages are compressed with something that is not read, like LZO, or encoded so.
	ErrCodec = errors.New("compression is not read")
	// ErrNoForm says that the schema has a type which has no JSON.
	ErrNoForm = errors.New("a type without JSON")
)

// Limits bound what reading a file may take.
type Limits struct {
	GroupBytes int64 // of a row group, decompressed, and about that much again to take it apart
}

// DefaultLimits are good for a server. Writers that are left alone make row groups of 128 MiB, Firehose of 256 MiB.
func DefaultLimits() Limits { return Limits{GroupBytes: 512 << 20} }

// Limits that are no matter of taste: what people write is far below.
const (
	maxFooterBytes = 64 << 20
	maxColumns     = 10_000
	maxGroups      = 1 << 15 // as the format has it
	maxGroupRows   = 1 << 28
	maxDepth       = 128 // of a row, as JSON
)

const (
	magic     = "PAR1"
	encrypted = "PARE"
	// endLen is the length of what stands behind a footer: its length, and the magic.
	endLen = 8
)

// File is a file whose footer was read. It is used by one goroutine.
type File struct {
	text   []byte
	meta   format.FileMetaData
	limits Limits
	leaves []leafLevels
	codecs *Codecs
}

// leafLevels are how far the levels of a column go.
type leafLevels struct {
	repetition, definition int
	kind                   format.Type
}

// Open reads the footer of text, a whole file, which must not change: ErrNotParquet, ErrCorrupt, ErrLimit, ErrCodec, and
// io.ErrUnexpectedEOF for a file that was cut off. codecs are decompressors that several files may use one after the other.
func Open(text []byte, codecs *Codecs, limits Limits) (*File, error) {
	footer, err := footerOf(text)
	if err != nil {
		return nil, err
	}
	n, err := boundThrift(footer)
	if err != nil {
		return nil, fmt.Errorf("footer: %w", err)
	}
	f := &File{text: text, limits: limits, codecs: codecs}
	// What stands behind the structure is a signature, which is of no use without its key.
	if err := thrift.Unmarshal(&thrift.CompactProtocol{}, footer[:n:n], &f.meta); err != nil {
		return nil, fmt.Errorf("footer: %w: %w", ErrCorrupt, err)
	}
	if err := f.checkSchema(); err != nil {
		return nil, err
	}
	if err := f.checkGroups(); err != nil {
		return nil, err
	}
	return f, nil
}

func footerOf(text []byte) ([]byte, error) {
	switch head := string(text[:min(len(text), len(magic))]); {
	case head == magic:
	case head == encrypted:
		return nil, fmt.Errorf("its footer is encrypted: %w", ErrNotParquet)
	case strings.HasPrefix(magic, head):
		return nil, fmt.Errorf("%d bytes: %w", len(text), io.ErrUnexpectedEOF)
	default:
		return nil, fmt.Errorf("it begins with %.4q: %w", text, ErrNotParquet)
	}
	if len(text) < len(magic)+endLen || string(text[len(text)-len(magic):]) != magic {
		return nil, fmt.Errorf("it does not end as Parquet does: %w", io.ErrUnexpectedEOF)
	}
	room := len(text) - endLen - len(magic)
	n := binary.LittleEndian.Uint32(text[len(text)-endLen:])
	switch {
	case int64(n) > int64(room):
		return nil, fmt.Errorf("a footer of %d bytes in a file of %d: %w", n, len(text), ErrCorrupt)
	case n > maxFooterBytes:
		return nil, fmt.Errorf("a footer of %d bytes: %w", n, ErrLimit)
	}
	end := len(text) - endLen
	return text[end-int(n) : end : end], nil
}

// checkSchema makes sure that the schema is a tree, and notes what its leaves are.
func (f *File) checkSchema() error {
	if len(f.meta.Schema) == 0 {
		return fmt.Errorf("it has no schema: %w", ErrCorrupt)
	}
	if len(f.meta.Schema) > maxColumns {
		return fmt.Errorf("a schema of %d elements: %w", len(f.meta.Schema), ErrLimit)
	}
	rest, err := f.walk(f.meta.Schema, 0, 0, 0)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d elements of its schema belong to nothing: %w", len(rest), ErrCorrupt)
	}
	if err == nil && len(f.leaves) == 0 {
		err = fmt.Errorf("its schema has no column: %w", ErrCorrupt)
	}
	return err
}

// walk takes the subtree off that elements begin with.
func (f *File) walk(elements []format.SchemaElement, depth, repetition, definition int) ([]format.SchemaElement, error) {
	if len(elements) == 0 {
		return nil, fmt.Errorf("an element of its schema is missing: %w", ErrCorrupt)
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("a schema that is nested more than %d deep: %w", maxDepth, ErrLimit)
	}
	e := &elements[0]
	if depth > 0 {
		switch e.RepetitionType.V {
		case format.Required:
		case format.Optional:
			definition++
		case format.Repeated:
			repetition++
			definition++
		default:
			return nil, fmt.Errorf("column %.80q: repetition %d: %w", e.Name, e.RepetitionType.V, ErrCorrupt)
		}
	}
	elements = elements[1:]
	if e.Type.Valid {
		if e.NumChildren.Valid && e.NumChildren.V != 0 {
			return nil, fmt.Errorf("column %.80q has a type and children: %w", e.Name, ErrCorrupt)
		}
		if e.Type.V == format.FixedLenByteArray && (!e.TypeLength.Valid || e.TypeLength.V < 1 || e.TypeLength.V > maxFixedBytes) {
			return nil, fmt.Errorf("column %.80q has a length of %d bytes: %w", e.Name, e.TypeLength.V, ErrLimit)
		}
		if e.Type.V < format.Boolean || e.Type.V > format.FixedLenByteArray {
			return nil, fmt.Errorf("column %.80q has type %d: %w", e.Name, e.Type.V, ErrCorrupt)
		}
		f.leaves = append(f.leaves, leafLevels{repetition, definition, e.Type.V})
		return elements, nil
	}
	if e.NumChildren.V < 1 {
		return nil, fmt.Errorf("group %.80q has %d columns: %w", e.Name, e.NumChildren.V, ErrCorrupt)
	}
	var err error
	for range e.NumChildren.V {
		if elements, err = f.walk(elements, depth+1, repetition, definition); err != nil {
			return nil, err
		}
	}
	return elements, nil
}

// maxFixedBytes is the longest value of a fixed length.
const maxFixedBytes = 1 << 20

func (f *File) checkGroups() error {
	if len(f.meta.RowGroups) > maxGroups {
		return fmt.Errorf("%d row groups: %w", len(f.meta.RowGroups), ErrLimit)
	}
	rows := int64(0)
	for i := range f.meta.RowGroups {
		g := &f.meta.RowGroups[i]
		switch {
		case g.NumRows < 0:
			return fmt.Errorf("row group %d has %d rows: %w", i, g.NumRows, ErrCorrupt)
		case g.NumRows > maxGroupRows:
			return fmt.Errorf("row group %d has %d rows: %w", i, g.NumRows, ErrLimit)
		case len(g.Columns) != len(f.leaves):
			return fmt.Errorf("row group %d has %d columns, the schema %d: %w", i, len(g.Columns), len(f.leaves), ErrCorrupt)
		}
		rows += g.NumRows
		for c := range g.Columns {
			if err := f.checkChunk(&g.Columns[c], c); err != nil {
				return fmt.Errorf("row group %d, column %d: %w", i, c, err)
			}
		}
	}
	if rows != f.meta.NumRows {
		return fmt.Errorf("its row groups have %d rows together, its footer says %d: %w", rows, f.meta.NumRows, ErrCorrupt)
	}
	return nil
}

// chunk is where the pages of a column chunk lie.
func (f *File) chunk(m *format.ColumnMetaData) (from, to int64, err error) {
	from = m.DataPageOffset
	if d := m.DictionaryPageOffset; d > 0 && d < from {
		from = d
	}
	size := int64(len(f.text))
	if from < 0 || from > size || m.TotalCompressedSize < 0 || m.TotalCompressedSize > size-from {
		return 0, 0, fmt.Errorf("pages of %d bytes at byte %d of %d: %w", m.TotalCompressedSize, from, size, ErrCorrupt)
	}
	return from, from + m.TotalCompressedSize, nil
}

func (f *File) checkChunk(c *format.ColumnChunk, leaf int) error {
	m := &c.MetaData
	switch {
	case c.FilePath != "":
		return fmt.Errorf("its pages are in another file: %w", ErrNotParquet)
	case c.CryptoMetadata.Value != nil:
		return fmt.Errorf("its pages are encrypted: %w", ErrNotParquet)
	case m.Type != f.leaves[leaf].kind:
		return fmt.Errorf("it is of type %s, the schema says %s: %w", m.Type, f.leaves[leaf].kind, ErrCorrupt)
	}
	if err := checkCodec(m.Codec); err != nil {
		return err
	}
	_, _, err := f.chunk(m)
	return err
}

// Columns is how many columns with values the file has.
func (f *File) Columns() int { return len(f.leaves) }

// Kind is what a column with values is stored as.
func (f *File) Kind(column int) format.Type { return f.leaves[column].kind }

// Groups is how many row groups the file has.
func (f *File) Groups() int { return len(f.meta.RowGroups) }

// Rows is how many rows a row group has, as the footer says.
func (f *File) Rows(group int) int64 { return f.meta.RowGroups[group].NumRows }

// Metadata is what the file's writer said under a key, "" for nothing.
func (f *File) Metadata(key string) string {
	for _, kv := range f.meta.KeyValueMetadata {
		if kv.Key == key {
			return kv.Value
		}
	}
	return ""
}
