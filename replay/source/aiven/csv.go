package aiven

import (
	"bytes"
	"errors"
	"io"
	"strconv"

	"backstitch/replay/foreign"
	"backstitch/replay/record"
	"backstitch/replay/source"
)

// columns reads lines of comma-separated fields.
type columns struct{ names []string }

func (c *columns) parse(line []byte, r *record.Record) error {
	line = bytes.TrimSuffix(line, []byte{'\r'})
	if got := bytes.Count(line, []byte{','}) + 1; got != len(c.names) {
		return foreign.Bad("%.20q... has %d columns, want %d", line, got, len(c.names))
	}
	for _, name := range c.names {
		text, rest, _ := bytes.Cut(line, []byte{','})
		line = rest
		if err := c.column(name, text, r); err != nil {
			return foreign.Bad("%s: %w", name, err)
		}
	}
	return nil
}

func (c *columns) column(name string, text []byte, r *record.Record) (err error) {
	switch name {
	case "key":
		r.Key, err = decode(text)
	case "value":
		r.Value, err = decode(text)
	case "offset":
		r.Offset, err = strconv.ParseInt(string(text), 10, 64)
	case "timestamp":
		r.TimestampMs, err = foreign.MillisText(string(text))
	case "headers":
		for pair := range bytes.SplitSeq(text, []byte{';'}) {
			if len(pair) == 0 {
				continue
			}
			k, v, ok := bytes.Cut(pair, []byte{':'})
			if !ok {
				return foreign.Bad("%.20q... is no name and value", pair)
			}
			key, err := decode(k)
			if err != nil {
				return err
			}
			value, err := decode(v)
			if err != nil {
				return err
			}
			r.Headers = append(r.Headers, record.Header{Key: string(key), Value: value})
		}
	}
	return err
}

// decode is the bytes of a base64 text, nil for nothing.
func decode(text []byte) ([]byte, error) {
	if len(text) == 0 {
		return nil, nil
	}
	return foreign.Base64(text)
}

// values reads lines that are values and nothing else. The connector puts line breaks between records and none behind the last one, so an
// object that ends with one has a last record that is empty: a null.
type values struct {
	foreign.Decoder
	stored int64 // size of the object
	begun  bool  // something was cut from it
	more   bool  // a record begins where the last one ended
}

func openValues(o *foreign.Object) (foreign.Decoder, error) {
	v := &values{stored: o.Size, more: true}
	d, err := o.Pieces(v.split, (&columns{names: []string{"value"}}).parse)
	if err != nil {
		return nil, err
	}
	v.Decoder = d
	return v, nil
}

func (v *values) split(data []byte, atEnd bool) (int, []byte, error) {
	n, line, err := foreign.Lines(data, atEnd)
	if n > 0 {
		v.begun, v.more = true, data[n-1] == '\n'
	}
	return n, line, err
}

// Next reads the next value.
func (v *values) Next(r *record.Record) error { return v.last(v.Decoder.Next(r)) }

// Skip passes over one.
func (v *values) Skip() error { return v.last(v.Decoder.Skip()) }

// last is nil in place of the end, once, where an empty record stands in front of it.
func (v *values) last(err error) error {
	if err != io.EOF || !v.more {
		return err
	}
	v.more = false
	if !v.begun && v.stored == 0 {
		return &foreign.Damage{Code: source.CodeTruncated, Err: errors.New("it is empty: nothing tells one null value from an object that was cut")}
	}
	return nil
}
