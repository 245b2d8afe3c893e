package datum

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"backstitch/replay/ocf"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/transform"
	"backstitch/replay/tree"
)

// A value on its way through the steps. Only what a path leads through is taken apart, so the rest keeps its bytes.

// value is one of: a datum that nobody has looked into (t and raw), a record or a map that was opened, or what a step has made.
type value struct {
	t      *typ   // that raw is a datum of
	raw    []byte // never nil in a datum that was not opened: a null is an empty run of bytes
	object *object
	made   tree.Value // what a step has made, where there is neither raw nor object
	number tree.Value // beside raw: the number that a cast says this is, for a type that does not take the datum itself
}

type object struct {
	t       *typ // record or map; nil for one that a step has made
	members []member
}

type member struct {
	name  string
	value value
}

// refused is why a value can not be changed, with the place in the record.
type refused struct {
	code string
	path []string // of member names, outermost last: it is made on the way up
	err  error
}

func (r *refused) Error() string {
	if len(r.path) == 0 {
		return r.err.Error()
	}
	names := make([]string, len(r.path))
	for i, n := range r.path {
		names[len(names)-1-i] = n
	}
	return fmt.Sprintf("%.200s: %v", spec.PathOf(names...), r.err)
}

func (r *refused) Unwrap() error { return r.err }

func refuse(code, format string, args ...any) error {
	return &refused{code: code, err: fmt.Errorf(format, args...)}
}

// in says in which member a value was refused.
func in(name string, err error) error {
	var r *refused
	if errors.As(err, &r) {
		r.path = append(r.path, name)
	}
	return err
}

// refusal makes err what a transform says, at a step from 1, or 0.
func refusal(err error, step int) *transform.Refused {
	var r *refused
	switch {
	case errors.As(err, &r):
		return &transform.Refused{Code: r.code, Step: step, Err: err}
	case notUTF8(err):
		return &transform.Refused{Code: source.CodeNotUTF8, Step: step, Err: err}
	}
	// The datum was walked over before anything else, so this is one that the walk takes and a reader does not.
	return &transform.Refused{Code: source.CodeNotDatum, Step: step, Err: err}
}

// branch takes the union around a datum away.
func (v *value) branch() error {
	for v.raw != nil && v.t.kind == kUnion {
		c := ocf.NewCursor(v.raw)
		i, err := c.Index(len(v.t.parts))
		if err != nil {
			return err
		}
		v.t, v.raw = v.t.parts[i], v.raw[c.At():len(v.raw):len(v.raw)]
	}
	return nil
}

// open is v as an object, nil when it is none. v is opened then.
func (e *editor) open(v *value) (*object, error) {
	if m, ok := v.made.(map[string]any); ok && v.object == nil && v.raw == nil {
		o := e.next(nil)
		for _, name := range slices.Sorted(maps.Keys(m)) {
			o.members = append(o.members, member{name, value{made: m[name]}})
		}
		v.object, v.made = o, nil
	}
	if v.object != nil || v.raw == nil {
		return v.object, nil
	}
	if err := v.branch(); err != nil {
		return nil, err
	}
	if v.t.kind != kRecord && v.t.kind != kMap {
		return nil, nil
	}
	o := e.next(v.t)
	c := ocf.NewCursor(v.raw)
	add := func(name string, t *typ) error {
		raw, err := c.Skip(t.wire)
		o.members = append(o.members, member{name, value{t: t, raw: raw}})
		return err
	}
	var err error
	if v.t.kind == kRecord {
		for i := 0; i < len(v.t.fields) && err == nil; i++ {
			err = add(v.t.fields[i].name, v.t.fields[i].typ)
		}
	} else {
		err = items(&c, func() error {
			name, err := text(&c)
			if err != nil {
				return err
			}
			return add(name, v.t.parts[0])
		})
	}
	if err != nil {
		return nil, err
	}
	v.object, v.raw, v.t = o, nil, nil
	return o, nil
}

// next is an object without members, in memory that is used again for the next value.
func (e *editor) next(t *typ) *object {
	if e.used == len(e.objects) {
		e.objects = append(e.objects, new(object))
	}
	o := e.objects[e.used]
	e.used++
	o.t, o.members = t, o.members[:0]
	return o
}

// find returns the place of the member of that name, -1 when there is none.
func (o *object) find(name string) (at int, err error) {
	at = -1
	for i := range o.members {
		if o.members[i].name != name {
			continue
		}
		if at >= 0 {
			return -1, refuse(source.CodeAmbiguous, "there are two members %q", name)
		}
		at = i
	}
	return at, nil
}

// tree is v as rules and expressions see it.
func (v *value) tree(d *tree.Doc) (tree.Value, error) {
	switch {
	case v.object != nil:
		out := make(map[string]any, len(v.object.members))
		for i := range v.object.members {
			m := &v.object.members[i]
			x, err := m.value.tree(d)
			if err != nil {
				return nil, in(m.name, err)
			}
			if _, there := out[m.name]; there {
				x, d.Twice = tree.Twice{}, true
			}
			out[m.name] = x
		}
		return out, nil
	case v.raw != nil:
		c := ocf.NewCursor(v.raw)
		return view(&c, v.t, d)
	}
	return v.made, nil
}

// isNull reports whether v says null.
func (v *value) isNull() (bool, error) {
	if err := v.branch(); err != nil {
		return false, err
	}
	switch {
	case v.object != nil:
		return false, nil
	case v.raw != nil:
		return v.t.kind == kNull, nil
	}
	return v.made == nil, nil
}
