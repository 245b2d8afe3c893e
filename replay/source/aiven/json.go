package aiven

import (
	"bytes"
	"strconv"

	"backstitch/replay/foreign"
	"backstitch/replay/record"
)

// members reads JSON objects that have the fields of a record as members. It is used by one decoder.
type members struct {
	own, timed bool
	object     *foreign.Members
}

func (l *layout) members() *members {
	return &members{l.own, l.fields&record.FieldTimestamp != 0, foreign.NewMembers("key", "value", "headers", "timestamp", "offset")}
}

func (m *members) parse(piece []byte, r *record.Record) error {
	parts, err := m.object.Read(piece)
	if err != nil {
		return foreign.Bad("%.20q... of %d bytes is no record: %w", piece, len(piece), err)
	}
	key, value, headers, timestamp, offset := parts[0], parts[1], parts[2], parts[3], parts[4]
	if r.Key, err = foreign.Opaque(key); err != nil {
		return foreign.Bad("key: %w", err)
	}
	if r.Value, err = foreign.Opaque(value); err != nil {
		return foreign.Bad("value: %w", err)
	}
	if r.Headers, err = foreign.Headers(headers); err != nil {
		return foreign.Bad("%w", err)
	}
	if m.timed {
		if r.TimestampMs, err = foreign.Millis(timestamp); err != nil {
			return foreign.Bad("%w", err)
		}
	}
	if m.own {
		if len(offset) == 0 || string(offset) == "null" {
			return foreign.Bad("%.20q... has no offset", piece)
		}
		if r.Offset, err = strconv.ParseInt(string(offset), 10, 64); err != nil {
			return foreign.Bad("offset %.40q is no number of one", offset)
		}
	}
	return nil
}

// bare reads lines that are values and nothing else, of which the connector spells a null as null.
func (l *layout) bare(o *foreign.Object) (foreign.Decoder, error) {
	n := o.Name
	n.Format = foreign.JSON
	split, parse, err := n.Values()
	if err != nil {
		return nil, err
	}
	return o.Pieces(split, func(line []byte, r *record.Record) error {
		if string(bytes.TrimSuffix(line, []byte{'\r'})) == "null" {
			return nil
		}
		return parse(line, r)
	})
}
