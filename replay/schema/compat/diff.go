package compat

import (
	"cmp"
	"slices"
)

// part is what a schema says in one place.
type part struct{ path, text string }

// Change is one place in which two schemas differ. Old is "" where it is new, New where it is gone.
type Change struct {
	Path string `json:"path"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
}

// Diff lists in which places b says something else than a, in the order of their paths. What a machine does not read (documentation, the
// order of fields, blanks) does not count.
func Diff(a, b *Schema) []Change {
	old, now := map[string]string{}, map[string]string{}
	var paths []string
	for _, side := range []struct {
		s  *Schema
		to map[string]string
	}{{a, old}, {b, now}} {
		for _, p := range side.s.lang.parts() {
			side.to[p.path] = p.text
			paths = append(paths, p.path)
		}
	}
	if a.typ != b.typ {
		return []Change{{Path: "", Old: a.typ.String(), New: b.typ.String()}}
	}
	slices.SortFunc(paths, cmp.Compare[string])
	out := []Change{}
	for _, p := range slices.Compact(paths) {
		if old[p] != now[p] {
			out = append(out, Change{p, old[p], now[p]})
		}
	}
	return out
}
