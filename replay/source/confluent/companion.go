package confluent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

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
	if err := proven(ctx, o, kind); err != nil {
		return nil, beside(kind, err)
	}
	file, err := o.Companion(ctx, kind)
	if err != nil {
		return nil, err
	}
	c, err := with(file)
	if err != nil {
		return nil, beside(kind, err)
	}
	c.kind = kind
	return c, nil
}

// proven reads a companion that is compressed as a whole to its end, before anything of it is believed: its checksum stands there, and nobody
// counts what is in it as the values are counted. Avro and Parquet have theirs in each part.
func proven(ctx context.Context, o *foreign.Object, kind string) error {
	file, err := o.Companion(ctx, kind)
	if err != nil {
		return err
	}
	if f := file.Name.Format; file.Name.Codec == "" || f == foreign.Avro || f == foreign.Parquet {
		return nil
	}
	rs, err := file.Records(foreign.Lines)
	if err != nil {
		return err
	}
	defer rs.Close()
	for err == nil {
		_, err = rs.Next()
	}
	if err == io.EOF {
		return nil
	}
	return err
}

// beside is err of a companion. What is wrong with one says nothing against its value file, and nothing of a change since a plan.
func beside(kind string, err error) error {
	if bad := new(foreign.Damage); errors.As(err, &bad) && bad.Code != source.CodeBadCompanion {
		return &foreign.Damage{Code: source.CodeBadCompanion, Err: fmt.Errorf("%s file: %w", kind, bad.Err)}
	}
	return err
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
	if file.Name.Format == foreign.Bytes {
		return lines(file, set)
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
	if err == io.EOF {
		return nil, &foreign.Damage{Code: source.CodeBadCompanion, Err: fmt.Errorf("%s file has fewer lines than its value file", c.kind)}
	}
	// A part that can not be read is none that pairs, and one that may stand for several pairs with nothing.
	return part, beside(c.kind, err)
}

// finish makes sure that the companions end where the value file does.
func (p *pairs) finish() error {
	for _, c := range p.list {
		switch _, err := c.next(); {
		case err == nil:
			return &foreign.Damage{Code: source.CodeBadCompanion, Err: fmt.Errorf("%s file has more lines than its value file", c.kind)}
		case err != io.EOF:
			return beside(c.kind, err)
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
	if !json.Valid(line) {
		return nil, fmt.Errorf("key %.40q is no string of JSON", line)
	}
	key, err := foreign.Opaque(line)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	return append([]byte{}, key...), nil
}

// headersOf turns a headers line into headers. A value that is not a string is kept as its JSON.
func headersOf(line []byte) ([]record.Header, error) {
	if len(line) == 0 || bytes.Equal(line, null) {
		return nil, nil
	}
	if line[0] != '[' {
		parts, err := foreign.NewMembers("headers").Read(line)
		if err != nil {
			return nil, fmt.Errorf("headers are not JSON: %w", err)
		}
		line = parts[0]
	}
	hs, err := foreign.Headers(line)
	for i := range hs {
		hs[i].Value = bytes.Clone(hs[i].Value)
	}
	return hs, err
}
