package datum

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"backstitch/replay/expr"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/transform"
	"backstitch/replay/tree"

	"github.com/go-json-experiment/json/jsontext"
)

// The steps of a transform, with the words and refusals that they have over JSON (replay/transform). A path leads through records, through
// the record that a union holds, and through maps.

// step changes an object, or refuses to.
type step interface {
	do(e *editor, root *object) error
}

func newStep(s spec.Step) (step, error) {
	switch {
	case s.Rename != nil:
		f, err := newPlace(s.Rename.Field, s.Rename.Required)
		if err != nil {
			return nil, err
		}
		to, err := s.Rename.To.Name()
		return &rename{f, to}, err
	case s.Cast != nil:
		f, err := newPlace(s.Cast.Field, s.Cast.Required)
		if err == nil && !transform.Casts(s.Cast.To) {
			err = fmt.Errorf("there is no cast to %q", s.Cast.To)
		}
		return &cast{f, s.Cast.To}, err
	case s.Drop != nil:
		f, err := newPlace(s.Drop.Field, s.Drop.Required)
		return &drop{f}, err
	case s.Split != nil:
		return newSplit(s.Split)
	case s.Default != nil:
		return newFill(s.Default.Field, s.Default.Value, s.Default.OrNull, false)
	case s.Set != nil && s.Set.Expr != "":
		f, err := newPlace(s.Set.Field, false)
		if err != nil {
			return nil, err
		}
		program, err := expr.Of(s.Set.Expr)
		if err != nil {
			return nil, fmt.Errorf("expression of %s: %w", s.Set.Field, err)
		}
		return &compute{fill{place: f, orNull: true, always: true}, program}, nil
	case s.Set != nil:
		return newFill(s.Set.Field, s.Set.Value, true, true)
	}
	return nil, errors.New("it says nothing that this program knows how to do to a datum of Avro")
}

// place is the member that a step is about.
type place struct {
	path     spec.Path
	names    []string
	required bool
}

func newPlace(p spec.Path, required bool) (place, error) {
	names, err := p.Parse()
	return place{p, names, required}, err
}

// find returns the object that has the member and its place there; a nil object when there is no such member and it need not be.
func (p *place) find(e *editor, root *object) (o *object, at int, err error) {
	o = root
	for i, name := range p.names {
		if at, err = o.find(name); err != nil {
			return nil, 0, err
		}
		if at < 0 {
			return nil, 0, p.absent()
		}
		if i == len(p.names)-1 {
			break
		}
		inside, err := e.open(&o.members[at].value)
		if err != nil {
			return nil, 0, err
		}
		if inside == nil {
			return nil, 0, p.absent()
		}
		o = inside
	}
	return o, at, nil
}

func (p *place) absent() error {
	if p.required {
		return refuse(source.CodeAbsent, "there is no %s", p.path)
	}
	return nil
}

// rename gives a member another name. It stays where it is.
type rename struct {
	place
	to string
}

func (s *rename) do(e *editor, root *object) error {
	o, at, err := s.find(e, root)
	if o == nil {
		return err
	}
	if err := vacant(o, s.to); err != nil {
		return err
	}
	o.members[at].name, e.changed = s.to, true
	return nil
}

// vacant refuses a name that a member of o has.
func vacant(o *object, name string) error {
	at, err := o.find(name)
	if at >= 0 {
		return refuse(source.CodeNameTaken, "there is a member %q already", name)
	}
	return err
}

// cast gives a value another type.
type cast struct {
	place
	to string
}

func (s *cast) do(e *editor, root *object) error {
	o, at, err := s.find(e, root)
	if o == nil {
		return err
	}
	v := &o.members[at].value
	null, err := v.isNull()
	if err != nil || null {
		return err
	}
	if v.object == nil && v.raw != nil && s.is(v.t) {
		return nil
	}
	if v.raw != nil && (v.t.kind == kBytes || v.t.kind == kFixed) && v.t.logical != "decimal" {
		// What base64 stands for them may look like anything. As a string they are what they are, where the output schema has one.
		if s.to == "string" {
			return nil
		}
		return refuse(source.CodeNoCast, "%s is %s, and has no form of type %s", s.path, v.t, s.to)
	}
	var d tree.Doc
	now, err := v.tree(&d)
	if err != nil {
		return err
	}
	switch now.(type) {
	case map[string]any, []any:
		return refuse(source.CodeNoCast, "%s is an object or a list, and has no form of type %s", s.path, s.to)
	}
	text, err := spelt(now)
	if err != nil {
		return err
	}
	to, err := e.scalars.Cast(s.to, text)
	if err != nil {
		return refuse(source.CodeNoCast, "%s is %.60s: %w", s.path, text, err)
	}
	doc, err := e.parser.Parse(to)
	if err != nil {
		return refuse(source.CodeNoCast, "%s is %.60s: %w", s.path, text, err)
	}
	if _, number := now.(json.Number); number && s.to == "number" && v.raw != nil {
		// It is one already: where the output schema takes it as it is it stays so, with all that it says besides its digits.
		v.number, e.changed = doc.Root, true
		return nil
	}
	*v, e.changed = value{made: doc.Root}, true
	return nil
}

// is reports whether a datum of t is of the type that the cast is to.
func (s *cast) is(t *typ) bool {
	switch s.to {
	case "string":
		return t.kind == kString
	case "boolean":
		return t.kind == kBoolean
	case "integer":
		return t.kind == kInt || t.kind == kLong
	}
	return false
}

// spelt is a scalar as JSON spells it.
func spelt(v tree.Value) ([]byte, error) {
	switch v := v.(type) {
	case json.Number:
		return []byte(v), nil
	case bool:
		if v {
			return []byte("true"), nil
		}
		return []byte("false"), nil
	case string:
		return jsontext.AppendQuote(nil, v)
	}
	return nil, refuse(source.CodeAmbiguous, "there are two members of one name")
}

// drop leaves a member out.
type drop struct{ place }

func (s *drop) do(e *editor, root *object) error {
	o, at, err := s.find(e, root)
	if o == nil {
		return err
	}
	o.members, e.changed = slices.Delete(o.members, at, at+1), true
	return nil
}

// split makes several members of a text, in its place.
type split struct {
	place
	by   string
	into []string
}

func newSplit(s *spec.Split) (step, error) {
	f, err := newPlace(s.Field, s.Required)
	if err != nil {
		return nil, err
	}
	out := &split{place: f, by: s.By}
	for _, p := range s.Into {
		n, err := p.Name()
		if err != nil {
			return nil, err
		}
		out.into = append(out.into, n)
	}
	if out.by == "" || len(out.into) < 2 {
		return nil, errors.New("a split needs what stands between the parts, and two names")
	}
	return out, nil
}

func (s *split) do(e *editor, root *object) error {
	o, at, err := s.find(e, root)
	if o == nil {
		return err
	}
	m := &o.members[at]
	text, ok, err := m.value.text()
	if err != nil {
		return err
	}
	if !ok {
		return refuse(source.CodeNoSplit, "%s is no text", s.path)
	}
	parts := strings.Split(text, s.by)
	if len(parts) != len(s.into) {
		return refuse(source.CodeNoSplit, "%s has %d parts, want %d", s.path, len(parts), len(s.into))
	}
	o.members = slices.Delete(o.members, at, at+1)
	for i, name := range s.into {
		if err := vacant(o, name); err != nil {
			return err
		}
		o.members = slices.Insert(o.members, at+i, member{name, value{made: parts[i]}})
	}
	e.changed = true
	return nil
}

// text is a value that is a string: what is shown as one, such as a symbol or base64, is none.
func (v *value) text() (string, bool, error) {
	if err := v.branch(); err != nil {
		return "", false, err
	}
	if v.raw == nil {
		s, ok := v.made.(string)
		return s, ok && v.object == nil, nil
	}
	if v.t.kind != kString {
		return "", false, nil
	}
	s, err := scalar(v.t, v.raw)
	if err != nil {
		return "", false, err
	}
	return s.(string), true, nil
}

// fill is default and set: it gives a member a value.
type fill struct {
	place
	value  tree.Value
	orNull bool
	always bool
}

func newFill(p spec.Path, v spec.Value, orNull, always bool) (*fill, error) {
	f, err := newPlace(p, false)
	if err != nil {
		return nil, err
	}
	doc, err := new(tree.Parser).Parse(v)
	if err == nil && doc.Twice {
		err = errors.New("it has two members of one name")
	}
	if err != nil {
		return nil, fmt.Errorf("value of %s: %w", p, err)
	}
	return &fill{f, doc.Root, orNull, always}, nil
}

func (s *fill) do(e *editor, root *object) error { return s.put(e, root, s.value) }

// put gives the member what v says.
func (s *fill) put(e *editor, root *object, v tree.Value) error {
	o := root
	for i, name := range s.names {
		last := i == len(s.names)-1
		at, err := o.find(name)
		switch {
		case err != nil:
			return err
		case at < 0 && last:
			o.members, e.changed = append(o.members, member{name, value{made: v}}), true
			return nil
		case at < 0:
			o.members = append(o.members, member{name, value{object: e.next(nil)}})
			at = len(o.members) - 1
		case last:
			return s.replace(e, &o.members[at].value, v)
		}
		inside, err := e.open(&o.members[at].value)
		if err != nil {
			return err
		}
		if inside == nil {
			return refuse(source.CodeNotObject, "%s is no object, so %s can not be in it", spec.PathOf(s.names[:i+1]...), s.path)
		}
		o = inside
	}
	return nil
}

func (s *fill) replace(e *editor, v *value, with tree.Value) error {
	if !s.always {
		null, err := v.isNull()
		if err != nil || !null || !s.orNull {
			return err
		}
	}
	if s.same(v, with) {
		return nil
	}
	*v, e.changed = value{made: with}, true
	return nil
}

// same reports whether a scalar says already what it is set to: then its bytes stay. The spelling of a number counts, so that 1.0 may be set
// where 1 is.
func (s *fill) same(v *value, with tree.Value) bool {
	if v.object != nil || v.raw == nil || v.branch() != nil || v.t.kind == kRecord || v.t.kind == kMap || v.t.kind == kArray {
		return false
	}
	now, err := scalar(v.t, v.raw)
	if err != nil {
		return false
	}
	switch with.(type) {
	case nil, bool, string, json.Number:
		return now == with
	}
	return false
}

// compute gives a member what an expression gives.
type compute struct {
	fill
	program *expr.Program
}

func (s *compute) do(e *editor, root *object) error {
	var d tree.Doc
	now := value{object: root}
	var err error
	if e.input.Root, err = now.tree(&d); err != nil {
		return err
	}
	out, err := s.program.JSON(e.text[:0], &e.input)
	e.text = out[:0]
	if err != nil {
		return refuse(source.CodeExpression, "the expression of %s: %w", s.path, err)
	}
	doc, err := e.parser.Parse(out)
	if err != nil {
		return refuse(source.CodeExpression, "the expression of %s: %w", s.path, err)
	}
	return s.put(e, root, doc.Root)
}
