package compat

import (
	"errors"
	"fmt"
	"slices"
)

// anyOf, oneOf, not, and keywords that are compared by their text alone. The trap is oneOf: that a branch takes a value is not enough, no
// other one may.

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
		same := func(n jsonNode) bool { return r.sameAs(n, v, n.object()[word]) }
		switch word {
		case "then", "else":
			continue // with if
		case "if":
			same = func(n jsonNode) bool {
				for _, part := range []string{"if", "then", "else"} {
					if !r.sameAs(n, r.object()[part], n.object()[part]) {
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
