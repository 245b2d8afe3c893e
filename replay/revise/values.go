package revise

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"backstitch/replay/spec"
	"backstitch/replay/tree"
)

// walk compares two values at a path and returns how many members differ.
func (c *Comparer) walk(where, path string, a, b tree.Value) (n int64) {
	switch x := a.(type) {
	case map[string]any:
		if y, ok := b.(map[string]any); ok {
			return c.objects(where, path, x, y)
		}
	case []any:
		if y, ok := b.([]any); ok && len(x) == len(y) {
			for i := range x {
				n += c.walk(where, path+"[]", x[i], y[i])
			}
			return n
		}
	case json.Number:
		if y, ok := b.(json.Number); ok && equal(x, y) {
			return 0
		}
	case tree.Twice: // nobody can tell whether they are the same
	default:
		if a == b { // text, true, false or null: anything else is of another type
			return 0
		}
	}
	c.note(where, path, a, b, func(p *Path) *int64 {
		if tree.Kind(a) == tree.Kind(b) || numbers(a, b) {
			return &p.Changed
		}
		return &p.Retyped
	})
	return 1
}

// numbers reports whether both are numbers: 1 and 1.5 are of one type.
func numbers(a, b tree.Value) bool {
	_, x := a.(json.Number)
	_, y := b.(json.Number)
	return x && y
}

func equal(a, b json.Number) bool {
	x, okX := tree.ParseDecimal([]byte(a))
	y, okY := tree.ParseDecimal([]byte(b))
	if !okX || !okY {
		return a == b
	}
	return x.Equal(y)
}

func (c *Comparer) objects(where, path string, a, b map[string]any) (n int64) {
	for _, name := range slices.Sorted(maps.Keys(a)) {
		at := within(path, name)
		if v, there := b[name]; there {
			n += c.walk(where, at, a[name], v)
			continue
		}
		c.note(where, at, a[name], missing{}, func(p *Path) *int64 { return &p.Removed })
		n++
	}
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if _, there := a[name]; !there {
			c.note(where, within(path, name), missing{}, b[name], func(p *Path) *int64 { return &p.Added })
			n++
		}
	}
	return n
}

// within is the path of a member, in the words of a spec.
func within(path, name string) string {
	name = string(spec.PathOf(name))
	if path == "" {
		return name
	}
	return path + "." + name
}

// missing is what a member is that is not there.
type missing struct{}

func (c *Comparer) note(where, path string, a, b tree.Value, count func(*Path) *int64) {
	p := c.paths[path]
	if p == nil {
		if len(c.paths) == maxPaths {
			c.diff.PathsLeft++
			return
		}
		p = &Path{Path: path}
		c.paths[path] = p
	}
	*count(p)++
	if len(p.Examples) < maxExamples {
		p.Examples = append(p.Examples, Example{where, shown(a), shown(b)})
	}
}

// shown is a value as people read it.
func shown(v tree.Value) string {
	switch v.(type) {
	case missing:
		return ""
	case tree.Twice:
		return "two members of one name"
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return tree.Kind(v) // with two members of one name inside
	}
	text := strings.TrimSpace(b.String())
	if len(text) <= maxShown {
		return text
	}
	cut := maxShown
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "..."
}
