package foreign

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"backstitch/replay/record"
	"backstitch/replay/source"
)

// Decoders that several layouts share: records that are cut from a stream, each parsed on its own.

// Parse turns one piece into a record. What it puts into r may point into piece.
type Parse func(piece []byte, r *record.Record) error

// Pieces decodes records that a Split cuts and a Parse reads.
type Pieces struct {
	Records
	parse Parse
	// End is asked what is wrong with the object once all of it was read; nil is never asked.
	End func() error
}

// Pieces returns a decoder of the object's records.
func (o *Object) Pieces(split Split, parse Parse) (*Pieces, error) {
	rs, err := o.Records(split)
	if err != nil {
		return nil, err
	}
	return &Pieces{Records: rs, parse: parse}, nil
}

// Next reads the next record.
func (p *Pieces) Next(r *record.Record) error {
	piece, err := p.piece()
	if err != nil {
		return err
	}
	return p.parse(piece, r)
}

func (p *Pieces) piece() ([]byte, error) {
	piece, err := p.next()
	if err == io.EOF && p.End != nil {
		if bad := p.End(); bad != nil {
			return nil, bad
		}
	}
	return piece, err
}

// Skip passes over a record.
func (p *Pieces) Skip() error {
	_, err := p.piece()
	return err
}

// PiecesOf is Pieces over records that were cut already.
func PiecesOf(rs Records, parse Parse) *Pieces { return &Pieces{Records: rs, parse: parse} }

// Values decodes an object whose lines are values and nothing else.
func (o *Object) Values() (*Pieces, error) {
	split, parse, err := o.Name.Values()
	if err != nil {
		return nil, err
	}
	return o.Pieces(split, parse)
}

// Values is how values follow each other in an object of that name, and what each piece is.
func (n *Name) Values() (Split, Parse, error) {
	switch {
	case n.Tombstone:
		return FullLines, func(_ []byte, r *record.Record) error {
			r.Value = nil
			return nil
		}, nil
	case n.Format == JSON:
		return jsonLines, jsonValue, nil
	case n.Format == Bytes:
		return Lines, func(line []byte, r *record.Record) error {
			r.Value = line
			return nil
		}, nil
	case n.Format == Concat:
		return Values, jsonValue, nil
	}
	return nil, nil, fmt.Errorf("format %q has no values", n.Format)
}

// jsonLines cuts lines that are JSON values. The last one may have no line break behind it, as some sinks write it, or may be cut: then its ends say
// too little, and all of it is looked at. A number that is cut is still a number, so of those nobody can tell.
func jsonLines(data []byte, atEnd bool) (int, []byte, error) {
	n, line, err := FullLines(data, atEnd)
	if line != nil && data[n-1] != '\n' && !json.Valid(line) {
		return 0, nil, &Damage{Code: source.CodeTruncated, Err: fmt.Errorf("%.20q... of %d bytes, the last without a line break, is not JSON", line, len(line))}
	}
	return n, line, err
}

func jsonValue(line []byte, r *record.Record) error {
	if !plausible(line) {
		return Bad("%.20q... of %d bytes is not JSON", line, len(line))
	}
	r.Value = line
	return nil
}

// plausible looks at the ends of a line. It finds what is cut off, run together or not text, at the cost of nothing; whether
// the rest is JSON is for whoever reads the topic, as it was when the record was first written.
func plausible(line []byte) bool {
	for len(line) > 0 && (line[len(line)-1] == ' ' || line[len(line)-1] == '\t' || line[len(line)-1] == '\r') {
		line = line[:len(line)-1]
	}
	for len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
		line = line[1:]
	}
	if len(line) == 0 {
		return false
	}
	end := line[len(line)-1]
	switch c := line[0]; {
	case c == '{':
		return end == '}'
	case c == '[':
		return end == ']'
	case c == '"':
		return end == '"' && len(line) > 1
	case c == '-' || (c >= '0' && c <= '9'):
		return end >= '0' && end <= '9'
	}
	s := string(line)
	return s == "true" || s == "false" || s == "null"
}

// FieldNames are the parts of a record as writers and specs call them.
var FieldNames = []string{"key", "value", "timestamp", "offset", "headers"}

// FieldsOf is what the named parts are for a comparison. own says that the offset is among them.
func FieldsOf(names []string) (f record.Fields, own bool, err error) {
	for _, n := range names {
		switch n {
		case "key":
			f |= record.FieldKey
		case "value":
			f |= record.FieldValue
		case "timestamp":
			f |= record.FieldTimestamp
		case "headers":
			f |= record.FieldHeaders
		case "offset":
			own = true
		default:
			return 0, false, fmt.Errorf("field %q, want some of %s", n, strings.Join(FieldNames, ", "))
		}
	}
	return f, own, nil
}
