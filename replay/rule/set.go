package rule

import (
	"errors"
	"fmt"

	"backstitch/replay/expr"
	"backstitch/replay/record"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/tree"
)

// Set is rules, in order. It is never changed, and may be used by several goroutines.
type Set struct{ rules []rule }

type rule struct {
	name  string
	looks record.Fields // at which parts of a record
	keeps keeps
}

// keeps says why a record has broken a rule, nil where it keeps it.
type keeps func(*subject) *source.Refusal

// New reads rules. What is wrong with them the spec's own checks say with line and column; here it is for recipes.
func New(rules []spec.Rule) (*Set, error) {
	s := &Set{rules: make([]rule, len(rules))}
	for i := range rules {
		var err error
		if s.rules[i], err = newRule(&rules[i]); err != nil {
			return nil, fmt.Errorf("rule %s: %w", rules[i].Name, err)
		}
	}
	return s, nil
}

// Blind names the first rule that looks at a part of a record which a source does not hold, "" when there is none.
func (s *Set) Blind(held record.Fields) (rule string, lacks record.Fields) {
	for _, r := range s.rules {
		if lacks := r.looks &^ held; lacks != 0 {
			return r.name, lacks
		}
	}
	return "", 0
}

// subject is the record at hand. Its tree is made when the first rule asks for it.
type subject struct {
	expr.Input
	parser Reader
	doc    tree.Doc
	state  error // errUnread, or why there is no tree
}

// Reader makes trees of records' values. It is used by one goroutine.
type Reader interface {
	Read(r *record.Record) (tree.Doc, error)
}

// NewReader reads values that are JSON.
func NewReader() Reader { return new(jsonReader) }

type jsonReader struct{ tree.Parser }

// Read is Reader's.
func (j *jsonReader) Read(r *record.Record) (tree.Doc, error) { return j.Parse(r.Value) }

var errUnread = errors.New("not read yet")

func (r *subject) set(part int32, rec *record.Record) {
	r.Partition, r.Record, r.Root, r.doc, r.state = part, rec, nil, tree.Doc{}, errUnread
}

// read makes the tree.
func (r *subject) read() *source.Refusal {
	if r.state == errUnread {
		if r.state = nil; r.Record.Value != nil {
			r.doc, r.state = r.parser.Read(r.Record)
			r.Root = r.doc.Root
		}
	}
	switch {
	case r.state == nil:
		return nil
	case errors.Is(r.state, tree.ErrNotUTF8):
		return &source.Refusal{Code: source.CodeNotUTF8, Err: fmt.Errorf("the value is %w", r.state)}
	}
	return &source.Refusal{Code: source.CodeNotJSON, Err: fmt.Errorf("the value is %w", r.state)}
}

// judge says which rule a record has broken first, nil when it keeps all of them.
func (s *Set) judge(r *subject) *source.Refusal {
	for i := range s.rules {
		rule := &s.rules[i]
		if rule.looks&record.FieldValue != 0 {
			if r.Record.Value == nil {
				continue
			}
			if why := r.read(); why != nil {
				return rule.broken(i, why)
			}
		}
		if why := rule.keeps(r); why != nil {
			return rule.broken(i, why)
		}
	}
	return nil
}

func (r *rule) broken(i int, why *source.Refusal) *source.Refusal {
	why.Rule, why.Err = i+1, fmt.Errorf("rule %s: %w", r.name, why.Err)
	return why
}

// Try judges one record, as Over does. It is for those who look at a few.
func (s *Set) Try(part int32, rec *record.Record) error {
	return s.TryRead(part, rec, NewReader())
}

// TryRead is Try for a value that by reads.
func (s *Set) TryRead(part int32, rec *record.Record, by Reader) error {
	r := subject{parser: by}
	r.set(part, rec)
	if why := s.judge(&r); why != nil {
		return &source.DamagedError{Offset: rec.Offset, Next: rec.Offset + 1, Code: why.Code, Rule: why.Rule, Err: why.Err}
	}
	return nil
}
