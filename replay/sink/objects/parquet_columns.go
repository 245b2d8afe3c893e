package objects

import (
	"errors"
	"fmt"

	"backstitch/replay/columns"
	"backstitch/replay/datum"
	"backstitch/replay/parquetfile"
	"backstitch/replay/record"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// Values as columns in Parquet: value is the group that package columns lays out, and valueSchema stands behind it. What the columns are made of
// is said by the file's metadata, so that whoever reads it back needs nothing else.

// schemaKey is where a file says the schema of its values.
const schemaKey = "backstitch.value.schema"

// parquetColumns are what a parquetEncoder needs for values as columns.
type parquetColumns struct {
	layout *columns.Layout
	writer *columns.Writer
}

func newParquetColumns(codec string, s *datum.Schema) (*parquetEncoder, error) {
	layout, err := columns.New(s)
	if err != nil {
		return nil, err
	}
	group := parquet.Group{"value": layout.Node(), "valueSchema": parquet.Optional(parquet.Int(64))}
	for _, f := range recordSchema.Fields() {
		if f.Name() != "value" {
			group[f.Name()] = f
		}
	}
	e := &parquetEncoder{columns: &parquetColumns{layout: layout, writer: layout.Writer()}}
	e.w = parquet.NewGenericWriter[any](&e.out, parquet.NewSchema("Record", group), parquet.Compression(parquetCodecs[codec]),
		parquet.CreatedBy("backstitch", "1", ""), parquet.KeyValueMetadata(schemaKey, s.Text()))
	return e, nil
}

// append appends the columns of a value and of its schema's number.
func (c *parquetColumns) append(row parquet.Row, v *content) (parquet.Row, error) {
	number := parquet.NullValue().Level(0, 0, leafValue+c.layout.Columns())
	if v.null {
		return append(c.layout.Null(row, leafValue), number), nil
	}
	row, err := c.writer.Append(row, v.datum, leafValue)
	if v.number != noNumber {
		number = parquet.Int64Value(v.number).Level(0, 1, leafValue+c.layout.Columns())
	}
	return append(row, number), err
}

// columnReader makes records of rows with values as columns.
type columnReader struct {
	schema *datum.Schema
	layout *columns.Layout
	reader *columns.Reader
	number int // column of the schema's number
	datum  []byte
}

// newColumnReader returns one for a file that says the schema text.
func newColumnReader(f *parquetfile.File, text string) (*columnReader, error) {
	s, err := datum.Parse(text)
	if err != nil {
		return nil, err
	}
	layout, err := columns.New(s)
	if err != nil {
		return nil, err
	}
	c := &columnReader{schema: s, layout: layout, reader: layout.Reader(), number: leafValue + layout.Columns()}
	if got := f.Columns(); got != c.number+1 {
		return nil, fmt.Errorf("it has %d columns, want %d", got, c.number+1)
	}
	if got := f.Kind(c.number); got != format.Int64 {
		return nil, fmt.Errorf("column %d is of type %s, want %s", c.number, got, format.Type(format.Int64))
	}
	return c, nil
}

var errNumber = errors.New("a value without the number of its schema, or the other way round")

// value is that of a row, in memory of its own.
func (c *columnReader) value(row *parquetfile.Row, rec *record.Record) (err error) {
	of := func(i int) []parquet.Value { return row.Values(leafValue + i) }
	number := row.Values(c.number)
	if len(number) != 1 {
		return errNumber
	}
	if c.layout.IsNull(of) {
		if !number[0].IsNull() {
			return errNumber
		}
		return nil
	}
	if c.datum, err = c.reader.Append(c.datum[:0], of); err != nil {
		return err
	}
	id := int64(noNumber)
	if !number[0].IsNull() {
		if id = number[0].Int64(); id < 0 {
			return errNumber
		}
	}
	rec.Value, err = valueOf(id, c.datum, c.schema.Root().Wire())
	return err
}
