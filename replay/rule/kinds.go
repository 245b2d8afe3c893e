package rule

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"backstitch/replay/expr"
	"backstitch/replay/record"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/tree"

	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

func newRule(s *spec.Rule) (rule, error) {
	r := rule{name: s.Name, looks: record.FieldValue}
	var err error
	switch {
	case s.Expr != "":
		var p *expr.Program
		if p, err = expr.Predicate(s.Expr); err == nil {
			r.looks, r.keeps = looksAt(p), expression(p)
		}
	case s.Required != nil:
		r.keeps, err = required(s.Required)
	case s.Range != nil:
		r.keeps, err = bounds(s.Range)
	case s.Type != nil:
		r.keeps, err = typed(s.Type)
	case s.Schema != nil:
		var c *validator.Schema
		if c, err = s.Schema.Compile(); err == nil {
			r.keeps = shape(c)
		}
	default:
		err = errors.New("it says nothing that this program knows")
	}
	return r, err
}

func refuse(code, format string, args ...any) *source.Refusal {
	return &source.Refusal{Code: code, Err: fmt.Errorf(format, args...)}
}

// looksAt is what an expression needs of a record.
func looksAt(p *expr.Program) (f record.Fields) {
	for name, field := range map[string]record.Fields{
		expr.Key: record.FieldKey, expr.Value: record.FieldValue, expr.Headers: record.FieldHeaders, expr.Timestamp: record.FieldTimestamp,
	} {
		if p.Uses(name) {
			f |= field
		}
	}
	return f
}

func expression(p *expr.Program) keeps {
	said := fmt.Sprintf("%.200s", strings.Join(strings.Fields(p.String()), " "))
	return func(r *subject) *source.Refusal {
		switch yes, err := p.Test(&r.Input); {
		case errors.Is(err, expr.ErrCost):
			return refuse(source.CodeCost, "%s: %w", said, err)
		case err != nil:
			return refuse(source.CodeNoAnswer, "%s: %w", said, err)
		case !yes:
			return refuse(source.CodeFalse, "%s is false", said)
		}
		return nil
	}
}

// member is where a rule looks.
type member struct {
	path  spec.Path
	names []string
}

func newMember(p spec.Path) (member, error) {
	names, err := p.Parse()
	return member{p, names}, err
}

// in is the member of r, there only where it is.
func (m *member) in(r *subject) (v tree.Value, there bool, why *source.Refusal) {
	v, there = tree.At(r.Root, m.names)
	if _, twice := v.(tree.Twice); twice {
		return nil, false, refuse(source.CodeAmbiguous, "on the way to %s there are two members of one name", m.path)
	}
	return v, there, nil
}

func required(paths []spec.Path) (keeps, error) {
	var all []member
	for _, p := range paths {
		m, err := newMember(p)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return func(r *subject) *source.Refusal {
		for i := range all {
			switch v, there, why := all[i].in(r); {
			case why != nil:
				return why
			case !there:
				return refuse(source.CodeRequired, "there is no %s", all[i].path)
			case v == nil:
				return refuse(source.CodeRequired, "%s is null", all[i].path)
			}
		}
		return nil
	}, nil
}

func bounds(s *spec.Bounds) (keeps, error) {
	m, err := newMember(s.Field)
	if err != nil {
		return nil, err
	}
	low, okLow := tree.ParseDecimal([]byte(s.Min))
	high, okHigh := tree.ParseDecimal([]byte(s.Max))
	if s.Min != "" && !okLow || s.Max != "" && !okHigh || s.Min == "" && s.Max == "" {
		return nil, errors.New("it has no bounds that can be compared")
	}
	return func(r *subject) *source.Refusal {
		v, there, why := m.in(r)
		if why != nil || !there || v == nil {
			return why
		}
		text, is := v.(json.Number)
		d, ok := tree.ParseDecimal([]byte(text))
		switch {
		case !is:
			return refuse(source.CodeRange, "%s is of type %s, want a number", m.path, tree.Kind(v))
		case !ok:
			return refuse(source.CodeRange, "%s is %.60s, which can not be compared", m.path, text)
		case s.Min != "" && d.Compare(low) < 0:
			return refuse(source.CodeRange, "%s is %.60s, less than %s", m.path, text, s.Min)
		case s.Max != "" && d.Compare(high) > 0:
			return refuse(source.CodeRange, "%s is %.60s, more than %s", m.path, text, s.Max)
		}
		return nil
	}, nil
}

func typed(s *spec.TypeRule) (keeps, error) {
	m, err := newMember(s.Field)
	if err != nil {
		return nil, err
	}
	return func(r *subject) *source.Refusal {
		v, there, why := m.in(r)
		if why != nil || !there || v == nil && s.OrNull {
			return why
		}
		got := tree.Kind(v)
		if got == s.Is || got == "integer" && s.Is == "number" {
			return nil
		}
		return refuse(source.CodeType, "%s is of type %s, want %s", m.path, got, s.Is)
	}, nil
}

// shape judges by a JSON Schema. What the validator can not see as it stands is refused before it looks: of members with one name it
// would see one, and an exponent of millions it would write out.
func shape(c *validator.Schema) keeps {
	return func(r *subject) *source.Refusal {
		switch {
		case r.doc.Twice:
			return refuse(source.CodeAmbiguous, "there are two members of one name")
		case r.doc.Wide:
			return refuse(source.CodeSchema, "there is a number of more than 1,000 digits")
		}
		err := c.Validate(r.Root)
		var invalid *validator.ValidationError
		switch {
		case errors.As(err, &invalid):
			return refuse(source.CodeSchema, "%s", leaf(invalid))
		case err != nil:
			return refuse(source.CodeSchema, "%w", err)
		}
		return nil
	}
}

// leaf is the first of the reasons that have none of their own.
func leaf(e *validator.ValidationError) string {
	for len(e.Causes) > 0 {
		e = e.Causes[0]
	}
	at := "/" + strings.Join(e.InstanceLocation, "/")
	what := strings.Join(e.ErrorKind.KeywordPath(), "/")
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		what = fmt.Sprintf("%s is of type %s, want %s", at, k.Got, strings.Join(k.Want, " or "))
	case *kind.Required:
		what = fmt.Sprintf("%s has no %s", at, strings.Join(k.Missing, ", "))
	case *kind.AdditionalProperties:
		what = fmt.Sprintf("%s has %s, which the schema does not allow", at, strings.Join(k.Properties, ", "))
	default:
		what = fmt.Sprintf("%s does not fit %s", at, what)
	}
	return fmt.Sprintf("%.300s", what)
}
