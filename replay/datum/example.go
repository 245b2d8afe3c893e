package datum

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"backstitch/replay/tree"
)

// Examples are written in JSON, as view.go shows datums.

// Reader is a framed.Reader.
type Reader struct{ s *Schema }

// Parse is framed.Reader's.
func (r *Reader) Parse(datum []byte) (tree.Doc, error) {
	d, err := r.s.Doc(datum)
	if err != nil && !notUTF8(err) {
		err = fmt.Errorf("%w: %w", tree.ErrNotJSON, err)
	}
	return d, err
}

// Payload is framed.Schema's.
func (s *Schema) Payload(text []byte) ([]byte, error) {
	doc, err := new(tree.Parser).Parse(text)
	if err != nil {
		return nil, err
	}
	c := &Chain{out: s}
	return c.editor().json(nil, doc.Root, s.root)
}

// JSON is framed.Schema's.
func (s *Schema) JSON(datum []byte) ([]byte, error) {
	doc, err := s.Doc(datum)
	if err == nil && doc.Twice {
		err = errors.New("a map has two values of one name")
	}
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(doc.Root); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(out.Bytes()), nil
}
