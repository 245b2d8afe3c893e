package compat

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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
		if sameText(r.v, n.v) || r.doc == n.doc && r.at == n.at && r.made == n.made {
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

// annotations are keywords that say nothing about which values are taken. What no draft knows is one, too: drafts say so.
// opaque are those that say something which is not taken apart here.
var (
	opaque = []string{"if", "then", "else", "contains", "minContains", "maxContains", "propertyNames", "dependentSchemas", "unevaluatedItems",
		"unevaluatedProperties", "$dynamicRef", "$recursiveRef", "format", "extends", "disallow", "divisibleBy"}
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
				out = append(out, one(KindRange, path, r, w, "the reader's %s is %s, and the writer may write what is beyond", k.word, want.at.RatString())...)
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
	return one(KindRange, path, r, w, "the reader takes multiples of %s only", want.RatString())
}

func pattern(path string, r jsonNode, w jsonSide) []Problem {
	want, ok := r.object()["pattern"].(string)
	if !ok || slices.ContainsFunc(w.all, func(n jsonNode) bool { return n.object()["pattern"] == want }) {
		return nil
	}
	return one(KindPattern, path, r, w, "the reader takes only what fits pattern %q, and the writer does not say that it does", brief(want))
}

func (c *jsonCheck) objects(path string, r jsonNode, w jsonSide) []Problem {
	var out []Problem
	for _, name := range r.strings("required") {
		if w.requires(name) {
			continue
		}
		if p, ok := r.named("properties", name); ok {
			if _, ok := p.object()["default"]; ok {
				continue // as registries have it: readers put the default in
			}
		}
		out = append(out, one(KindRequired, path+"/properties/"+pointerEscapes.Replace(name), r, w, "the reader needs property %s, which the writer may leave out", name)...)
	}
	out = append(out, c.dependent(path, r, w)...)
	names := map[string]bool{}
	for _, n := range append(slices.Clone(w.all), r) {
		for _, name := range n.names("properties") {
			names[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		out = append(out, c.property(path, name, r, w)...)
	}
	out = append(out, c.patterns(path, r, w)...)
	rest, ok := r.sub("additionalProperties")
	if !ok {
		return out
	}
	if problems := c.inside(path+"/additionalProperties", rest, w.others()); len(problems) > 0 {
		out = append(out, c.narrowed(path, problems, rest, w, "properties that it does not name")...)
	}
	return out
}

// others is what the side may write as properties that it does not name.
func (s jsonSide) others() jsonSide {
	var out jsonSide
	for _, n := range s.all {
		if rest, ok := n.sub("additionalProperties"); ok {
			out.all = append(out.all, rest)
		}
	}
	return out
}

// narrowed is one problem for a content model, however many there are below it.
func (c *jsonCheck) narrowed(path string, below []Problem, r jsonNode, w jsonSide, what string) []Problem {
	if VerdictOf(below) == Undecided {
		return below
	}
	return one(KindContentModel, path, r, w, "the reader takes fewer %s than the writer may write", what)
}

func (c *jsonCheck) property(path, name string, r jsonNode, w jsonSide) []Problem {
	at := path + "/properties/" + pointerEscapes.Replace(name)
	wants, named, err := r.property(name)
	if err != nil {
		return undecided(at, r, err)
	}
	side, written, err := w.property(name)
	if err != nil {
		return undecided(at, r, err)
	}
	var out []Problem
	for _, want := range wants {
		out = append(out, c.inside(at, want, side)...)
	}
	switch {
	case VerdictOf(out) != Incompatible:
		return out
	case named && !written:
		return one(KindPropertyAdded, at, wants[0], side, "the reader says what property %s is, and the writer's content model is open: it may have written anything there", name)
	case written && !named:
		return one(KindPropertyRemoved, at, wants[0], side, "the reader's content model refuses property %s, which the writer may write", name)
	}
	return out
}

// patterns compares properties whose names fit a pattern of either side and that neither names.
func (c *jsonCheck) patterns(path string, r jsonNode, w jsonSide) []Problem {
	var out []Problem
	mine := r.names("patternProperties")
	for _, pattern := range mine {
		want, _ := r.named("patternProperties", pattern)
		var side jsonSide
		for _, n := range w.all {
			// Where the writer has other patterns, a name may fit one of those as well: nothing is certain about it.
			if p, ok := n.named("patternProperties", pattern); ok {
				side.all = append(side.all, p)
			} else if rest, ok := n.sub("additionalProperties"); ok && len(n.names("patternProperties")) == 0 {
				side.all = append(side.all, rest)
			}
		}
		out = append(out, c.inside(path+"/patternProperties/"+pointerEscapes.Replace(pattern), want, side)...)
	}
	rest, ok := r.sub("additionalProperties")
	if !ok {
		return out
	}
	for _, n := range w.all {
		for _, pattern := range n.names("patternProperties") {
			if slices.Contains(mine, pattern) {
				continue
			}
			p, _ := n.named("patternProperties", pattern)
			below := c.inside(path+"/patternProperties/"+pointerEscapes.Replace(pattern), rest, jsonSide{all: []jsonNode{p}})
			if len(below) > 0 {
				out = append(out, c.narrowed(path, below, rest, w, "properties that fit pattern "+pattern)...)
			}
		}
	}
	return out
}

// dependent compares which properties need others.
func (c *jsonCheck) dependent(path string, r jsonNode, w jsonSide) []Problem {
	var out []Problem
	for _, word := range []string{"dependentRequired", "dependencies"} {
		m, _ := r.object()[word].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(m)) {
			at := path + "/" + word + "/" + pointerEscapes.Replace(name)
			if _, list := m[name].([]any); !list {
				same := func(n jsonNode) bool { v, ok := n.named(word, name); return ok && sameText(v.v, m[name]) }
				if !slices.ContainsFunc(w.all, same) {
					out = append(out, undecided(at, r, errors.New("a schema that depends on a property is not compared"))...)
				}
				continue
			}
			for _, need := range r.child(m, word).strings(name) {
				if w.requires(need) || slices.ContainsFunc(w.all, func(n jsonNode) bool { return n.depends(name, need) }) {
					continue
				}
				if side, _, err := w.property(name); err == nil && side.never() {
					continue
				}
				out = append(out, one(KindRequired, at, r, w, "the reader needs property %s where there is %s, and the writer may leave it out", need, name)...)
			}
		}
	}
	return out
}

func (n jsonNode) depends(name, need string) bool {
	for _, word := range []string{"dependentRequired", "dependencies"} {
		m, _ := n.object()[word].(map[string]any)
		if slices.Contains(n.child(m, word).strings(name), need) {
			return true
		}
	}
	return false
}

// never reports whether the side can write nothing at all.
func (s jsonSide) never() bool {
	flat, err := s.flat()
	return err == nil && flat.kinds() == 0
}

func (c *jsonCheck) arrays(path string, r jsonNode, w jsonSide) []Problem {
	var out []Problem
	if unique, _ := r.object()["uniqueItems"].(bool); unique {
		if !slices.ContainsFunc(w.all, func(n jsonNode) bool { v, _ := n.object()["uniqueItems"].(bool); return v }) {
			out = append(out, one(KindUnique, path, r, w, "the reader wants each item once, and the writer may repeat one")...)
		}
	}
	most := 0
	for _, n := range append(slices.Clone(w.all), r) {
		first, _, _ := n.tuple()
		most = max(most, len(first))
	}
	for i := range most + 1 { // the last one stands for all that come after it
		if full, err := w.within("maxItems", "", false, bound{at: big.NewRat(int64(i), 1)}); err == nil && full {
			break // the writer has no item here
		}
		at := fmt.Sprintf("%s/items/%d", path, i)
		if i == most {
			at = path + "/items"
		}
		for _, want := range r.item(i) {
			below := c.inside(at, want, w.item(i))
			if v, ok := want.v.(bool); ok && !v && len(below) > 0 {
				below = c.narrowed(at, below, want, w, "items")
			}
			out = append(out, below...)
		}
	}
	return out
}

// combined compares what the reader says by anyOf, oneOf, not and the keywords that are not taken apart.
func (c *jsonCheck) combined(path string, r jsonNode, w jsonSide) []Problem {
	var out []Problem
	for _, word := range []string{"anyOf", "oneOf"} {
		if branches := r.subs(word); len(branches) > 0 {
			out = append(out, c.branches(path, word, branches, r, w)...)
		}
	}
	if not, ok := r.sub("not"); ok && !c.excludes(path, not, w) {
		out = append(out, undecided(path+"/not", r, errors.New("the reader refuses what not says, and that the writer never writes it is not certain"))...)
	}
	for _, word := range opaque {
		v, ok := r.object()[word]
		if !ok {
			continue
		}
		same := func(n jsonNode) bool { return sameText(v, n.object()[word]) }
		switch word {
		case "then", "else":
			continue // with if
		case "if":
			same = func(n jsonNode) bool {
				for _, part := range []string{"if", "then", "else"} {
					if !sameText(r.object()[part], n.object()[part]) {
						return false
					}
				}
				return true
			}
		case "unevaluatedItems", "unevaluatedProperties":
			same = func(n jsonNode) bool { return v == true } // what stands beside it decides
		}
		if !slices.ContainsFunc(w.all, same) {
			out = append(out, undecided(path+"/"+word, r, fmt.Errorf("keyword %s of the reader is not compared, and the writer's schema does not say the same", word))...)
		}
	}
	return out
}

// branches finds, for all that the writer may write, one branch of the reader's that takes it.
func (c *jsonCheck) branches(path, word string, branches []jsonNode, r jsonNode, w jsonSide) []Problem {
	if problems, ok := c.choose(path, word, branches, r, w); ok {
		return problems
	}
	// No branch takes all of it. By type it may: [string, null] is taken by anyOf of a string and null.
	have := w.kinds()
	var out []Problem
	for _, k := range kindNames {
		if have&k.is != k.is {
			continue
		}
		have &^= k.is
		narrow := w.with(jsonNode{doc: r.doc, v: map[string]any{"type": k.name}, made: "type " + k.name})
		problems, ok := c.choose(path, word, branches, r, narrow)
		if !ok {
			if VerdictOf(problems) == Undecided {
				return problems
			}
			return one(KindCombined, path+"/"+word, r, w, "no branch of the reader's %s takes all that the writer may write", word)
		}
		out = append(out, problems...)
	}
	return out
}

// choose looks for a branch that takes all of w. ok is false where there is none.
func (c *jsonCheck) choose(path, word string, branches []jsonNode, r jsonNode, w jsonSide) (problems []Problem, ok bool) {
	var unknown []Problem
	for i, b := range branches {
		below := c.covers(path+fmt.Sprintf("/%s/%d", word, i), b, w)
		switch VerdictOf(below) {
		case Incompatible:
			continue
		case Undecided:
			unknown = below
			continue
		}
		if word == "oneOf" {
			for j, other := range branches {
				if j != i && !c.excludes(path, other, w) {
					return undecided(path+"/oneOf", r, fmt.Errorf("that a value fits branch %d of the reader's oneOf and not branch %d as well is not certain", i, j)), true
				}
			}
		}
		return nil, true
	}
	return unknown, false
}

// excludes reports whether it is certain that nothing of the writer's fits n.
func (c *jsonCheck) excludes(path string, n jsonNode, w jsonSide) bool {
	for _, not := range w.not {
		if len(c.covers(path, not, jsonSide{all: []jsonNode{n}})) == 0 {
			return true // what fits n fits what the writer never writes
		}
	}
	return c.apart(n, w, 0)
}

// apart reports whether n and the writer have nothing in common, by their types, values, or the properties that they need.
func (c *jsonCheck) apart(n jsonNode, w jsonSide, depth int) bool {
	if c.steps++; c.steps > mostSteps || depth > 3 {
		return false
	}
	flat, err := w.flat()
	if err != nil {
		return false
	}
	parts, err := n.plain(0)
	if err != nil {
		return false
	}
	both := flat.kinds()
	for _, p := range parts {
		both &= p.kinds()
	}
	if both == 0 {
		return true
	}
	if values, ok := flat.values(); ok && n.made == "" {
		taken := func(v any) bool { yes, err := n.accepts(v); return yes || err != nil }
		return !slices.ContainsFunc(values, taken)
	}
	for _, p := range parts {
		if values, ok := p.values(); ok && !slices.ContainsFunc(values, func(v any) bool { return !flat.refuses(v) }) {
			return true
		}
		for _, word := range []string{"anyOf", "oneOf"} {
			branches := p.subs(word)
			if len(branches) > 0 && !slices.ContainsFunc(branches, func(b jsonNode) bool { return !c.apart(b, flat, depth+1) }) {
				return true
			}
		}
		if both == kindObject && c.objectsApart(p, flat, depth) {
			return true
		}
	}
	return false
}

// refuses reports whether it is certain that the side does not write v.
func (s jsonSide) refuses(v any) bool {
	return slices.ContainsFunc(s.all, func(n jsonNode) bool {
		if n.made != "" {
			return n.kinds()&kindOf(v) == 0
		}
		ok, err := n.accepts(v)
		return err == nil && !ok
	})
}

func (c *jsonCheck) objectsApart(p jsonNode, w jsonSide, depth int) bool {
	for _, n := range w.all {
		for _, name := range n.strings("required") {
			wants, _, err := p.property(name)
			side, _, err2 := w.property(name)
			if err != nil || err2 != nil {
				continue
			}
			if slices.ContainsFunc(wants, func(want jsonNode) bool { return c.apart(want, side, depth+1) }) {
				return true
			}
		}
	}
	return slices.ContainsFunc(p.strings("required"), func(name string) bool {
		side, _, err := w.property(name)
		return err == nil && side.never()
	})
}
