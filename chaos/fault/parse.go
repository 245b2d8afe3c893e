package fault

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"backstitch/partition/due"
)

// The grammar is that of the forms in Table, tried one after the other; the one that came furthest says what was expected.
//
//	fault = ["at" DURATION] ["for" DURATION] form

// SyntaxError says where a text stops being a fault and what may stand there.
type SyntaxError struct {
	Text    string
	Column  int      // in characters, from 1
	Problem string   // what is wrong
	Allowed []string // what may stand there
	Hint    string   // what was probably meant, "" when nothing is near
}

// Error is the problem, the text, and a caret under the place.
func (e *SyntaxError) Error() string {
	return e.Message() + "\n  " + e.Text + "\n  " + strings.Repeat(" ", e.Column-1) + "^"
}

// Message is the problem without the text, in one line.
func (e *SyntaxError) Message() string {
	text := e.Problem
	if e.Hint != "" {
		text += ", did you mean " + e.Hint + "?"
	}
	if len(e.Allowed) > 0 {
		text += "; want " + strings.Join(e.Allowed, ", ")
	}
	return text
}

// word is a part of a text and where it begins.
type word struct {
	text   string
	column int // in characters, from 1
}

func split(text string) []word {
	var out []word
	column, begun := 0, false
	for _, r := range text {
		column++
		if unicode.IsSpace(r) {
			begun = false
			continue
		}
		if !begun {
			out = append(out, word{column: column})
			begun = true
		}
		out[len(out)-1].text += string(r)
	}
	return out
}

// Parse reads one fault. Its error is a *SyntaxError.
func Parse(text string) (Fault, error) {
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	p := &parser{text: text, words: split(text)}
	f, err := p.fault()
	if err != nil {
		return Fault{}, err
	}
	return f, nil
}

// MustParse is Parse for text that is part of the program.
func MustParse(text string) Fault {
	f, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return f
}

type parser struct {
	text  string
	words []word

	// The furthest place where a form broke off, and what the forms wanted there.
	far     int
	allowed []string
}

func (p *parser) fault() (Fault, error) {
	var frame Fault
	i := 0
	for i < len(p.words) && (p.words[i].text == "at" || p.words[i].text == "for") {
		slot := &frame.At
		if p.words[i].text == "for" {
			slot = &frame.For
		}
		if *slot != 0 {
			return Fault{}, p.fail(i, fmt.Sprintf("%q is there twice", p.words[i].text), nil)
		}
		i++
		if i < len(p.words) && p.words[i].text == "0s" && slot == &frame.At {
			i++
			continue
		}
		d, err := ParseDuration(p.at(i))
		if err != nil {
			return Fault{}, p.unexpected(i, err.(want))
		}
		*slot = d
		i++
	}
	p.far = i
	for n := range Table {
		f, next, ok := p.form(&Table[n], frame, i)
		if !ok {
			continue
		}
		if next < len(p.words) {
			p.note(next, "the end")
			continue
		}
		if err := f.Validate(); err != nil {
			return Fault{}, p.fail(i, strings.TrimPrefix(err.Error(), string(f.Kind)+": "), nil)
		}
		return f, nil
	}
	slices.Sort(p.allowed)
	return Fault{}, p.unexpected(p.far, slices.Compact(p.allowed))
}

// form tries to read one form from word i on. next is the word after it.
func (p *parser) form(s *Spec, f Fault, i int) (out Fault, next int, ok bool) {
	f.Kind = s.Kind
	parts := parts[s.Kind]
	for n := 0; n < len(parts); n++ {
		part := parts[n]
		if literal, opens := strings.CutPrefix(part, "["); opens && p.at(i) != literal {
			p.note(i, literal)
			for !strings.HasSuffix(parts[n], "]") {
				n++
			}
			continue
		}
		part = strings.Trim(part, "[]")
		switch {
		case part == "TARGET":
			t, used, bad := readTarget(p.at(i), p.at(i+1))
			if bad == nil {
				bad = t.check(s.Targets)
			}
			if bad != nil {
				p.note(i, s.Targets.words()...)
				return f, i, false
			}
			f.Target, i = t, i+used
		case part == strings.ToUpper(part):
			if err := fill(&f, s, part, p.at(i)); err != nil {
				p.note(i, err.(want)...)
				return f, i, false
			}
			i++
		default:
			if p.at(i) != part {
				p.note(i, part)
				return f, i, false
			}
			i++
		}
	}
	return f, i, true
}

// at is the i-th word, "" behind the last.
func (p *parser) at(i int) string {
	if i < len(p.words) {
		return p.words[i].text
	}
	return ""
}

// note remembers what could have stood at word i, when no form has come further.
func (p *parser) note(i int, words ...string) {
	if i < p.far {
		return
	}
	if i > p.far {
		p.far, p.allowed = i, nil
	}
	p.allowed = append(p.allowed, words...)
}

// unexpected is the error for a word that can not stand where it does, or for an end that comes too early.
func (p *parser) unexpected(i int, allowed []string) error {
	if i >= len(p.words) {
		return p.fail(i, "the text ends too early", allowed)
	}
	err := p.fail(i, fmt.Sprintf("unexpected %q", p.words[i].text), allowed)
	err.Hint = nearest(p.words[i].text, allowed)
	return err
}

func (p *parser) fail(i int, problem string, allowed []string) *SyntaxError {
	column := utf8.RuneCountInString(strings.TrimRightFunc(p.text, unicode.IsSpace)) + 1
	if i < len(p.words) {
		column = p.words[i].column
	}
	return &SyntaxError{Text: p.text, Column: column, Problem: problem, Allowed: allowed}
}

// readTarget reads a role, a name that can not be taken for one, or "node NAME". used is how many words that were.
func readTarget(first, second string) (t Target, used int, err error) {
	switch {
	case first == "node" && anyName.MatchString(second):
		if Target(second).Role() {
			return "", 0, fmt.Errorf("a node can not be called %s", second)
		}
		return Target(second), 2, nil
	case Target(first).Role(), plainName.MatchString(first) && anyName.MatchString(first):
		return Target(first), 1, nil
	}
	return "", 0, fmt.Errorf("%q is no target", first)
}

// String is how the target is written in a fault.
func (t Target) String() string {
	if t == "" || t.Role() || plainName.MatchString(string(t)) {
		return string(t)
	}
	return "node " + string(t)
}

// format writes f as its form says.
func format(f Fault, s *Spec) string {
	var out []string
	if f.At > 0 {
		out = append(out, "at", due.Length(f.At))
	}
	if f.For > 0 {
		out = append(out, "for", due.Length(f.For))
	}
	parts := parts[s.Kind]
	for n := 0; n < len(parts); n++ {
		if strings.HasPrefix(parts[n], "[") && !hasOptional(f, parts[n+1]) {
			for !strings.HasSuffix(parts[n], "]") {
				n++
			}
			continue
		}
		part := strings.Trim(parts[n], "[]")
		if part == strings.ToUpper(part) {
			part = show(f, part)
		}
		out = append(out, part)
	}
	return strings.Join(out, " ")
}

// hasOptional says whether the slot of an optional group, which is its second word, is filled.
func hasOptional(f Fault, slot string) bool {
	slot = strings.Trim(slot, "[]")
	for _, m := range fields {
		if slices.Contains(m.slots, slot) {
			return !m.zero(f)
		}
	}
	return false
}
