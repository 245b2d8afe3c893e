package ocf

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/twmb/avro"
)

// A schema as what its datums are on the wire. It is made from the Parsing Canonical Form, in which all names are whole and everything that
// changes no byte is gone.

// Limits of what a schema may be. Those that people write are far below.
const (
	maxSchemaBytes = 4 << 20
	maxNameBytes   = 4 << 10 // of a field or a symbol: each may stand in JSON for no byte at all
	maxDepth       = 128     // of a datum
)

// ErrSchema says that a schema is none.
var ErrSchema = errors.New("not an Avro schema")

// Schema is what an object says of its datums. It is safe for concurrent use.
type Schema struct {
	root  *node
	print Print
}

// Print is the SHA-256 of a schema's Parsing Canonical Form.
type Print [sha256.Size]byte

// String is p in hexadecimal digits.
func (p Print) String() string { return hex.EncodeToString(p[:]) }

// Print is what s has in common with each schema that writes the same bytes under the same names.
func (s *Schema) Print() Print { return s.print }

// ParseSchema reads the JSON of a schema: ErrSchema.
func ParseSchema(text []byte) (*Schema, error) {
	if len(text) > maxSchemaBytes {
		return nil, fmt.Errorf("a schema of %d bytes: %w", len(text), ErrLimit)
	}
	parsed, err := avro.Parse(string(text))
	if err != nil {
		// Kafka Connect makes names of topics, which may have a dash.
		lax, laxErr := avro.Parse(string(text), avro.WithLaxNames(nil))
		if laxErr != nil {
			return nil, fmt.Errorf("%w: %w", ErrSchema, err)
		}
		parsed = lax
	}
	return Compile(parsed)
}

type kind uint8

const (
	kindNull kind = iota
	kindBoolean
	kindInt
	kindLong
	kindFloat
	kindDouble
	kindBytes
	kindString
	kindRecord
	kindEnum
	kindArray
	kindMap
	kindUnion
	kindFixed
)

var primitives = map[string]*node{
	"null": {kind: kindNull}, "boolean": {kind: kindBoolean}, "int": {kind: kindInt}, "long": {kind: kindLong}, "float": {kind: kindFloat},
	"double": {kind: kindDouble}, "bytes": {kind: kindBytes}, "string": {kind: kindString},
}

// node is one type. Types refer to each other in circles.
type node struct {
	kind  kind
	parts []*node  // fields of a record, branches of a union, the one type of an array's or a map's values
	names [][]byte // of fields and symbols, as JSON
	plain []string // of fields, as they are
	size  int      // of a fixed
}

func named(name string) error {
	if len(name) > maxNameBytes {
		return fmt.Errorf("a name of %d bytes: %w", len(name), ErrLimit)
	}
	return nil
}

type compiler struct{ named map[string]*node }

func (c *compiler) node(text json.RawMessage) (*node, error) {
	switch text[0] {
	case '"':
		var name string
		if err := json.Unmarshal(text, &name); err != nil {
			return nil, err
		}
		if n := primitives[name]; n != nil {
			return n, nil
		}
		if n := c.named[name]; n != nil {
			return n, nil
		}
		return nil, fmt.Errorf("type %.80q is not known", name)
	case '[':
		var branches []json.RawMessage
		if err := json.Unmarshal(text, &branches); err != nil {
			return nil, err
		}
		n := &node{kind: kindUnion}
		return n, c.parts(n, branches)
	}
	return c.object(text)
}

func (c *compiler) parts(n *node, list []json.RawMessage) error {
	for _, text := range list {
		part, err := c.node(text)
		if err != nil {
			return err
		}
		n.parts = append(n.parts, part)
	}
	return nil
}

func (c *compiler) object(text json.RawMessage) (*node, error) {
	var x struct {
		Name    string
		Type    json.RawMessage
		Symbols []string
		Items   json.RawMessage
		Values  json.RawMessage
		Size    int
		Fields  []struct {
			Name string
			Type json.RawMessage
		}
	}
	if err := json.Unmarshal(text, &x); err != nil {
		return nil, err
	}
	var what string
	if json.Unmarshal(x.Type, &what) != nil {
		return c.node(x.Type)
	}
	n := &node{}
	if x.Name != "" {
		c.named[x.Name] = n // before its fields, which may be of this type
	}
	switch what {
	case "record", "error":
		n.kind = kindRecord
		for _, f := range x.Fields {
			if err := named(f.Name); err != nil {
				return nil, err
			}
			n.names, n.plain = append(n.names, appendString(nil, f.Name)), append(n.plain, f.Name)
			part, err := c.node(f.Type)
			if err != nil {
				return nil, err
			}
			n.parts = append(n.parts, part)
		}
		return n, nil
	case "enum":
		n.kind = kindEnum
		for _, s := range x.Symbols {
			if err := named(s); err != nil {
				return nil, err
			}
			n.names = append(n.names, appendString(nil, s))
		}
		return n, nil
	case "array":
		n.kind = kindArray
		return n, c.parts(n, []json.RawMessage{x.Items})
	case "map":
		n.kind = kindMap
		return n, c.parts(n, []json.RawMessage{x.Values})
	case "fixed":
		n.kind, n.size = kindFixed, x.Size
		return n, nil
	}
	return c.node(x.Type)
}
