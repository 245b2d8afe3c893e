package objects

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"backstitch/replay/record"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
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

var parquetCodecs = map[string]compress.Codec{"none": &parquet.Uncompressed, "snappy": &parquet.Snappy, "gzip": &parquet.Gzip, "zstd": &parquet.Zstd}

type parquetEncoder struct {
	w    *parquet.GenericWriter[any]
	out  bytes.Buffer
	row  parquet.Row
	rows []parquet.Row
	raw  int
}

func newParquetEncoder(codec string) (*parquetEncoder, error) {
	e := &parquetEncoder{}
	e.w = parquet.NewGenericWriter[any](&e.out, recordSchema, parquet.Compression(parquetCodecs[codec]), parquet.CreatedBy("backstitch", "1", ""))
	return e, nil
}

func (e *parquetEncoder) add(offset int64, r *record.Record, extra []record.Header) error {
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
		parquet.Int64Value(r.TimestampMs).Level(0, 0, leafTimestamp), parquet.Int32Value(int32(r.TimestampType)).Level(0, 0, leafTimestampType),
		optionalValue(r.Value, 0, 0, leafValue))
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

func (e *parquetEncoder) finish() ([]byte, error) {
	err := e.w.Close()
	out := bytes.Clone(e.out.Bytes())
	e.out.Reset()
	e.w.Reset(&e.out)
	e.raw = 0
	return out, err
}

// rowsAtATime is how many rows are read at a time.
const rowsAtATime = 256

func decodeParquet(text []byte, yield func(record.Record) error) (err error) {
	// The library trusts the lengths of a footer. What a commit vouches for has passed its checksum, and whoever forged both must not be able
	// to end the program.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("not Parquet of ours: %v", p)
		}
	}()
	if err := boundFooter(text); err != nil {
		return err
	}
	f, err := parquet.OpenFile(bytes.NewReader(text), int64(len(text)), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return err
	}
	if got := len(f.Schema().Columns()); got != leaves {
		return fmt.Errorf("it has %d columns, want %d", got, leaves)
	}
	if err := boundPages(text, f.Metadata()); err != nil {
		return err
	}
	for _, group := range f.RowGroups() {
		if err := decodeRows(group, yield); err != nil {
			return err
		}
	}
	return nil
}

func decodeRows(group parquet.RowGroup, yield func(record.Record) error) (err error) {
	rows := group.Rows()
	defer func() { err = errors.Join(err, rows.Close()) }()
	buf := make([]parquet.Row, rowsAtATime)
	for {
		n, err := rows.ReadRows(buf)
		for _, row := range buf[:n] {
			rec, bad := recordOf(row)
			if bad != nil {
				return bad
			}
			if err := yield(rec); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func recordOf(row parquet.Row) (rec record.Record, err error) {
	row.Range(func(leaf int, vs []parquet.Value) bool {
		switch leaf {
		case leafHeaderKey:
			for _, v := range vs {
				if !v.IsNull() {
					rec.Headers = append(rec.Headers, record.Header{Key: string(v.ByteArray())})
				}
			}
		case leafHeaderValue:
			for i, v := range vs {
				if i < len(rec.Headers) {
					rec.Headers[i].Value = held(v)
				}
			}
		case leafKey:
			rec.Key = held(vs[0])
		case leafOffset:
			rec.Offset = vs[0].Int64()
		case leafTimestamp:
			rec.TimestampMs = vs[0].Int64()
		case leafTimestampType:
			rec.TimestampType = record.TimestampType(vs[0].Int32())
		case leafValue:
			rec.Value = held(vs[0])
		default:
			err = fmt.Errorf("it has a column %d", leaf)
		}
		return err == nil
	})
	return rec, err
}

// held is what a value holds, in memory of its own, nil for null.
func held(v parquet.Value) []byte {
	if v.IsNull() {
		return nil
	}
	return append([]byte{}, v.ByteArray()...)
}
