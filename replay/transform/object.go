package transform

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"backstitch/replay/source"

	"github.com/go-json-experiment/json/jsontext"
)

// An object as the bytes between which its members stand, so that writing it again gives the same bytes but for what was changed.
// The trap is the comma: blanks before it belong to the member in front of it, blanks behind it to the next one, and those before
// the brace to the object. A member that goes takes its own with it.

// member is "pre name mid value post" of an object.
type member struct {
	pre   []byte // blanks before the name
	name  []byte // with its quotes, as it is spelt
	mid   []byte // the colon and the blanks around it
	value value
	post  []byte // blanks before the comma
}

// value is the text of a value, or an object that was opened.
type value struct {
	text   []byte
	object *object
}

type object struct {
	members []member
	close   []byte // blanks before the closing brace
}

// append writes o. It calls itself once per name of a path: only what a path leads through is opened.
func (o *object) append(dst []byte) []byte {
	dst = append(dst, '{')
	for i := range o.members {
		m := &o.members[i]
		if i > 0 {
			dst = append(append(dst, o.members[i-1].post...), ',')
		}
		dst = append(append(append(dst, m.pre...), m.name...), m.mid...)
		if m.value.object != nil {
			dst = m.value.object.append(dst)
		} else {
			dst = append(dst, m.value.text...)
		}
	}
	return append(append(dst, o.close...), '}')
}

// add appends a member that is spelt as the one before it.
func (o *object) add(name, text []byte) {
	m := member{name: name, mid: colon, value: value{text: text}}
	if n := len(o.members); n > 0 {
		m.pre, m.mid = o.members[n-1].pre, o.members[n-1].mid
	}
	o.members = append(o.members, m)
}

var colon = []byte(":")

// parser reads objects. Its memory is used again for the next value.
type parser struct {
	dec     *jsontext.Decoder
	in      bytes.Buffer
	objects []*object // of which used are part of the value at hand
	used    int
	name    []byte
}

// Members of one name are no mistake where nobody looks for them.
var options = jsontext.AllowDuplicateNames(true)

func newParser() *parser {
	p := new(parser)
	p.dec = jsontext.NewDecoder(&p.in, options)
	return p
}

// whole reads a value that is one object. It returns the blanks around it, too.
func (p *parser) whole(text []byte) (o *object, before, after []byte, err error) {
	p.used = 0
	o, from, to, err := p.open(text)
	if err != nil {
		return nil, nil, nil, err
	}
	if _, err := p.dec.ReadToken(); err != io.EOF {
		if err == nil {
			err = errMore
		}
		return nil, nil, nil, syntax(text, err)
	}
	return o, text[:from], text[to:], nil
}

var errMore = errors.New("there is more behind the value")

// open reads the object that text begins with, and says where it stands. The values of its members are read over, not opened.
func (p *parser) open(text []byte) (o *object, from, to int, err error) {
	p.in = *bytes.NewBuffer(text)
	p.dec.Reset(&p.in, options)
	if k := p.dec.PeekKind(); k != '{' {
		if _, err := p.dec.ReadValue(); err != nil {
			return nil, 0, 0, syntax(text, err)
		}
		return nil, 0, 0, refuse(source.CodeNotObject, "the value is %s", kindWord(k))
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return nil, 0, 0, syntax(text, err)
	}
	o = p.next()
	at := int(p.dec.InputOffset())
	from = at - 1
	for p.dec.PeekKind() != '}' {
		name, err := p.dec.ReadValue()
		if err != nil {
			return nil, 0, 0, syntax(text, err)
		}
		end := int(p.dec.InputOffset())
		m := member{name: text[end-len(name) : end], pre: text[at : end-len(name)]}
		if n := len(o.members); n > 0 {
			comma := bytes.IndexByte(m.pre, ',')
			o.members[n-1].post, m.pre = m.pre[:comma], m.pre[comma+1:]
		}
		at = end
		v, err := p.dec.ReadValue()
		if err != nil {
			return nil, 0, 0, syntax(text, err)
		}
		end = int(p.dec.InputOffset())
		m.mid, m.value.text = text[at:end-len(v)], text[end-len(v):end]
		o.members, at = append(o.members, m), end
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return nil, 0, 0, syntax(text, err)
	}
	to = int(p.dec.InputOffset())
	o.close = text[at : to-1]
	return o, from, to, nil
}

// next is an empty object.
func (p *parser) next() *object {
	if p.used == len(p.objects) {
		p.objects = append(p.objects, new(object))
	}
	o := p.objects[p.used]
	p.used++
	o.members, o.close = o.members[:0], nil
	return o
}

// find returns the place of the member of that name, -1 when there is none. Names are the same when they say the same.
func (p *parser) find(o *object, name string) (at int, err error) {
	at = -1
	for i := range o.members {
		text := o.members[i].name[1 : len(o.members[i].name)-1]
		if bytes.IndexByte(text, '\\') >= 0 {
			if p.name, err = jsontext.AppendUnquote(p.name[:0], o.members[i].name); err != nil {
				return -1, refuse(source.CodeNotJSON, "a name can not be read: %w", err)
			}
			text = p.name
		}
		if string(text) != name {
			continue
		}
		if at >= 0 {
			return -1, refuse(source.CodeAmbiguous, "there are two members %q", name)
		}
		at = i
	}
	return at, nil
}

// syntax says what is wrong with a text that is no JSON.
func syntax(text []byte, err error) error {
	if !utf8.Valid(text) {
		return refuse(source.CodeNotUTF8, "the value is not UTF-8")
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return refuse(source.CodeNotJSON, "the value is no JSON: %w", err)
}

func kindWord(k jsontext.Kind) string {
	switch k {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a text"
	case '0':
		return "a number"
	case 'n':
		return "null"
	case 't', 'f':
		return "true or false"
	}
	return "no JSON"
}
