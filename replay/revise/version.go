package revise

import (
	"bytes"
	"errors"
	"fmt"

	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/rule"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/transform"
)

// Version is the steps and rules of one spec. It is for one goroutine.
type Version struct {
	Name   string
	editor *transform.Editor
	set    *rule.Set
	out    []byte
}

// Of is the version that a spec says. One without steps and rules leaves records as they are.
func Of(r *spec.Recovery) (*Version, error) {
	recipe, _, err := recovery.NewRecipe(r.WithDefaults())
	if err != nil {
		return nil, err
	}
	return From(&recipe.Source)
}

// From is the version that a recipe has.
func From(s *recovery.Source) (*Version, error) {
	v := &Version{Name: name(s)}
	chain, err := s.Transform.Chain()
	if err != nil {
		return nil, err
	}
	if chain != nil {
		v.editor = chain.Editor()
	}
	v.set, err = s.Rules.Set()
	return v, err
}

func name(s *recovery.Source) string {
	switch t, r := s.Transform, s.Rules; {
	case t != nil && r != nil:
		return t.String() + "; " + r.String()
	case t != nil:
		return t.String()
	case r != nil:
		return r.String()
	}
	return "values as they are"
}

// Blind names the first rule that looks at a part of a record which is not held, "" when there is none.
func (v *Version) Blind(held record.Fields) string {
	if v.set == nil {
		return ""
	}
	name, _ := v.set.Blind(held)
	return name
}

// Make is what v makes of a record's value, until the next one; refused says why it makes nothing.
func (v *Version) Make(part int32, rec *record.Record) (value []byte, refused *Refusal) {
	value = rec.Value
	if v.editor != nil && rec.Value != nil {
		made, changed, err := v.editor.Append(v.out[:0], rec.Value)
		var why *transform.Refused
		switch {
		case errors.As(err, &why):
			return nil, &Refusal{Code: why.Code, Reason: why.Error()}
		case changed:
			v.out, value = made, made
		}
	}
	if v.set == nil {
		return value, nil
	}
	after := *rec
	after.Value = value
	var broken *source.DamagedError
	if err := v.set.Try(part, &after); errors.As(err, &broken) {
		return nil, &Refusal{Code: broken.Code, Reason: broken.Err.Error()}
	}
	return value, nil
}

// Refusal is why one version makes nothing of a record.
type Refusal struct {
	Code   string `json:"code"`
	Reason string `json:"reason"`
}

func (r *Refusal) String() string { return fmt.Sprintf("%s %s", r.Code, r.Reason) }

// same reports whether two values have the same bytes. A tombstone has none, which is another thing than an empty value.
func same(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }
