package compat

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// jsonCheck asks whether a reader's schema accepts all that a writer may write. It takes the reader apart where all of it has to hold, and
// the writer where any of it may come; what is left are keywords that say one thing each. The trap is "not proven" posing as "proven": a
// keyword that only one side understands is undecided, and a search that gets too long is, too.
type jsonCheck struct {
	// seen are pairs that fit, and those that are being looked at, with their level: a schema that refers to itself comes back to one. That is
	// the same question about a part of a value if a property or an item lies between, and so answers itself; else it has no answer. trail
	// has them in their order, for what was found to fit while a pair was being looked at counts no more once that pair does not.
	seen  map[string]int
	trail []string
	level int // how many properties and items deep
	steps int
}

// fits is the level of pairs that are known to fit.
const fits = -1

// mostSteps bounds one comparison: combinations of combinations multiply.
const mostSteps = 10_000

// mostTogether bounds how many schemas of the writer have to hold at once.
const mostTogether = 64

func (s *jsonSchema) reads(writer language) []Problem {
	c := jsonCheck{seen: map[string]int{}}
	w := writer.(*jsonSchema)
	problems := c.covers("#", jsonNode{doc: s.doc, v: s.doc.root}, jsonSide{all: []jsonNode{{doc: w.doc, v: w.doc.root}}})
	// Branches of a writer's anyOf that fail alike fail once.
	slices.SortStableFunc(problems, func(a, b Problem) int { return cmp.Compare(a.Path, b.Path) })
	return slices.Compact(problems)
}

func (s *jsonSchema) reuses(language) []Problem { return nil }

func undecided(path string, r jsonNode, err error) []Problem {
	return []Problem{{Kind: KindUndecided, Path: path, Reader: r.text(), Text: err.Error()}}
}

// text is n as one line.
func (n jsonNode) text() string {
	b, err := json.Marshal(n.v)
	if err != nil {
		return fmt.Sprint(n.v)
	}
	return brief(string(b))
}

func (s jsonSide) text() string {
	switch len(s.all) {
	case 0:
		return "anything"
	case 1:
		return s.all[0].text()
	}
	var out []string
	for _, n := range s.all {
		out = append(out, n.text())
	}
	return brief("all of " + strings.Join(out, ", "))
}

func one(kind Kind, path string, r jsonNode, w jsonSide, format string, args ...any) []Problem {
	return []Problem{{Kind: kind, Path: path, Reader: r.text(), Writer: w.text(), Text: fmt.Sprintf(format, args...)}}
}

var errTooMany = errors.New("there are more combinations of the two schemas than are tried here")

func (c *jsonCheck) covers(path string, r jsonNode, w jsonSide) []Problem {
	if c.steps++; c.steps > mostSteps {
		return undecided(path, r, errTooMany)
	}
	if v, ok := r.v.(bool); ok && v || len(r.object()) == 0 && !ok {
		return nil
	}
	r, err := r.target()
	if err != nil {
		return undecided(path, r, err)
	}
	flat, err := w.flat()
	if err != nil {
		return undecided(path, r, fmt.Errorf("the writer's %w", err))
	}
	if len(flat.all)+len(flat.not) > mostTogether {
		return undecided(path, r, errTooMany)
	}
	if flat.kinds() == 0 {
		return nil // the writer can write nothing here
	}
	if v, ok := r.v.(bool); ok && !v {
		return one(KindContentModel, path, r, flat, "the reader takes nothing here, and the writer may write something")
	}
	for _, n := range flat.all {
		if r.sameAs(n, r.v, n.v) || r.doc == n.doc && r.at == n.at && r.made == n.made {
			return nil
		}
	}
	key := r.key() + "\n\n" + flat.key()
	if level, ok := c.seen[key]; ok {
		if level == fits || level < c.level {
			return nil
		}
		return undecided(path, r, errCircle)
	}
	mark := len(c.trail)
	c.seen[key], c.trail = c.level, append(c.trail, key)
	out := c.open(path, r, flat)
	if c.seen[key] = fits; len(out) > 0 {
		for _, k := range c.trail[mark:] {
			delete(c.seen, k)
		}
		c.trail = c.trail[:mark]
	}
	return out
}

// inside is covers for a property or an item.
func (c *jsonCheck) inside(path string, r jsonNode, w jsonSide) []Problem {
	c.level++
	defer func() { c.level-- }()
	return c.covers(path, r, w)
}

// open compares with all that the reader's schema consists of.
func (c *jsonCheck) open(path string, r jsonNode, w jsonSide) []Problem {
	if values, ok := w.values(); ok {
		return c.list(path, r, w, values)
	}
	parts, err := r.plain(0)
	if err != nil {
		return undecided(path, r, err)
	}
	var out []Problem
	for _, p := range parts {
		out = append(out, c.part(path, p, w)...)
	}
	return out
}

// list tries the values that a writer may write, one by one.
func (c *jsonCheck) list(path string, r jsonNode, w jsonSide, values []any) []Problem {
	var refused []string
	for _, v := range values {
		if kindOf(v)&w.kinds() == 0 {
			continue
		}
		ok, err := r.accepts(v)
		if err != nil {
			return undecided(path, r, err)
		}
		if !ok {
			refused = append(refused, jsonNode{v: v}.text())
		}
	}
	if len(refused) == 0 {
		return nil
	}
	return one(KindEnum, path, r, w, "the reader does not take %s, which the writer may write", brief(strings.Join(refused, ", ")))
}

// part compares with a schema of the reader that refers to nothing.
func (c *jsonCheck) part(path string, r jsonNode, w jsonSide) []Problem {
	if !r.constrains() {
		return nil
	}
	for i, n := range w.all {
		for _, word := range []string{"anyOf", "oneOf"} {
			branches := n.subs(word)
			if len(branches) == 0 {
				continue
			}
			// Whatever the writer chooses, the reader has to take it.
			var out []Problem
			for j, b := range branches {
				side := jsonSide{not: w.not}
				side.all = append(append(side.all, w.all[:i]...), w.all[i+1:]...)
				side.all = append(side.all, n.without(word), b)
				if word == "oneOf" {
					side.not = slices.Concat(w.not, branches[:j], branches[j+1:])
				}
				out = append(out, c.covers(path, r, side)...)
			}
			return out
		}
	}
	var out []Problem
	have := w.kinds()
	if more := have &^ r.kinds(); more != 0 {
		out = append(out, one(KindType, path, r, w, "the reader does not take %s, and the writer may write it", more)...)
	}
	if _, ok := r.values(); ok {
		return append(out, one(KindEnum, path, r, w, "the reader takes some values only, and the writer may write others")...)
	}
	out = append(out, c.ranges(path, r, w, have)...)
	if have&kindString != 0 {
		out = append(out, pattern(path, r, w)...)
	}
	if have&kindObject != 0 {
		out = append(out, c.objects(path, r, w)...)
	}
	if have&kindArray != 0 {
		out = append(out, c.arrays(path, r, w)...)
	}
	return append(out, c.combined(path, r, w)...)
}

// Keywords that say something about which values are taken: those that are taken apart here, and opaque ones, which are not. All others,
// also those that nobody knows, are for people and tools; drafts say so.
var (
	opaque = []string{"if", "then", "else", "contains", "minContains", "maxContains", "propertyNames", "dependentSchemas", "unevaluatedItems",
		"unevaluatedProperties", "$dynamicRef", "$recursiveRef", "format"}
	understood = []string{"type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength",
		"minLength", "pattern", "items", "prefixItems", "additionalItems", "maxItems", "minItems", "uniqueItems", "maxProperties",
		"minProperties", "required", "properties", "patternProperties", "additionalProperties", "dependencies", "dependentRequired",
		"anyOf", "oneOf", "not"}
)

// constrains reports whether n says anything about values.
func (n jsonNode) constrains() bool {
	if _, ok := n.v.(bool); ok {
		return true
	}
	for k := range n.object() {
		if slices.Contains(understood, k) || slices.Contains(opaque, k) {
			return true
		}
	}
	return false
}

// ranged are the keywords that bound something from one side, and of which types.
var ranged = []struct {
	word, exclusive string
	lower           bool
	of              kinds
}{
	{"minimum", "exclusiveMinimum", true, kindInteger | kindFraction}, {"maximum", "exclusiveMaximum", false, kindInteger | kindFraction},
	{"minLength", "", true, kindString}, {"maxLength", "", false, kindString},
	{"minItems", "", true, kindArray}, {"maxItems", "", false, kindArray},
	{"minProperties", "", true, kindObject}, {"maxProperties", "", false, kindObject},
}

func (c *jsonCheck) ranges(path string, r jsonNode, w jsonSide, have kinds) []Problem {
	var out []Problem
	for _, k := range ranged {
		if have&k.of == 0 {
			continue
		}
		wants, err := r.limits(k.word, k.exclusive)
		if err != nil {
			out = append(out, undecided(path, r, err)...)
			continue
		}
		for _, want := range wants {
			if k.lower && k.exclusive == "" && want.at.Sign() <= 0 {
				continue // lengths and counts are never less
			}
			ok, err := w.within(k.word, k.exclusive, k.lower, want)
			switch {
			case err != nil:
				out = append(out, undecided(path, r, err)...)
			case !ok:
				out = append(out, one(KindRange, path, r, w, "the reader's %s is %s, and the writer may write what is beyond", k.word, decimal(want.at))...)
			}
		}
	}
	if have&(kindInteger|kindFraction) != 0 {
		out = append(out, multiple(path, r, w, have)...)
	}
	return out
}

// within reports whether the writer stays on its side of a limit.
func (s jsonSide) within(word, exclusive string, lower bool, want bound) (bool, error) {
	for _, n := range s.all {
		have, err := n.limits(word, exclusive)
		if err != nil {
			return false, err
		}
		for _, b := range have {
			side := b.at.Cmp(want.at)
			if !lower {
				side = -side
			}
			if side > 0 || side == 0 && (b.beyond || !want.beyond) {
				return true, nil
			}
		}
	}
	return false, nil
}

func multiple(path string, r jsonNode, w jsonSide, have kinds) []Problem {
	want, err := r.number("multipleOf")
	if err != nil {
		return undecided(path, r, err)
	}
	if want == nil || want.Sign() <= 0 {
		return nil
	}
	var steps []*big.Rat
	if have&kindFraction == 0 {
		steps = append(steps, big.NewRat(1, 1))
	}
	for _, n := range w.all {
		step, err := n.number("multipleOf")
		if err != nil {
			return undecided(path, r, err)
		}
		if step != nil {
			steps = append(steps, step)
		}
	}
	for _, step := range steps {
		if new(big.Rat).Quo(step, want).IsInt() {
			return nil
		}
	}
	return one(KindRange, path, r, w, "the reader takes multiples of %s only", decimal(want))
}

func pattern(path string, r jsonNode, w jsonSide) []Problem {
	want, ok := r.object()["pattern"].(string)
	if !ok || slices.ContainsFunc(w.all, func(n jsonNode) bool { return n.object()["pattern"] == want }) {
		return nil
	}
	return one(KindPattern, path, r, w, "the reader takes only what fits pattern %q, and the writer does not say that it does", brief(want))
}
