package revise

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"backstitch/replay/framed"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/rule"
	"backstitch/replay/sink"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/transform"
)

// Version is the steps and rules of one spec. It is for one goroutine.
type Version struct {
	Name    string
	change  func(dst []byte, r *record.Record) (_ []byte, changed bool, err error) // nil leaves values as they are
	learner framed.Learner                                                         // of what values are written with; nil where nobody is asked
	framed  bool
	reader  rule.Reader // of what comes out
	set     *rule.Set
	out     []byte
}

// Of is the version that a spec says. One without steps and rules leaves records as they are. clients reach the registries that steps over
// values with a schema need; the caller closes it.
func Of(ctx context.Context, r *spec.Recovery, clients recovery.Clients) (*Version, func(), error) {
	s, learner, closer, err := recovery.Ready(ctx, r, clients)
	if err != nil {
		return nil, nil, err
	}
	if learner == nil {
		v, err := From(s)
		return v, closer, err
	}
	v, err := from(s, learner, true)
	if err != nil {
		closer()
		return nil, nil, err
	}
	v.learner = learner
	return v, closer, nil
}

// From is the version that a recipe has.
func From(s *recovery.Source) (*Version, error) {
	by, err := s.Transform.Writers()
	if err != nil {
		return nil, err
	}
	return from(s, by, false)
}

func from(s *recovery.Source, by framed.Writers, asking bool) (*Version, error) {
	v := &Version{Name: name(s), reader: rule.NewReader()}
	var err error
	if v.set, err = s.Rules.Set(); err != nil {
		return nil, err
	}
	values, err := s.Transform.Framed()
	if err != nil {
		return nil, err
	}
	if values != nil {
		names, err := s.Transform.Names(asking)
		if err != nil {
			return nil, err
		}
		v.change, v.reader, v.framed = framed.NewEditor(values, by, names).Record, framed.NewValues(values), true
		return v, nil
	}
	chain, err := s.Transform.Chain()
	if err == nil && chain != nil {
		e := chain.Editor()
		v.change = func(dst []byte, r *record.Record) ([]byte, bool, error) { return e.Append(dst, r.Value) }
	}
	return v, err
}

// Framed reports whether v is for values that name their schema.
func (v *Version) Framed() bool { return v.framed }

// Learn asks what a record's value is written with, before it is made anything of.
func (v *Version) Learn(ctx context.Context, rec *record.Record) error {
	if v.learner == nil {
		return nil
	}
	return v.learner.Learn(ctx, rec)
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

// Make is what v makes of a record, until the next one; refused says why it makes nothing. rec stays as it is.
func (v *Version) Make(part int32, rec *record.Record) (after record.Record, refused *Refusal) {
	after = *rec
	if v.change != nil && rec.Value != nil {
		made, changed, err := v.change(v.out[:0], &after)
		var why *transform.Refused
		switch {
		case errors.As(err, &why):
			return after, &Refusal{Code: why.Code, Reason: why.Error()}
		case changed:
			v.out, after.Value = made, made
		}
	}
	if v.set == nil {
		return after, nil
	}
	var broken *source.DamagedError
	if err := v.set.TryRead(part, &after, v.reader); errors.As(err, &broken) {
		return after, &Refusal{Code: broken.Code, Reason: broken.Err.Error()}
	}
	return after, nil
}

// Refusal is why one version makes nothing of a record.
type Refusal struct {
	Code   string `json:"code"`
	Reason string `json:"reason"`
}

func (r *Refusal) String() string { return fmt.Sprintf("%s %s", r.Code, r.Reason) }

// same reports whether two values have the same bytes, also in the header that may name their schema. A tombstone has none, which is another thing
// than an empty value.
func same(a, b *record.Record) bool {
	x, _ := sink.LastHeader(a, record.ValueSchemaHeader)
	y, _ := sink.LastHeader(b, record.ValueSchemaHeader)
	return (a.Value == nil) == (b.Value == nil) && bytes.Equal(a.Value, b.Value) && x == y
}
