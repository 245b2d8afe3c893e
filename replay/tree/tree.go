package tree

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Value is what a JSON value says: nil, bool, string, json.Number, []any, map[string]any, or Twice in place of members with one name.
type Value = any

// Twice stands for two members of one object that have the same name.
type Twice struct{}

// Why a text has no tree.
var (
	ErrNotJSON = errors.New("no JSON")
	ErrNotUTF8 = errors.New("not UTF-8")
)

// Doc is a value, and what stands in the way of those who can not look at it member by member.
type Doc struct {
	Root  Value
	Twice bool // there is a Twice in it
	Wide  bool // there is a number in it whose exponent is beyond maxExponent
}

// maxExponent bounds what is written out in digits by those who do.
const maxExponent = 1000

// Parser reads values. Its decoder is used again for the next one.
type Parser struct {
	dec *jsontext.Decoder
	in  bytes.Buffer
}

// Members of one name are no mistake where nobody looks for them.
var options = jsontext.AllowDuplicateNames(true)

// Parse reads text, which has to be one value. err wraps ErrNotUTF8 or ErrNotJSON. Nothing of text is kept.
func (p *Parser) Parse(text []byte) (Doc, error) {
	p.in = *bytes.NewBuffer(text)
	if p.dec == nil {
		p.dec = jsontext.NewDecoder(&p.in, options)
	} else {
		p.dec.Reset(&p.in, options)
	}
	var d Doc
	var err error
	if d.Root, err = p.value(&d); err == nil {
		if _, err = p.dec.ReadToken(); err == io.EOF {
			return d, nil
		}
		if err == nil {
			err = errors.New("there is more behind the value")
		}
	}
	switch {
	case !utf8.Valid(text):
		return Doc{}, ErrNotUTF8
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	return Doc{}, fmt.Errorf("%w: %w", ErrNotJSON, err)
}

// value reads one value. It calls itself once per level, of which the decoder takes 10,000.
func (p *Parser) value(d *Doc) (Value, error) {
	t, err := p.dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch t.Kind() {
	case '{':
		return p.object(d)
	case '[':
		list := []any{}
		for p.dec.PeekKind() != ']' {
			v, err := p.value(d)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := p.dec.ReadToken()
		return list, err
	case '"':
		return t.String(), nil
	case '0':
		n := json.Number(t.String())
		d.Wide = d.Wide || wide(string(n))
		return n, nil
	case 't', 'f':
		return t.Bool(), nil
	}
	return nil, nil
}

func (p *Parser) object(d *Doc) (Value, error) {
	object := map[string]any{}
	for p.dec.PeekKind() != '}' {
		name, err := p.dec.ReadToken()
		if err != nil {
			return nil, err
		}
		said := name.String()
		v, err := p.value(d)
		if err != nil {
			return nil, err
		}
		if _, there := object[said]; there {
			v, d.Twice = Twice{}, true
		}
		object[said] = v
	}
	_, err := p.dec.ReadToken()
	return object, err
}

// wide reports whether writing n out takes more digits than anybody should be made to write.
func wide(n string) bool {
	if len(n) > maxExponent {
		return true
	}
	d, ok := ParseDecimal([]byte(n))
	return !ok || d.Exp > maxExponent || d.Exp < -maxExponent
}

// At follows names from v. ok is false where there is no such member, also where something on the way is no object.
func At(v Value, names []string) (_ Value, ok bool) {
	for _, name := range names {
		object, is := v.(map[string]any)
		if !is {
			_, twice := v.(Twice)
			return v, twice
		}
		if v, ok = object[name]; !ok {
			return nil, false
		}
	}
	return v, true
}

// Kind is what a person calls the type of v: string, integer, number, boolean, object, array or null. An integer is a number that
// says a whole one, however it is spelt.
func Kind(v Value) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number:
		if d, ok := ParseDecimal([]byte(v)); ok && d.Exp >= 0 {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "two members of one name"
}
