package aiven

import (
	"bytes"
	"encoding/base64"
	"strconv"

	"backstitch/replay/foreign"
	"backstitch/replay/record"
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
			k, v, _ := bytes.Cut(pair, []byte{':'})
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
	out := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(out, text)
	return out[:n:n], err
}
