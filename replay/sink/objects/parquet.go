package objects

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"backstitch/replay/parquetfile"
	"backstitch/replay/record"
	"backstitch/replay/sink"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/format"
)

// Data objects in Parquet:
//
//	message Record {
//	  required group headers (LIST) { repeated group list { required group element {
//	    required binary key (STRING); optional binary value; } } }
//	  optional binary key;
//	  required int64 offset;
//	  required int64 timestamp (TIMESTAMP(MILLIS, UTC));
//	  required int32 timestampType;
//	  optional binary value;
//	}
//
// Columns stand in the order of their names, as the library has them. Rows are built of values with their levels and not from structs: there
// an empty byte string and none are easily one.

var recordSchema = parquet.NewSchema("Record", parquet.Group{
	"offset": parquet.Int(64), "timestamp": parquet.Timestamp(parquet.Millisecond), "timestampType": parquet.Int(32),
	"key": parquet.Optional(parquet.Leaf(parquet.ByteArrayType)), "value": parquet.Optional(parquet.Leaf(parquet.ByteArrayType)),
	"headers": parquet.List(parquet.Group{"key": parquet.String(), "value": parquet.Optional(parquet.Leaf(parquet.ByteArrayType))}),
})

// The leaves of recordSchema, by their place.
const (
	leafHeaderKey = iota
	leafHeaderValue
	leafKey
	leafOffset
	leafTimestamp
	leafTimestampType
	leafValue
	leaves
)

var leafKinds = [leaves]format.Type{
	format.ByteArray, format.ByteArray, format.ByteArray, format.Int64, format.Int64, format.Int32, format.ByteArray,
}

var parquetCodecs = map[string]compress.Codec{"none": &parquet.Uncompressed, "snappy": &parquet.Snappy, "gzip": &parquet.Gzip, "zstd": &parquet.Zstd}

type parquetEncoder struct {
	w    *parquet.GenericWriter[any]
	out  bytes.Buffer
	row  parquet.Row
	rows []parquet.Row
	raw  int

	columns *parquetColumns // nil where values are their bytes
}

func newParquetEncoder(codec string) (*parquetEncoder, error) {
	e := &parquetEncoder{}
	e.w = parquet.NewGenericWriter[any](&e.out, recordSchema, parquet.Compression(parquetCodecs[codec]), parquet.CreatedBy("backstitch", "1", ""))
	return e, nil
}

func (e *parquetEncoder) add(offset int64, r *record.Record, extra []record.Header) error {
	return e.put(offset, r, extra, nil)
}

// put adds a record, with v for its value where values are columns.
func (e *parquetEncoder) put(offset int64, r *record.Record, extra []record.Header, v *content) (err error) {
	hs := headers(r, extra)
	row := e.row[:0]
	for i, h := range hs {
		if !utf8.ValidString(h.Key) {
			return unheld(r, errHeaderName)
		}
		row = append(row, parquet.ByteArrayValue([]byte(h.Key)).Level(min(i, 1), 1, leafHeaderKey))
	}
	for i, h := range hs {
		row = append(row, optionalValue(h.Value, min(i, 1), 1, leafHeaderValue))
	}
	if len(hs) == 0 {
		row = append(row, parquet.NullValue().Level(0, 0, leafHeaderKey), parquet.NullValue().Level(0, 0, leafHeaderValue))
	}
	row = append(row, optionalValue(r.Key, 0, 0, leafKey), parquet.Int64Value(offset).Level(0, 0, leafOffset),
		parquet.Int64Value(r.TimestampMs).Level(0, 0, leafTimestamp), parquet.Int32Value(int32(r.TimestampType)).Level(0, 0, leafTimestampType))
	if e.columns == nil {
		row = append(row, optionalValue(r.Value, 0, 0, leafValue))
	} else if row, err = e.columns.append(row, v); err != nil {
		return &sink.RejectedError{Offset: r.Offset, Code: sink.CodeNoColumns, Err: err}
	}
	e.row, e.rows = row, append(e.rows[:0], row)
	e.raw += int(r.Size()) + rowBytes
	if _, err := e.w.WriteRows(e.rows); err != nil {
		return fmt.Errorf("write a row: %w", err)
	}
	return nil
}

// rowBytes is about what a row takes besides its bytes.
const rowBytes = 64

// optionalValue is b, or null, of a column whose parent has definition level parent.
func optionalValue(b []byte, repetition, parent, leaf int) parquet.Value {
	if b == nil {
		return parquet.NullValue().Level(repetition, parent, leaf)
	}
	return parquet.ByteArrayValue(b).Level(repetition, parent+1, leaf)
}

func (e *parquetEncoder) size() int { return e.raw }

func (e *parquetEncoder) finish() ([][]byte, error) {
	err := e.w.Close()
	out := bytes.Clone(e.out.Bytes())
	e.out.Reset()
	e.w.Reset(&e.out)
	e.raw = 0
	return [][]byte{out}, err
}

// decodeParquet reads an object. Its commit vouches for it by a checksum; whoever forged both must not be able to end the program.
func decodeParquet(text []byte, yield func(record.Record) error) error {
	var codecs parquetfile.Codecs
	defer codecs.Close()
	f, err := parquetfile.Open(text, &codecs, parquetfile.DefaultLimits())
	if err != nil {
		return err
	}
	var made *columnReader
	if text := f.Metadata(schemaKey); text != "" {
		if made, err = newColumnReader(f, text); err != nil {
			return err
		}
	} else if got := f.Columns(); got != leaves {
		return fmt.Errorf("it has %d columns, want %d", got, leaves)
	}
	for leaf, kind := range leafKinds {
		if made != nil && leaf == leafValue {
			continue
		}
		if got := f.Kind(leaf); got != kind {
			return fmt.Errorf("column %d is of type %s, want %s", leaf, got, kind)
		}
	}
	for i := range f.Groups() {
		if err := decodeGroup(f, i, made, yield); err != nil {
			return err
		}
	}
	return nil
}

func decodeGroup(f *parquetfile.File, group int, made *columnReader, yield func(record.Record) error) (err error) {
	rows, err := f.Group(group)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for {
		row, err := rows.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		rec, err := recordOf(row, made)
		if err != nil {
			return err
		}
		if err := yield(rec); err != nil {
			return err
		}
	}
}

// recordOf makes a record of a row, in memory of its own.
func recordOf(row *parquetfile.Row, made *columnReader) (rec record.Record, err error) {
	one := func(leaf int) parquet.Value {
		vs := row.Values(leaf)
		if len(vs) != 1 {
			err = fmt.Errorf("column %d has %d values in a row", leaf, len(vs))
			return parquet.NullValue()
		}
		return vs[0]
	}
	for _, v := range row.Values(leafHeaderKey) {
		if !v.IsNull() {
			rec.Headers = append(rec.Headers, record.Header{Key: string(v.ByteArray())})
		}
	}
	for i, v := range row.Values(leafHeaderValue) {
		if i < len(rec.Headers) {
			rec.Headers[i].Value = held(v)
		}
	}
	rec.Key = held(one(leafKey))
	rec.Offset, rec.TimestampMs = one(leafOffset).Int64(), one(leafTimestamp).Int64()
	rec.TimestampType = record.TimestampType(one(leafTimestampType).Int32())
	if made == nil {
		rec.Value = held(one(leafValue))
		return rec, err
	}
	return rec, errors.Join(err, made.value(row, &rec))
}

// held is what a value holds, in memory of its own, nil for null.
func held(v parquet.Value) []byte {
	if v.IsNull() {
		return nil
	}
	return append([]byte{}, v.ByteArray()...)
}
