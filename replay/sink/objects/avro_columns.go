package objects

import (
	"fmt"
	"slices"
	"strings"

	"backstitch/replay/datum"
	"backstitch/replay/ocf"
	"backstitch/replay/record"

	"github.com/zeebo/xxh3"
)

// Values as columns in Avro. A datum lies in the datum of its record as it is, byte for byte, so nothing of it can be lost. The trap is in names:
// types without a namespace take that of what they stand in, so the record around them has none.

// columnNames are the fields of a record whose value is columns.
var columnNames = []string{"offset", "timestamp", "timestampType", "key", "value", "valueSchema", "headers"}

// columnSchema is that of a file. Null is no union of the value's own: where the value is one already, or is null, it stands in a record.
func columnSchema(s *datum.Schema) string {
	value := s.Text()
	if root := s.Root().Stored(); root == "union" || root == "null" {
		value = `{"type":"record","name":"BackstitchValue","fields":[{"name":"value","type":` + value + `}]}`
	}
	return strings.NewReplacer(
		`"name":"Record","namespace":"dev.backstitch"`, `"name":"BackstitchRecord"`,
		`"name":"Header"`, `"name":"BackstitchHeader"`,
		`{"name":"value","type":["null","bytes"]},{"name":"headers"`, `{"name":"value","type":["null",`+value+`]},{"name":"valueSchema","type":["null","long"]},{"name":"headers"`,
	).Replace(AvroSchema)
}

func newAvroColumns(codec string, s *datum.Schema) (*avroEncoder, error) {
	e := &avroEncoder{codec: avroCodecs[codec], schema: columnSchema(s)}
	// The names of a schema of others are bytes that its datums may hold: a marker that is made of all of it is as good as any.
	e.marker = xxh3.HashString128(e.schema).Bytes()
	return e, e.begin()
}

// appendContent appends the fields value and valueSchema.
func appendContent(dst []byte, v *content) []byte {
	if v.null {
		return ocf.AppendLong(ocf.AppendLong(dst, 0), 0)
	}
	dst = append(ocf.AppendLong(dst, 1), v.datum...)
	if v.number == noNumber {
		return ocf.AppendLong(dst, 0)
	}
	return ocf.AppendLong(ocf.AppendLong(dst, 1), v.number)
}

// columnTypes are what datums of a file with values as columns are made of; ok is false for another file.
func columnTypes(s *ocf.Schema) (value ocf.Type, ok bool) {
	if !slices.Equal(s.Names(), columnNames) || s.Root().Parts() != len(columnNames) {
		return value, false
	}
	i := slices.Index(columnNames, "value")
	if s.Root().Part(i).Parts() != 2 {
		return value, false
	}
	return s.Root().Part(i).Part(1), true
}

// columns reads a record whose value is of type t.
func (d *datums) columns(t ocf.Type) (rec record.Record, err error) {
	rec = record.Record{Offset: d.long(), TimestampMs: d.long(), TimestampType: record.TimestampType(d.long()), Key: d.optional()}
	var raw []byte
	held := d.branch()
	if held {
		c := ocf.NewCursor(d.b)
		if raw, err = c.Skip(t); err != nil {
			return rec, fmt.Errorf("value: %w", err)
		}
		d.b = d.b[len(raw):]
	}
	number := int64(noNumber)
	if d.branch() {
		number = d.long()
	}
	rec.Headers = d.headers()
	if d.bad != nil || !held {
		return rec, d.bad
	}
	rec.Value, err = valueOf(number, raw, t)
	return rec, err
}
