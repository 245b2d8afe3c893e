package compat

import (
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
)

// What is inside of objects and arrays. The traps are names that nobody names: a property that only the reader describes may have been
// written by anybody whose content model is open, and one name may fit several patterns at once.

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
				same := func(n jsonNode) bool { v, ok := n.named(word, name); return ok && r.sameAs(n, m[name], v.v) }
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
