package transform

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"backstitch/replay/source"
	"backstitch/replay/spec"

	"github.com/go-json-experiment/json/jsontext"
)

// step changes an object, or refuses to.
type step interface {
	do(e *Editor, root *object) error
}

func newStep(s spec.Step) (step, error) {
	switch {
	case s.Rename != nil:
		f, err := newField(s.Rename.Field, s.Rename.Required)
		if err != nil {
			return nil, err
		}
		to, err := newName(s.Rename.To)
		return &rename{f, to}, err
	case s.Cast != nil:
		f, err := newField(s.Cast.Field, s.Cast.Required)
		if err != nil {
			return nil, err
		}
		to, ok := casts[s.Cast.To]
		if !ok {
			return nil, fmt.Errorf("there is no cast to %q", s.Cast.To)
		}
		return &cast{f, to, s.Cast.To}, nil
	case s.Default != nil:
		return newFill(s.Default.Field, s.Default.Value, s.Default.OrNull, false)
	case s.Set != nil && s.Set.Expr != "":
		return newCompute(s.Set.Field, s.Set.Expr)
	case s.Wasm != nil:
		return newModule(s.Wasm)
	case s.Set != nil:
		return newFill(s.Set.Field, s.Set.Value, true, true)
	case s.Drop != nil:
		f, err := newField(s.Drop.Field, s.Drop.Required)
		return &drop{f}, err
	case s.Split != nil:
		f, err := newField(s.Split.Field, s.Split.Required)
		if err != nil {
			return nil, err
		}
		out := &split{field: f, by: []byte(s.Split.By)}
		for _, p := range s.Split.Into {
			n, err := newName(p)
			if err != nil {
				return nil, err
			}
			out.into = append(out.into, n)
		}
		if len(out.by) == 0 || len(out.into) < 2 {
			return nil, errors.New("a split needs what stands between the parts, and two names")
		}
		return out, nil
	}
	return nil, errors.New("it says nothing that this program knows")
}

// name is that of a member.
type name struct {
	said   string
	quoted []byte
}

func newName(p spec.Path) (name, error) {
	said, err := p.Name()
	if err != nil {
		return name{}, err
	}
	return named(said)
}

func named(said string) (name, error) {
	quoted, err := jsontext.AppendQuote(nil, said)
	return name{said, quoted}, err
}

// field is the member that a step is about.
type field struct {
	path     spec.Path
	names    []name
	required bool
}

func newField(p spec.Path, required bool) (field, error) {
	f := field{path: p, required: required}
	said, err := p.Parse()
	if err != nil {
		return f, err
	}
	for _, s := range said {
		n, err := named(s)
		if err != nil {
			return f, err
		}
		f.names = append(f.names, n)
	}
	return f, nil
}

// find returns the object that has the member and its place there; a nil object when there is no such member and it need not be.
func (f *field) find(e *Editor, root *object) (o *object, at int, err error) {
	o = root
	for i, n := range f.names {
		if at, err = e.p.find(o, n.said); err != nil {
			return nil, 0, err
		}
		if at < 0 {
			return nil, 0, f.absent()
		}
		if i == len(f.names)-1 {
			break
		}
		inside, err := e.inside(&o.members[at].value)
		if err != nil {
			return nil, 0, err
		}
		if inside == nil {
			return nil, 0, f.absent()
		}
		o = inside
	}
	return o, at, nil
}

func (f *field) absent() error {
	if f.required {
		return refuse(source.CodeAbsent, "there is no %s", f.path)
	}
	return nil
}

// inside is v as an object, nil when it is none.
func (e *Editor) inside(v *value) (*object, error) {
	if v.object == nil && v.text[0] == '{' {
		o, _, _, err := e.p.open(v.text)
		if err != nil {
			return nil, err
		}
		v.object = o
	}
	return v.object, nil
}

// rename gives a member another name. It stays where it is.
type rename struct {
	field
	to name
}

func (s *rename) do(e *Editor, root *object) error {
	o, at, err := s.find(e, root)
	if o == nil {
		return err
	}
	if err := vacant(e, o, s.to); err != nil {
		return err
	}
	o.members[at].name, e.changed = s.to.quoted, true
	return nil
}

// vacant refuses a name that a member of o has.
func vacant(e *Editor, o *object, n name) error {
	at, err := e.p.find(o, n.said)
	if at >= 0 {
		return refuse(source.CodeNameTaken, "there is a member %q already", n.said)
	}
	return err
}

// cast gives a value another type.
type cast struct {
	field
	to   func(e *Editor, text []byte) ([]byte, error)
	word string
}

func (s *cast) do(e *Editor, root *object) error {
	o, at, err := s.find(e, root)
	if o == nil {
		return err
	}
	v := &o.members[at].value
	if v.object != nil || v.text[0] == '{' || v.text[0] == '[' {
		return refuse(source.CodeNoCast, "%s is an object or a list, and has no form of type %s", s.path, s.word)
	}
	if v.text[0] == 'n' {
		return nil
	}
	to, err := s.to(e, v.text)
	if err != nil {
		return refuse(source.CodeNoCast, "%s is %.60s: %w", s.path, v.text, err)
	}
	if !bytes.Equal(to, v.text) {
		v.text, e.changed = to, true
	}
	return nil
}

// drop leaves a member out.
type drop struct{ field }

func (s *drop) do(e *Editor, root *object) error {
	o, at, err := s.find(e, root)
	if o == nil {
		return err
	}
	o.members, e.changed = slices.Delete(o.members, at, at+1), true
	return nil
}

// split makes several members of a text, in its place.
type split struct {
	field
	by   []byte
	into []name
}

func (s *split) do(e *Editor, root *object) error {
	o, at, err := s.find(e, root)
	if o == nil {
		return err
	}
	m := o.members[at]
	if m.value.object != nil || m.value.text[0] != '"' {
		return refuse(source.CodeNoSplit, "%s is no text", s.path)
	}
	text := e.text(func(dst []byte) []byte {
		dst, _ = jsontext.AppendUnquote(dst, m.value.text) // it was read as JSON before
		return dst
	})
	if n := bytes.Count(text, s.by) + 1; n != len(s.into) {
		return refuse(source.CodeNoSplit, "%s has %d parts, want %d", s.path, n, len(s.into))
	}
	o.members = slices.Delete(o.members, at, at+1)
	for _, n := range s.into {
		if err := vacant(e, o, n); err != nil {
			return err
		}
	}
	for i, n := range s.into {
		part, rest, _ := bytes.Cut(text, s.by)
		made := member{name: n.quoted, mid: m.mid, value: value{text: e.quoted(part)}, pre: m.pre}
		o.members = slices.Insert(o.members, at+i, made)
		text = rest
	}
	o.members[at+len(s.into)-1].post = m.post
	e.changed = true
	return nil
}

// fill is default and set: it gives a member a value.
type fill struct {
	field
	value  []byte
	orNull bool
	always bool
}

func newFill(p spec.Path, v spec.Value, orNull, always bool) (*fill, error) {
	f, err := newField(p, false)
	if err != nil {
		return nil, err
	}
	text := jsontext.Value(bytes.Clone(v))
	// Specs pass through encoders that write < as an escape.
	if err := text.Compact(jsontext.PreserveRawStrings(false), jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false)); err != nil {
		return nil, fmt.Errorf("value of %s: %w", p, err)
	}
	return &fill{f, text, orNull, always}, nil
}

func (s *fill) do(e *Editor, root *object) error { return s.put(e, root, s.value) }

// put gives the member what text says.
func (s *fill) put(e *Editor, root *object, text []byte) error {
	o := root
	for i, n := range s.names {
		last := i == len(s.names)-1
		at, err := e.p.find(o, n.said)
		switch {
		case err != nil:
			return err
		case at < 0 && last:
			o.add(n.quoted, text)
			e.changed = true
			return nil
		case at < 0:
			o.add(n.quoted, empty)
			at = len(o.members) - 1
		case last:
			s.replace(e, &o.members[at].value, text)
			return nil
		}
		inside, err := e.inside(&o.members[at].value)
		if err != nil {
			return err
		}
		if inside == nil {
			return refuse(source.CodeNotObject, "%s is no object, so %s can not be in it", spec.PathOf(said(s.names[:i+1])...), s.path)
		}
		o = inside
	}
	return nil
}

var empty = []byte("{}")

func said(names []name) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = n.said
	}
	return out
}

func (s *fill) replace(e *Editor, v *value, text []byte) {
	null := v.object == nil && v.text[0] == 'n'
	if !s.always && (!s.orNull || !null) {
		return
	}
	if v.object == nil && bytes.Equal(v.text, text) {
		return
	}
	v.object, v.text, e.changed = nil, text, true
}
