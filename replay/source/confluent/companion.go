package confluent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"backstitch/replay/foreign"
	"backstitch/replay/record"
	"backstitch/replay/source"
)

// pairs are the open companions of one value file; either may be nil. Reading ends in damage when one of them has fewer lines than the values, or more.
type pairs struct {
	keys, headers *foreign.Records
}

func (p *pairs) close() {
	for _, s := range []*foreign.Records{p.keys, p.headers} {
		if s != nil {
			s.Close()
		}
	}
}

// next adds to r what the companions hold for its line. Key and headers are copied: companions are small beside values.
func (p *pairs) next(r *record.Record) error {
	if p.keys != nil {
		line, err := p.line(p.keys, "keys")
		if err != nil {
			return err
		}
		if r.Key, err = keyOf(line); err != nil {
			return &foreign.Damage{Code: source.CodeBadCompanion, Err: err}
		}
	}
	if p.headers != nil {
		line, err := p.line(p.headers, "headers")
		if err != nil {
			return err
		}
		if r.Headers, err = headersOf(line); err != nil {
			return &foreign.Damage{Code: source.CodeBadCompanion, Err: err}
		}
	}
	return nil
}

// skip passes over the line of a record that is not wanted.
func (p *pairs) skip() error {
	for _, s := range []*foreign.Records{p.keys, p.headers} {
		if s == nil {
			continue
		}
		if _, err := p.line(s, "companion"); err != nil {
			return err
		}
	}
	return nil
}

func (p *pairs) line(s *foreign.Records, kind string) ([]byte, error) {
	line, err := s.Next()
	if err == io.EOF {
		return nil, &foreign.Damage{Code: source.CodeBadCompanion, Err: fmt.Errorf("%s file has fewer lines than its value file", kind)}
	}
	return line, err
}

// finish makes sure that the companions end where the value file does.
func (p *pairs) finish() error {
	for _, s := range []*foreign.Records{p.keys, p.headers} {
		if s == nil {
			continue
		}
		switch _, err := s.Next(); {
		case err == nil:
			return &foreign.Damage{Code: source.CodeBadCompanion, Err: errors.New("companion file has more lines than its value file")}
		case err != io.EOF:
			return err
		}
	}
	return nil
}

var null = []byte("null")

// keyOf turns a key line into a key.
func keyOf(line []byte) ([]byte, error) {
	if bytes.Equal(line, null) {
		return nil, nil
	}
	if len(line) < 2 || line[0] != '"' || line[len(line)-1] != '"' {
		return append([]byte{}, line...), nil
	}
	inner := line[1 : len(line)-1]
	if bytes.IndexByte(inner, '\\') < 0 && bytes.IndexByte(inner, '"') < 0 && utf8.Valid(inner) {
		return append([]byte{}, inner...), nil
	}
	var s string
	if err := json.Unmarshal(line, &s); err != nil {
		return nil, fmt.Errorf("key is not a JSON string: %w", err)
	}
	return []byte(s), nil
}

// headersOf turns a headers line into headers. A value that is not a string is kept as its JSON.
func headersOf(line []byte) ([]record.Header, error) {
	var doc struct {
		Headers []struct {
			Key   string          `json:"key"`
			Value json.RawMessage `json:"value"`
		} `json:"headers"`
	}
	if bytes.Equal(line, null) {
		return nil, nil
	}
	if err := json.Unmarshal(line, &doc); err != nil {
		return nil, fmt.Errorf("headers are not JSON: %w", err)
	}
	var out []record.Header
	for _, h := range doc.Headers {
		value := []byte(h.Value)
		switch {
		case len(value) == 0 || bytes.Equal(value, null):
			value = nil
		case value[0] == '"':
			var s string
			if err := json.Unmarshal(value, &s); err != nil {
				return nil, fmt.Errorf("header %q: %w", h.Key, err)
			}
			value = []byte(s)
		}
		out = append(out, record.Header{Key: h.Key, Value: value})
	}
	return out, nil
}
