package foreign

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"backstitch/replay/record"
	"backstitch/replay/source"
)

// JSON as other writers use it for whole records. Bytes of a record that were JSON stay as they stand in the object; a record
// whose writer changed blanks or the order of keys compares unequal, and nothing here can know.

var null = []byte("null")

// Opaque is a key or value inside JSON: the text of a string, nil for null, and any other value as it stands.
func Opaque(raw json.RawMessage) ([]byte, error) {
	if len(raw) == 0 || bytes.Equal(raw, null) {
		return nil, nil
	}
	if raw[0] != '"' {
		return raw, nil
	}
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return inner[:len(inner):len(inner)], nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, fmt.Errorf("not a JSON string: %w", err)
	}
	return []byte(s), nil
}

// Binary is Opaque for a string in base64.
func Binary(raw json.RawMessage) ([]byte, error) {
	text, err := Opaque(raw)
	if err != nil || text == nil {
		return nil, err
	}
	out, err := base64.StdEncoding.DecodeString(string(text))
	if err != nil {
		return nil, fmt.Errorf("not base64: %w", err)
	}
	return out, nil
}

// Headers reads the headers of a record: a list of {"key","value"} or an object, whose order is that of the text.
func Headers(raw json.RawMessage) ([]record.Header, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || bytes.Equal(raw, null) {
		return nil, nil
	}
	var out []record.Header
	if raw[0] == '[' {
		var list []struct {
			Key   string          `json:"key"`
			Value json.RawMessage `json:"value"`
		}
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, fmt.Errorf("headers: %w", err)
		}
		for _, h := range list {
			v, err := Opaque(h.Value)
			if err != nil {
				return nil, fmt.Errorf("header %q: %w", h.Key, err)
			}
			out = append(out, record.Header{Key: h.Key, Value: v})
		}
		return out, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("headers are neither a list nor an object")
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("headers: %w", err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("headers: %w", err)
		}
		v, err := Opaque(value)
		if err != nil {
			return nil, fmt.Errorf("header %q: %w", t, err)
		}
		out = append(out, record.Header{Key: t.(string), Value: v})
	}
	return out, nil
}

// Millis reads a timestamp: a number of milliseconds, or RFC 3339 in a string.
func Millis(raw json.RawMessage) (int64, error) {
	text, err := Opaque(raw)
	if err != nil {
		return 0, err
	}
	return MillisText(string(text))
}

// A timestamp between these is taken for seconds: they are 1973 and 5138. As milliseconds they are January 1970 and March 1973.
const (
	leastSeconds = 100_000_000
	mostSeconds  = 100_000_000_000
)

// MillisText is Millis for text. A timestamp in seconds has lost its milliseconds, and would make each record differ.
func MillisText(text string) (int64, error) {
	if text == "" {
		return 0, fmt.Errorf("no timestamp")
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t.UnixMilli(), nil
	}
	var ms int64
	if err := json.Unmarshal([]byte(text), &ms); err != nil {
		return 0, fmt.Errorf("timestamp %.40q is neither milliseconds nor RFC 3339", text)
	}
	return ms, inMillis(ms)
}

func inMillis(ms int64) error {
	if ms >= leastSeconds && ms < mostSeconds {
		return fmt.Errorf("timestamp %d is in seconds: leave timestamp out of fields to compare without it", ms)
	}
	return nil
}

// Values splits JSON values that follow each other with or without blanks between them, as a stream without line breaks has
// them.
func Values(data []byte, atEnd bool) (int, []byte, error) {
	if data[0] <= ' ' {
		return 1, nil, nil
	}
	n, ok := valueLen(data, atEnd)
	if !ok {
		return 0, nil, nil
	}
	return n, data[:n:n], nil
}

// Elements splits the elements of one JSON array, which are no arrays themselves. End says whether it was closed.
type Elements struct{ opened, closed bool }

// Split is a Split.
func (e *Elements) Split(data []byte, atEnd bool) (int, []byte, error) {
	switch c := data[0]; {
	case c <= ' ':
		return 1, nil, nil
	case !e.opened:
		if c != '[' {
			return 0, nil, Foreign("%.20q... is no JSON array", data)
		}
		e.opened = true
		return 1, nil, nil
	case e.closed:
		return 0, nil, Foreign("%.20q... stands behind the end of the array", data)
	case c == ',':
		return 1, nil, nil
	case c == ']':
		e.closed = true
		return 1, nil, nil
	}
	return Values(data, atEnd)
}

// End is what is wrong with the array once all of it was read.
func (e *Elements) End() error {
	if !e.closed {
		return &Damage{Code: source.CodeTruncated, Err: errors.New("the array is not closed")}
	}
	return nil
}

// valueLen is the length of the JSON value that data begins with, which is no blank. ok is false when more bytes are needed.
func valueLen(data []byte, atEnd bool) (n int, ok bool) {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		c := data[i]
		switch {
		case inString && c == '\\':
			i++
		case inString:
			if inString = c != '"'; !inString && depth == 0 {
				return i + 1, true
			}
		case depth == 0 && i > 0 && (c <= ' ' || c == ',' || c == '"' || c == '{' || c == '[' || c == ']' || c == '}'):
			return i, true // a number or a word ends here
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth <= 0 {
				return i + 1, true // below 0 it is a stray one: a piece that nobody takes for a value
			}
		}
	}
	return len(data), atEnd && depth == 0 && !inString
}
