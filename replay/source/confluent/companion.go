package confluent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"backstitch/replay/foreign"
	"backstitch/replay/record"
	"backstitch/replay/source"
)

// pairs are the open companions of one value file. Reading ends in damage when one of them has fewer lines than the values, or more.
type pairs struct{ list []*companion }

// companion is one of them: a file of lines, of Avro or of Parquet.
type companion struct {
	kind  string
	next  func() ([]byte, error) // the part of the next record, as set takes it
	set   func(r *record.Record, part []byte) error
	close func()
}

func (p *pairs) open(ctx context.Context, o *foreign.Object, kind string, with func(*foreign.Object) (*companion, error)) (*companion, error) {
	file, err := o.Companion(ctx, kind)
	if err != nil {
		return nil, err
	}
	c, err := with(file)
	var bad *foreign.Damage
	switch {
	case errors.As(err, &bad) && bad.Code == source.CodeForeign:
		// What is no companion says nothing against its value file.
		return nil, &foreign.Damage{Code: source.CodeBadCompanion, Err: fmt.Errorf("%s file: %w", kind, bad.Err)}
	case err != nil:
		return nil, err
	}
	c.kind = kind
	return c, nil
}

// keys opens a companion of keys. Avro and Parquet hold a string or bytes, which are the key.
func keys(file *foreign.Object) (*companion, error) {
	set := func(r *record.Record, part []byte) error {
		r.Key = bytes.Clone(part)
		return nil
	}
	switch file.Name.Format {
	case foreign.Avro:
		return datums(file, foreign.AsPlain, set)
	case foreign.Parquet:
		return column(file, "key", foreign.AsPlain, set)
	}
	return lines(file, func(r *record.Record, line []byte) (err error) {
		r.Key, err = keyOf(line)
		return err
	})
}

// headers opens a companion of headers. What Avro and Parquet hold is, as JSON, what a line is.
func headers(file *foreign.Object) (*companion, error) {
	set := func(r *record.Record, line []byte) (err error) {
		r.Headers, err = headersOf(line)
		return err
	}
	switch file.Name.Format {
	case foreign.Avro:
		return datums(file, foreign.AsJSON, set)
	case foreign.Parquet:
		return column(file, "headers", foreign.AsJSON, set)
	}
	return lines(file, set)
}

func lines(file *foreign.Object, set func(*record.Record, []byte) error) (*companion, error) {
	split := foreign.FullLines
	if file.Name.Format == foreign.Bytes {
		split = foreign.Lines
	}
	rs, err := file.Records(split)
	if err != nil {
		return nil, err
	}
	return &companion{next: rs.Next, set: set, close: rs.Close}, nil
}

func datums(file *foreign.Object, as foreign.Rendering, set func(*record.Record, []byte) error) (*companion, error) {
	d, err := file.Avro(as, nil)
	return decoded(d, err, set)
}

// column opens a companion in Parquet, whose rows have to be records: the connector puts what it writes into one column of its own.
func column(file *foreign.Object, name string, as foreign.Rendering, set func(*record.Record, []byte) error) (*companion, error) {
	d, err := file.ParquetEnvelopes(foreign.Enveloped{Columns: foreign.Columns{Value: []string{name}}, As: as})
	return decoded(d, err, set)
}

func decoded(d foreign.Decoder, err error, set func(*record.Record, []byte) error) (*companion, error) {
	if err != nil {
		return nil, err
	}
	next := func() ([]byte, error) {
		var r record.Record
		err := d.Next(&r)
		return r.Value, err
	}
	return &companion{next: next, set: set, close: d.Close}, nil
}

func (p *pairs) close() {
	for _, c := range p.list {
		c.close()
	}
}

// next adds to r what the companions hold for it. Key and headers are copied: companions are small beside values.
func (p *pairs) next(r *record.Record) error {
	for _, c := range p.list {
		part, err := c.part()
		if err != nil {
			return err
		}
		if err := c.set(r, part); err != nil {
			return &foreign.Damage{Code: source.CodeBadCompanion, Err: err}
		}
	}
	return nil
}

// skip passes over what belongs to a record that is not wanted.
func (p *pairs) skip() error {
	for _, c := range p.list {
		if _, err := c.part(); err != nil {
			return err
		}
	}
	return nil
}

func (c *companion) part() ([]byte, error) {
	part, err := c.next()
	var bad *foreign.Damage
	switch {
	case err == io.EOF:
		return nil, &foreign.Damage{Code: source.CodeBadCompanion, Err: fmt.Errorf("%s file has fewer lines than its value file", c.kind)}
	case errors.As(err, &bad) && bad.Record:
		// A part that can not be read is none that pairs, and one that may stand for several pairs with nothing.
		return nil, &foreign.Damage{Code: source.CodeBadCompanion, Err: fmt.Errorf("%s file: %w", c.kind, err)}
	}
	return part, err
}

// finish makes sure that the companions end where the value file does.
func (p *pairs) finish() error {
	for _, c := range p.list {
		switch _, err := c.next(); {
		case err == nil:
			return &foreign.Damage{Code: source.CodeBadCompanion, Err: fmt.Errorf("%s file has more lines than its value file", c.kind)}
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
	if len(line) == 0 || bytes.Equal(line, null) {
		return nil, nil
	}
	if line[0] == '[' {
		line = append(append([]byte(`{"headers":`), line...), '}')
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
