package foreign

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"backstitch/replay/record"
	"backstitch/replay/source"

	"github.com/go-json-experiment/json/jsontext"
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
	text, err := jsontext.AppendUnquote(make([]byte, 0, len(inner)+1), raw) // never of no memory: that would be null
	if err != nil {
		return nil, fmt.Errorf("%.40q says no text: %w", raw, err)
	}
	return text, nil
}

// Base64 is the bytes that text says in base64, as writers pad it and without line breaks: a text that is cut or put together otherwise says
// none.
func Base64(text []byte) ([]byte, error) {
	if bytes.ContainsAny(text, "\r\n") { // the decoder passes over them
		return nil, errors.New("not base64: it has line breaks")
	}
	out := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Strict().Decode(out, text)
	if err != nil {
		return nil, fmt.Errorf("not base64: %w", err)
	}
	return out[:n:n], nil
}

// Binary is Opaque for a string in base64.
func Binary(raw json.RawMessage) ([]byte, error) {
	if len(raw) == 0 || bytes.Equal(raw, null) {
		return nil, nil
	}
	if raw[0] != '"' {
		return nil, fmt.Errorf("%.40q is no string of base64", raw)
	}
	text, err := Opaque(raw)
	if err != nil {
		return nil, err
	}
	return Base64(text)
}

// Headers reads the headers of a record: a list of {"key","value"} or an object, whose order is that of the text.
func Headers(raw json.RawMessage) ([]record.Header, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || bytes.Equal(raw, null) {
		return nil, nil
	}
	d := jsontext.NewDecoder(bytes.NewBuffer(raw), lenient...)
	list := raw[0] == '['
	if !list && raw[0] != '{' {
		return nil, errors.New("headers are neither a list nor an object")
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, fmt.Errorf("headers: %w", whole(err))
	}
	var out []record.Header
	members := NewMembers("key", "value")
	for d.PeekKind() != '}' && d.PeekKind() != ']' {
		name, err := d.ReadValue()
		if err != nil {
			return nil, fmt.Errorf("headers: %w", whole(err))
		}
		var value []byte
		if list {
			parts, err := members.Read(name)
			if err != nil {
				return nil, fmt.Errorf("headers: %w", err)
			}
			name, value = parts[0], parts[1]
		} else if value, err = d.ReadValue(); err != nil {
			return nil, fmt.Errorf("headers: %w", whole(err))
		}
		if len(name) == 0 || name[0] != '"' {
			return nil, errors.New("headers: one has no key that is a string")
		}
		key, err := Opaque(json.RawMessage(name))
		if err != nil {
			return nil, fmt.Errorf("headers: key: %w", err)
		}
		v, err := Opaque(value)
		if err != nil {
			return nil, fmt.Errorf("header %q: %w", key, err)
		}
		out = append(out, record.Header{Key: string(key), Value: v})
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
		if t.Nanosecond()%int(time.Millisecond) != 0 {
			return 0, fmt.Errorf("timestamp %.40q is finer than milliseconds, which Kafka has", text)
		}
		return t.UnixMilli(), nil
	}
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || text[0] == '+' {
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
// them. Where something begins that is none, nobody knows where it ends: it takes all up to the next line break, and whatever looks like a
// value in there is not believed.
func Values(data []byte, atEnd bool) (int, []byte, error) {
	if blank(data[0]) {
		return 1, nil, nil
	}
	n, ok := valueLen(data, atEnd)
	if !ok {
		return 0, nil, nil
	}
	if c := data[0]; c == '{' || c == '[' || c == '"' || json.Valid(data[:n]) {
		return n, data[:n:n], nil
	}
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i, data[:i:i], nil
	}
	if !atEnd {
		return 0, nil, nil
	}
	return len(data), data, nil
}

// blank reports whether c may stand between values. Other bytes that nobody sees are part of one.
func blank(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// Elements splits the elements of one JSON array, which are no arrays themselves. End says whether it was closed.
type Elements struct{ opened, closed bool }

// Split is a Split.
func (e *Elements) Split(data []byte, atEnd bool) (int, []byte, error) {
	switch c := data[0]; {
	case blank(c):
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
		case depth == 0 && i > 0 && (blank(c) || c == ',' || c == '"' || c == '{' || c == '[' || c == ']' || c == '}'):
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
