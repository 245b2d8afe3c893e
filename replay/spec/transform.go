package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"backstitch/replay/expr"
)

// Transform says how each value of the reference is changed before anything else looks at it. What is missing, what is written and
// what is proved is of the changed records.
type Transform struct {
	// Version of these steps, which plan, report and proof show: a name of yours, such as v3.
	Version string `json:"version" jsonschema:"minLength=1,maxLength=32,pattern=^[A-Za-z0-9][A-Za-z0-9._-]*$"`
	// Steps, in order. Each has exactly one kind and sees what those before it made. Left out only with values, which is then all that is done.
	Steps []Step `json:"steps,omitempty" jsonschema:"minItems=1,maxItems=64"`
	// What values are, if not JSON.
	Values *TransformValues `json:"values,omitempty"`
	// Values before and after all steps. A plan is refused while one of them does not come out.
	Examples []Example `json:"examples,omitempty" jsonschema:"maxItems=64"`
}

// Step is one change of a JSON object. Exactly one of its members is set.
type Step struct {
	// Another name for a member, at its place.
	Rename *Rename `json:"rename,omitempty"`
	// Another type for a value, exact or refused.
	Cast *Cast `json:"cast,omitempty"`
	// A value for a member that is not there.
	Default *Default `json:"default,omitempty"`
	// A member that goes.
	Drop *Drop `json:"drop,omitempty"`
	// Several members of one text.
	Split *Split `json:"split,omitempty"`
	// A value for a member, whether it is there or not.
	Set *Set `json:"set,omitempty"`
	// Another value, which a WebAssembly module makes of the whole one.
	Wasm *Wasm `json:"wasm,omitempty"`
}

// Rename gives a member another name.
type Rename struct {
	// Member to rename, as names joined by dots.
	Field Path `json:"field"`
	// Its new name in the same object, which nothing there may have.
	To Path `json:"to"`
	// Whether a record without the member is refused instead of left as it is.
	Required bool `json:"required,omitempty"`
}

// Cast gives a value another type.
type Cast struct {
	// Member to cast, as names joined by dots. A null stays null.
	Field Path `json:"field"`
	// Type to cast to. A cast that would lose anything is refused.
	To string `json:"to" jsonschema:"enum=string,enum=integer,enum=number,enum=boolean"`
	// Whether a record without the member is refused instead of left as it is.
	Required bool `json:"required,omitempty"`
}

// Default fills in what is not there.
type Default struct {
	// Member to fill in, as names joined by dots. Objects on the way to it are made.
	Field Path `json:"field"`
	// Any value.
	Value Value `json:"value"`
	// Whether a null is replaced, too.
	OrNull bool `json:"orNull,omitempty"`
}

// Drop leaves a member out.
type Drop struct {
	// Member to leave out, as names joined by dots.
	Field Path `json:"field"`
	// Whether a record without the member is refused instead of left as it is.
	Required bool `json:"required,omitempty"`
}

// Split makes several members of one text.
type Split struct {
	// Member to split, a text, as names joined by dots. The new members stand in its place.
	Field Path `json:"field"`
	// What stands between the parts.
	By string `json:"by" jsonschema:"minLength=1,maxLength=64"`
	// Names for the parts, which have to be as many as there are parts.
	Into []Path `json:"into" jsonschema:"minItems=2,maxItems=64"`
	// Whether a record without the member is refused instead of left as it is.
	Required bool `json:"required,omitempty"`
}

// Set gives a member a value, or what an expression gives.
type Set struct {
	// Member to set, as names joined by dots. Objects on the way to it are made.
	Field Path `json:"field"`
	// Any value.
	Value Value `json:"value,omitempty"`
	// A CEL expression over value, which is the record's value as the steps before have left it. Instead of value.
	Expr string `json:"expr,omitempty" jsonschema:"minLength=1,maxLength=8192"`
}

// Example is a value before and after all steps. Two values are the same when they say the same: order of members, blanks and the
// spelling of numbers do not count.
type Example struct {
	// Value before.
	In Value `json:"in"`
	// Value after.
	Out Value `json:"out"`
	// Schema that the value before was written with, where values name one. Left out, it is the output schema.
	Schema *ValueSchema `json:"schema,omitempty"`
}

// Value is any value, as the text of a JSON value.
type Value json.RawMessage

// MarshalJSON returns the text.
func (v Value) MarshalJSON() ([]byte, error) { return json.RawMessage(v).MarshalJSON() }

// UnmarshalJSON keeps the text.
func (v *Value) UnmarshalJSON(text []byte) error { return (*json.RawMessage)(v).UnmarshalJSON(text) }

// Path names a member of an object, or of an object in it, by names that are joined by dots. In a name a dot is written \. and a
// backslash \\.
type Path string

const (
	versionPattern = `^[A-Za-z0-9][A-Za-z0-9._-]*$`
	pathPattern    = `^([^.\\]|\\[.\\])+(\.([^.\\]|\\[.\\])+)*$`
	// MaxPath is how many names a path has at most.
	MaxPath = 16
)

// Parse returns the names.
func (p Path) Parse() ([]string, error) {
	var names []string
	var name strings.Builder
	for i := 0; i < len(p); i++ {
		switch c := p[i]; {
		case c == '.':
			if name.Len() == 0 {
				return nil, fmt.Errorf("%q has an empty name", string(p))
			}
			names = append(names, name.String())
			name.Reset()
		case c == '\\':
			if i++; i == len(p) || p[i] != '.' && p[i] != '\\' {
				return nil, fmt.Errorf(`%q has a \ before neither a dot nor a \`, string(p))
			}
			name.WriteByte(p[i])
		default:
			name.WriteByte(c)
		}
	}
	if name.Len() == 0 {
		return nil, fmt.Errorf("%q has an empty name", string(p))
	}
	if names = append(names, name.String()); len(names) > MaxPath {
		return nil, fmt.Errorf("%.60q... has %d names, at most %d are looked through", string(p), len(names), MaxPath)
	}
	return names, nil
}

var errNotAName = errors.New("it names a member of another object")

// Name returns the one name of a path that must have no more.
func (p Path) Name() (string, error) {
	names, err := p.Parse()
	if err == nil && len(names) > 1 {
		err = fmt.Errorf("%q is not one name: %w", string(p), errNotAName)
	}
	if err != nil {
		return "", err
	}
	return names[0], nil
}

// PathOf is the path that names those members.
func PathOf(names ...string) Path {
	escape := strings.NewReplacer(`\`, `\\`, ".", `\.`)
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = escape.Replace(n)
	}
	return Path(strings.Join(out, "."))
}

// transform finds what is wrong with steps besides their form.
func (c *checker) transform(r *Recovery) {
	t := r.Spec.Transform
	if t == nil {
		return
	}
	c.transformValues(r)
	const hint = "steps change JSON, and the number of a schema stands in front of other forms: leave registry out, or say what values are: values: {as: avro}, protobuf or json"
	if url, at := r.Spec.Source.registry(); url != "" && t.Values == nil {
		c.add(CodeTogether, "spec.source."+at, "a transform and a registry exclude each other", hint)
	}
	if url, at := r.Spec.Target.registry(); url != "" && t.Values == nil {
		c.add(CodeTogether, "spec.target."+at, "a transform and a registry exclude each other", hint)
	}
	for i, s := range t.Steps {
		c.step(fmt.Sprintf("spec.transform.steps.%d", i), s)
	}
}

func (c *checker) step(path string, s Step) {
	field := func(kind string, p Path) {
		if _, err := p.Parse(); err != nil {
			c.add(CodeValue, path+"."+kind+".field", err.Error(), unitHints[pathPattern])
		}
	}
	name := func(at string, p Path) (string, bool) {
		n, err := p.Name()
		if err != nil {
			hint := unitHints[pathPattern]
			if errors.Is(err, errNotAName) {
				hint = `a member keeps its object; write the name alone, and \. for a dot that is part of it`
			}
			c.add(CodeValue, path+"."+at, err.Error(), hint)
		}
		return n, err == nil
	}
	switch {
	case s.Rename != nil:
		field("rename", s.Rename.Field)
		if to, ok := name("rename.to", s.Rename.To); ok {
			if names, err := s.Rename.Field.Parse(); err == nil && names[len(names)-1] == to {
				c.add(CodeValue, path+".rename.to", fmt.Sprintf("the member is called %q already", to), "write another name, or leave the step out")
			}
		}
	case s.Cast != nil:
		field("cast", s.Cast.Field)
	case s.Default != nil:
		field("default", s.Default.Field)
	case s.Drop != nil:
		field("drop", s.Drop.Field)
	case s.Split != nil:
		field("split", s.Split.Field)
		seen := map[string]bool{}
		for i, p := range s.Split.Into {
			n, ok := name(fmt.Sprintf("split.into.%d", i), p)
			if ok && seen[n] {
				c.add(CodeTwice, fmt.Sprintf("%s.split.into.%d", path, i), fmt.Sprintf("two parts are called %q", n), "each part has a name of its own")
			}
			seen[n] = true
		}
	case s.Wasm != nil:
		c.wasm(path+".wasm", s.Wasm)
	case s.Set != nil:
		field("set", s.Set.Field)
		switch {
		case (len(s.Set.Value) > 0) == (s.Set.Expr != ""):
			c.add(CodeOneOf, path+".set", path+".set has to say value or expr", "write one of them")
		case s.Set.Expr != "":
			_, err := expr.Of(s.Set.Expr)
			c.expr(path+".set.expr", err)
		}
	}
}
