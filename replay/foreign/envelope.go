package foreign

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"backstitch/replay/ocf"
	"backstitch/replay/parquetfile"
	"backstitch/replay/record"
)

// Envelopes in containers: a row or a datum that holds a whole record. Its key and value are what a converter made of them, so how they
// become bytes again is said by a Rendering, as for values alone. The trap is headers: they are in a map, or in a group with a column for
// each name, which has lost their order and those of equal names. So no layout with such envelopes says that it holds headers.

// Columns says where the parts of a record are, as paths; nil is for a part that is not held.
type Columns struct {
	Key, Value, Headers, Timestamp, Offset []string
	Topic, Partition                       []string // that the record must be of
}

// Enveloped is what a layout's containers hold.
type Enveloped struct {
	Columns
	As Rendering // plain or json
	// Sparse says that the schema lacks the value where all are null.
	Sparse bool
	Topic  string
	Part   int32
}

// The parts of a record, in the order of Enveloped.paths.
const (
	partKey = iota
	partValue
	partHeaders
	partTimestamp
	partOffset
	partTopic
	partPartition
	partCount
)

func (e *Enveloped) paths() [][]string {
	return [][]string{e.Key, e.Value, e.Headers, e.Timestamp, e.Offset, e.Columns.Topic, e.Partition}
}

// part is a part of a row or a datum.
type part interface {
	Null() bool
	Plain() ([]byte, error)
	Long() (int64, bool, error)
	AppendJSON(dst []byte, limit int) ([]byte, error)
}

// parts are those of a record; nil for what is not there.
type parts struct {
	list    [partCount]part
	headers func(limit int) ([]record.Header, error)
	// unit is how many of the timestamp there are in a millisecond; 0 is 1.
	unit int64
}

// record makes a record of its parts.
func (e *Enveloped) record(ps *parts, out *rendered, r *record.Record) (err error) {
	for _, must := range []struct {
		at   int
		want func() error
	}{
		{partTopic, func() error { return e.ofTopic(ps.list[partTopic]) }},
		{partPartition, func() error { return e.ofPartition(ps.list[partPartition]) }},
	} {
		if p := ps.list[must.at]; p != nil && !p.Null() {
			if err := must.want(); err != nil {
				return err
			}
		}
	}
	if p := ps.list[partOffset]; p != nil || e.Offset != nil {
		if r.Offset, err = long(p, "offset"); err != nil {
			return err
		}
	}
	if p := ps.list[partTimestamp]; p != nil || e.Timestamp != nil {
		if r.TimestampMs, err = millis(p, ps.unit); err != nil {
			return err
		}
	}
	if p := ps.list[partKey]; p != nil {
		if r.Key, err = e.opaque(p, out, true); err != nil {
			return err
		}
	}
	if p := ps.list[partValue]; p != nil {
		if r.Value, err = e.opaque(p, out, false); err != nil {
			return err
		}
	}
	if ps.headers != nil {
		if r.Headers, err = ps.headers(out.max); err != nil {
			return renderDamage(err)
		}
		// Their order is lost. Any will do, if it is always the same.
		slices.SortStableFunc(r.Headers, func(a, b record.Header) int { return strings.Compare(a.Key, b.Key) })
	}
	return nil
}

func (e *Enveloped) ofTopic(p part) error {
	name, err := p.Plain()
	if err != nil {
		return Bad("topic: %w", err)
	}
	if string(name) != e.Topic {
		return Foreign("it holds a record of topic %.80q", name)
	}
	return nil
}

func (e *Enveloped) ofPartition(p part) error {
	n, err := long(p, "partition")
	if err == nil && n != int64(e.Part) {
		return Foreign("it holds a record of partition %d", n)
	}
	return err
}

func long(p part, what string) (int64, error) {
	if p == nil {
		return 0, Bad("it has no %s", what)
	}
	v, ok, err := p.Long()
	switch {
	case err != nil:
		return 0, Bad("%s: %w", what, err)
	case !ok:
		return 0, Bad("its %s is null", what)
	}
	return v, nil
}

func millis(p part, unit int64) (int64, error) {
	v, err := long(p, "timestamp")
	if err != nil {
		return 0, err
	}
	if unit > 1 {
		if v%unit != 0 {
			return 0, Bad("timestamp %d is finer than milliseconds, which Kafka has", v)
		}
		return v / unit, nil
	}
	if unit == 0 {
		if err := inMillis(v); err != nil {
			return 0, Bad("%w", err)
		}
	}
	return v, nil
}

// opaque is a key or a value as bytes. Keys that are strings or bytes are those, whatever values are.
func (e *Enveloped) opaque(p part, out *rendered, key bool) ([]byte, error) {
	if p.Null() {
		return nil, nil
	}
	if e.As != AsJSON || key {
		b, err := p.Plain()
		if err == nil {
			return out.add(func(dst []byte, _ int) ([]byte, error) { return append(dst, b...), nil })
		}
		if e.As != AsJSON {
			return nil, notPlain(err)
		}
	}
	return out.add(p.AppendJSON)
}

// Envelopes decodes the object, of Avro or Parquet, as one whose datums or rows hold whole records.
func (o *Object) Envelopes(e Enveloped) (Decoder, error) {
	if o.Name.Format == Parquet {
		return o.ParquetEnvelopes(e)
	}
	return o.AvroEnvelopes(e)
}

// Container decodes the object, of Avro or Parquet, as one whose datums or rows are values.
func (o *Object) Container(as Rendering, numbers []Number) (Decoder, error) {
	if o.Name.Format == Parquet {
		return o.Parquet(as)
	}
	return o.Avro(as, numbers)
}

// errHeader says that headers are in a form that is not known.
var errHeader = errors.New("headers are neither a map nor a group")

// cell is a part of a row.
type cell struct {
	parquetfile.Field
	row *parquetfile.Row
}

func (c *cell) Null() bool                 { return c.Field.Null(c.row) }
func (c *cell) Plain() ([]byte, error)     { return c.Field.Plain(c.row) }
func (c *cell) Long() (int64, bool, error) { return c.Field.Long(c.row) }
func (c *cell) AppendJSON(dst []byte, limit int) ([]byte, error) {
	return c.Field.AppendJSON(dst, c.row, limit)
}

// rows returns what makes records of rows of a schema.
func (e *Enveloped) rows(s *parquetfile.Schema) (rowParser, error) {
	cells := make([]cell, partCount)
	var ps parts
	for i, path := range e.paths() {
		if path == nil {
			continue
		}
		f, ok := s.Field(path...)
		if !ok {
			if i == partValue && !e.Sparse || i == partOffset {
				return nil, Foreign("it has no column %q", path)
			}
			continue // no record of the object has a key, or headers
		}
		cells[i].Field = f
		if i == partHeaders {
			h := &cells[i]
			ps.headers = func(limit int) ([]record.Header, error) {
				entries, err := h.Entries(h.row, limit)
				var out []record.Header
				for _, x := range entries {
					out = append(out, record.Header{Key: string(x.Name), Value: slices.Clone(x.Value)})
				}
				return out, err
			}
			continue
		}
		if i == partTimestamp {
			ps.unit = f.Unit()
		}
		ps.list[i] = &cells[i]
	}
	return func(row *parquetfile.Row, out *rendered, r *record.Record) error {
		for i := range cells {
			cells[i].row = row
		}
		return e.record(&ps, out, r)
	}, nil
}

// datums is rows for Avro.
func (e *Enveloped) datums(s *ocf.Schema) (func([]byte, *rendered, *record.Record) error, error) {
	for i, path := range [][]string{e.Value, e.Offset} {
		if path != nil && !slices.Contains(s.Names(), path[0]) && (i > 0 || !e.Sparse) {
			return nil, Foreign("it has no field %q", path)
		}
	}
	pick := s.Picker(e.paths()...)
	got := make([]ocf.Part, partCount)
	var ps parts
	for i, path := range e.paths() {
		if path != nil && i != partHeaders {
			ps.list[i] = &got[i]
		}
	}
	if e.Headers != nil {
		ps.headers = func(limit int) ([]record.Header, error) { return headersOf(got[partHeaders], limit) }
	}
	return func(datum []byte, out *rendered, r *record.Record) error {
		if err := pick.Pick(got, datum); err != nil {
			return renderDamage(err)
		}
		return e.record(&ps, out, r)
	}, nil
}

func headersOf(p ocf.Part, limit int) ([]record.Header, error) {
	entries, err := p.Entries()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errHeader, err)
	}
	var out []record.Header
	for _, x := range entries {
		v, err := x.Value.Plain()
		if errors.Is(err, ocf.ErrNotPlain) {
			v, err = x.Value.AppendJSON(nil, limit)
		}
		if err != nil {
			return nil, fmt.Errorf("header %.40q: %w", x.Name, err)
		}
		out = append(out, record.Header{Key: string(x.Name), Value: slices.Clone(v)})
	}
	return out, nil
}
