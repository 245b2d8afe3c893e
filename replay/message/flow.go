package message

import (
	"fmt"

	"backstitch/replay/spec"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// JSON has fewer types than Protobuf: bytes and text look alike in it, a map and a message do, and so do a double and an integer. So before
// any record of a message is written as another one, it is followed through the steps which field each member comes from, and its type is held
// against the output schema's. A member that a step has made (cast, set, split, a module) is the step's affair.

// origin is where a member comes from.
type origin struct {
	field  protoreflect.FieldDescriptor // nil where a step has made it, or of the value itself
	inside map[string]*origin           // of a message that a path leads through, else nil
}

// open makes o's members their own; nil where they are not those of a message.
func (o *origin) open() map[string]*origin {
	if o.inside == nil && o.field != nil && o.field.Message() != nil && !o.field.IsMap() && !o.field.IsList() {
		o.inside = members(o.field.Message())
	}
	return o.inside
}

func members(m protoreflect.MessageDescriptor) map[string]*origin {
	out := map[string]*origin{}
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		out[string(f.Name())] = &origin{field: f}
	}
	return out
}

// follow is where the members of a message of m come from behind the steps; nil where a module has made the whole.
func follow(m protoreflect.MessageDescriptor, steps []spec.Step) map[string]*origin {
	root := members(m)
	for _, s := range steps {
		switch {
		case s.Wasm != nil:
			return nil
		case s.Rename != nil:
			if in, name := leads(root, s.Rename.Field); in != nil && in[name] != nil {
				to, _ := s.Rename.To.Name() // the chain has read it
				in[to] = in[name]
				delete(in, name)
			}
		case s.Drop != nil:
			if in, name := leads(root, s.Drop.Field); in != nil {
				delete(in, name)
			}
		case s.Cast != nil:
			made(root, s.Cast.Field)
		case s.Set != nil:
			made(root, s.Set.Field)
		case s.Split != nil:
			if in, name := leads(root, s.Split.Field); in != nil {
				delete(in, name)
				for _, p := range s.Split.Into {
					to, _ := p.Name()
					in[to] = &origin{}
				}
			}
		}
	}
	return root
}

// leads is the object that has the member of a path, and its name there. A path that leads into a map makes all of the map the step's.
func leads(root map[string]*origin, p spec.Path) (in map[string]*origin, name string) {
	names, _ := p.Parse() // the chain has read it
	in = root
	for i, n := range names {
		if i == len(names)-1 {
			return in, n
		}
		o := in[n]
		if o == nil {
			return nil, ""
		}
		inside := o.open()
		if inside == nil {
			if o.field != nil && o.field.IsMap() {
				in[n] = &origin{}
			}
			return nil, ""
		}
		in = inside
	}
	return nil, ""
}

func made(root map[string]*origin, p spec.Path) {
	if in, name := leads(root, p); in != nil {
		in[name] = &origin{}
	}
}

// pair is two messages that were held against each other.
type pair struct{ w, r protoreflect.FullName }

// goes says why members from there do not go into a message of r, nil where they do. Fields that r has not the record decides.
func goes(in map[string]*origin, r protoreflect.MessageDescriptor, seen map[pair]bool) error {
	for i := range r.Fields().Len() {
		f := r.Fields().Get(i)
		o := in[string(f.Name())]
		if o == nil || o.field == nil {
			continue
		}
		if o.inside != nil {
			if f.Message() == nil || f.IsMap() || f.IsList() {
				return differ(o.field, f)
			}
			if err := goes(o.inside, f.Message(), seen); err != nil {
				return fmt.Errorf("%s: %w", f.Name(), err)
			}
			continue
		}
		if err := same(o.field, f, seen); err != nil {
			return err
		}
	}
	return nil
}

func same(w, r protoreflect.FieldDescriptor, seen map[pair]bool) error {
	if w.IsMap() != r.IsMap() || w.IsList() != r.IsList() {
		return differ(w, r)
	}
	if w.IsMap() {
		if class(w.MapKey().Kind()) != class(r.MapKey().Kind()) {
			return differ(w, r)
		}
		w, r = w.MapValue(), r.MapValue()
	}
	a, b := class(w.Kind()), class(r.Kind())
	if a != b && (a != "integer" || b != "floating point") {
		return differ(w, r)
	}
	if w.Message() == nil {
		return nil
	}
	p := pair{w.Message().FullName(), r.Message().FullName()}
	if seen[p] {
		return nil
	}
	seen[p] = true
	if err := goes(members(w.Message()), r.Message(), seen); err != nil {
		return fmt.Errorf("%s: %w", r.Name(), err)
	}
	return nil
}

func differ(w, r protoreflect.FieldDescriptor) error {
	return fmt.Errorf("%s is %s, and %s of the output schema %s: cast it, or drop it", w.Name(), said(w), r.Name(), said(r))
}

func said(f protoreflect.FieldDescriptor) string {
	switch {
	case f.IsMap():
		return "a map of " + class(f.MapKey().Kind()) + " to " + class(f.MapValue().Kind())
	case f.IsList():
		return "a list of " + class(f.Kind())
	}
	return class(f.Kind())
}

// class is what kinds have in common that differ in their bytes alone. An integer may become floating point, where one is the same.
func class(k protoreflect.Kind) string {
	switch k {
	case protoreflect.BoolKind, protoreflect.StringKind, protoreflect.BytesKind, protoreflect.EnumKind:
		return k.String()
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return "floating point"
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return "message"
	}
	return "integer"
}
