package objects

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"backstitch/replay/columns"
	"backstitch/replay/datum"
	"backstitch/replay/ocf"
	"backstitch/replay/record"
	"backstitch/replay/sink"
)

// Values as columns: in Avro and Parquet, value is a field or a group with the parts of the value, and valueSchema beside it the number that stood
// in front of it. What is not given back as the bytes that it was is refused, record by record. A file has one schema, so a commit has an object for
// each schema that its records name.

// Columns says what the columns of values are made of.
type Columns struct {
	// Schemas are those of values that are a byte 0, the number of a schema (4 bytes, big endian) and a datum, by that number.
	Schemas map[uint32]*datum.Schema
	// JSON is the schema of values that are JSON, in the one form that package ocf gives a datum; nil where they are framed.
	JSON *datum.Schema
}

// MaxSchemas bounds how many schemas values may name, since a commit names an object for each: it has to stay below maxEntryBytes.
const MaxSchemas = 100

// noNumber stands for the schema of values in JSON.
const noNumber = -1

// schemas are all of them, with what values call them.
func (c *Columns) schemas() map[int64]*datum.Schema {
	if c.JSON != nil {
		return map[int64]*datum.Schema{noNumber: c.JSON}
	}
	out := map[int64]*datum.Schema{}
	for id, s := range c.Schemas {
		out[int64(id)] = s
	}
	return out
}

func (c *Columns) validate(f Format) error {
	if f != Avro && f != Parquet {
		return fmt.Errorf("%s has no values as columns, %s and %s have", f, Avro, Parquet)
	}
	if (c.JSON == nil) == (len(c.Schemas) == 0) {
		return errors.New("values as columns need the schema of JSON, or those that values name")
	}
	if n := len(c.Schemas); n > MaxSchemas {
		return fmt.Errorf("values name %d schemas, at most %d are written", n, MaxSchemas)
	}
	for id, s := range c.schemas() {
		if err := Held(f, s, id == noNumber); err != nil {
			if id != noNumber {
				err = fmt.Errorf("schema %d: %w", id, err)
			}
			return err
		}
	}
	return nil
}

// Held says whether values of a schema can be columns of a format: columns.ErrNoForm.
func Held(f Format, s *datum.Schema, json bool) error {
	if root := s.Root().Stored(); json && (root == "union" || root == "null") {
		return fmt.Errorf("JSON of a %s has no columns of its own: %w", root, columns.ErrNoForm)
	}
	if f == Parquet {
		_, err := columns.New(s)
		return err
	}
	if _, err := datum.Parse(columnSchema(s)); err != nil {
		return fmt.Errorf("it does not fit into the schema of a file: %w: %w", err, columns.ErrNoForm)
	}
	return nil
}

// content is a value as columns.
type content struct {
	null   bool
	number int64 // of its schema, noNumber for JSON
	datum  []byte
}

// filler makes a data object of records whose values name one schema.
type filler interface {
	encoder
	put(offset int64, r *record.Record, extra []record.Header, v *content) error
}

// shelf holds the records of one schema.
type shelf struct {
	schema *datum.Schema
	fill   filler
	used   bool // since the last finish
	json   []byte
}

// shelves is the encoder of values as columns.
type shelves struct {
	cfg  *Config
	of   map[int64]*shelf
	last int64 // that was used: records without a value go there
}

func newShelves(c *Config) (*shelves, error) {
	s := &shelves{cfg: c, of: map[int64]*shelf{}}
	for id, schema := range c.Columns.schemas() {
		s.of[id] = &shelf{schema: schema}
	}
	// The newest of a registry: before any value says another, that is the likeliest.
	s.last = slices.Max(slices.Collect(maps.Keys(s.of)))
	return s, nil
}

func (s *shelves) add(offset int64, r *record.Record, extra []record.Header) error {
	v, err := s.content(r)
	if err != nil {
		return err
	}
	at := s.of[s.last]
	if at.fill == nil {
		if at.fill, err = s.filler(at.schema); err != nil {
			return err
		}
	}
	if err := at.fill.put(offset, r, extra, &v); err != nil {
		return err
	}
	at.used = true
	return nil
}

func (s *shelves) filler(schema *datum.Schema) (filler, error) {
	if s.cfg.Format == Parquet {
		return newParquetColumns(s.cfg.Codec, schema)
	}
	return newAvroColumns(s.cfg.Codec, schema)
}

// content takes a value apart, and turns to the shelf that it belongs on.
func (s *shelves) content(r *record.Record) (v content, err error) {
	refuse := func(code, format string, args ...any) (content, error) {
		return content{}, &sink.RejectedError{Offset: r.Offset, Code: code, Err: fmt.Errorf(format, args...)}
	}
	switch {
	case r.Value == nil:
		return content{null: true, number: noNumber}, nil
	case s.cfg.Columns.JSON != nil:
		return s.of[noNumber].fromJSON(r)
	}
	id, ok := record.FrameID(r.Value)
	if !ok {
		return refuse(sink.CodeNotFramed, "the value does not begin with a zero byte and the number of its schema")
	}
	at := s.of[int64(id)]
	if at == nil {
		return refuse(sink.CodeNoSchema, "the value names schema %d, which the job does not know", id)
	}
	v = content{number: int64(id), datum: r.Value[record.FrameLen:]}
	c := ocf.NewCursor(v.datum)
	if _, err := c.Skip(at.schema.Root().Wire()); err != nil {
		return refuse(sink.CodeNoColumns, "the value is no datum of schema %d: %w", id, err)
	}
	if c.Left() > 0 {
		return refuse(sink.CodeNoColumns, "%d bytes follow the datum of schema %d", c.Left(), id)
	}
	s.last = v.number
	return v, nil
}

// fromJSON makes a datum of JSON that is in the one form which comes back.
func (at *shelf) fromJSON(r *record.Record) (content, error) {
	d, err := at.schema.Payload(r.Value)
	if err != nil {
		return content{}, &sink.RejectedError{Offset: r.Offset, Code: sink.CodeNotFramed, Err: fmt.Errorf("the value is no JSON of the schema: %w", err)}
	}
	at.json, err = at.schema.Root().Wire().AppendJSON(at.json[:0], d, len(r.Value))
	if err != nil || !bytes.Equal(at.json, r.Value) {
		return content{}, &sink.RejectedError{Offset: r.Offset, Code: sink.CodeNoColumns, Err: errors.New("the value is JSON in other words than its columns give back: members in another order or left out, blanks, or numbers in another form")}
	}
	return content{number: noNumber, datum: d}, nil
}

func (s *shelves) size() (n int) {
	for _, at := range s.of {
		if at.used {
			n += at.fill.size()
		}
	}
	return n
}

func (s *shelves) finish() (out [][]byte, err error) {
	for _, id := range slices.Sorted(maps.Keys(s.of)) {
		at := s.of[id]
		if !at.used {
			continue
		}
		at.used = false
		bodies, more := at.fill.finish()
		out, err = append(out, bodies...), errors.Join(err, more)
	}
	return out, err
}

// valueOf is the way back: the bytes of a value that is a datum of t.
func valueOf(number int64, datum []byte, t ocf.Type) ([]byte, error) {
	switch {
	case number == noNumber:
		return t.AppendJSON(nil, datum, maxDecoded)
	case number != int64(uint32(number)):
		return nil, fmt.Errorf("a value names schema %d", number)
	}
	out := make([]byte, record.FrameLen, record.FrameLen+len(datum))
	binary.BigEndian.PutUint32(out[1:], uint32(number))
	return append(out, datum...), nil
}
