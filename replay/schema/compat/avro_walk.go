package compat

import (
	"fmt"
	"slices"
	"strings"
)

// avroWalk collects the places where a reader does not fit a writer. Pairs that are being looked at count as fitting, or a recursive type
// would never end.
type avroWalk struct {
	seen     map[[2]*avroType]bool
	problems []Problem
}

func (c *avroWalk) add(kind Kind, path string, r, w fmt.Stringer, format string, args ...any) {
	p := Problem{Kind: kind, Path: path, Text: fmt.Sprintf(format, args...)}
	if path == "" {
		p.Path = "(root)"
	}
	if r != nil {
		p.Reader = brief(r.String())
	}
	if w != nil {
		p.Writer = brief(w.String())
	}
	c.problems = append(c.problems, p)
}

// word is text where a type is asked for.
type word string

func (w word) String() string { return string(w) }

func (c *avroWalk) types(path string, r, w *avroType) {
	pair := [2]*avroType{r, w}
	if c.seen[pair] {
		return
	}
	c.seen[pair] = true
	switch {
	case w.kind == "union":
		for _, branch := range w.branches {
			at := path
			if r.kind != "union" {
				c.types(at, r, branch)
				continue
			}
			c.branch(at, r, branch)
		}
	case r.kind == "union":
		c.branch(path, r, w)
	case r.kind != w.kind:
		if !slices.Contains(avroPromotions[w.kind], r.kind) {
			c.add(KindType, path, r, w, "the writer's %s can not be read as %s", w.kind, r.kind)
		}
	default:
		c.same(path, r, w)
	}
}

// avroPromotions are the types that one may be read as, by the specification's chapter on resolution.
var avroPromotions = map[string][]string{
	"int": {"long", "float", "double"}, "long": {"float", "double"}, "float": {"double"}, "string": {"bytes"}, "bytes": {"string"},
}

// branch compares a writer's type with the branch of the reader's union that takes it.
func (c *avroWalk) branch(path string, r, w *avroType) {
	if found := avroBranch(r.branches, w); found != nil {
		c.types(path, found, w)
		return
	}
	c.add(KindBranch, path, r, w, "no branch of the reader's union takes the writer's %s", w)
}

// avroBranch is the branch that reads w: by full name or alias, else by the name alone, else by promotion.
func avroBranch(branches []*avroType, w *avroType) *avroType {
	alike := func(r *avroType) bool { return r.kind == w.kind && r.size == w.size }
	for _, fits := range []func(*avroType) bool{
		func(r *avroType) bool {
			return alike(r) && (r.name == w.name || slices.Contains(r.aliases, w.name))
		},
		func(r *avroType) bool {
			return alike(r) && (unqualified(r.name) == unqualified(w.name) || slices.Contains(r.bare, unqualified(w.name)))
		},
		func(r *avroType) bool { return slices.Contains(avroPromotions[w.kind], r.kind) },
	} {
		if i := slices.IndexFunc(branches, fits); i >= 0 {
			return branches[i]
		}
	}
	return nil
}

func unqualified(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

func avroNamesMatch(r, w *avroType) bool {
	return unqualified(r.name) == unqualified(w.name) || slices.Contains(r.aliases, w.name) || slices.Contains(r.bare, unqualified(w.name))
}

// same compares two types of one kind.
func (c *avroWalk) same(path string, r, w *avroType) {
	switch r.kind {
	case "array":
		c.types(path+"[]", r.items, w.items)
		return
	case "map":
		c.types(path+"{}", r.items, w.items)
		return
	case "record", "enum", "fixed":
		if !avroNamesMatch(r, w) {
			c.add(KindName, path, r, w, "the writer's %s is called %s, the reader's %s, and no alias says that they are one", w.kind, w.name, r.name)
			return
		}
	}
	switch r.kind {
	case "record":
		c.record(path, r, w)
		return
	case "enum":
		c.enum(path, r, w)
		return
	case "fixed":
		if r.size != w.size {
			c.add(KindSize, path, r, w, "the writer's %s has %d bytes, the reader's %d", w.name, w.size, r.size)
			return
		}
	}
	if r.logical == "decimal" && w.logical == "decimal" && r.decimal != w.decimal {
		c.add(KindDecimal, path, r, w, "the writer's decimal has %d digits, %d of them fraction; the reader's %d and %d", w.decimal[0], w.decimal[1], r.decimal[0], r.decimal[1])
	}
}

func (c *avroWalk) enum(path string, r, w *avroType) {
	if r.fallback != nil {
		return
	}
	var unknown []string
	for _, s := range w.symbols {
		if !slices.Contains(r.symbols, s) {
			unknown = append(unknown, s)
		}
	}
	if len(unknown) > 0 {
		c.add(KindSymbol, path, word(strings.Join(r.symbols, ", ")), word(strings.Join(w.symbols, ", ")),
			"the reader's enum lacks %s, which the writer may write, and has no default", strings.Join(unknown, ", "))
	}
}

func (c *avroWalk) record(path string, r, w *avroType) {
	at := func(field string) string {
		if path == "" {
			return field
		}
		return path + "." + field
	}
	written := map[string]*avroField{}
	for i := range w.fields {
		written[w.fields[i].name] = &w.fields[i]
	}
	claims := map[string][]string{} // fields of the writer, by the reader's that takes them
	for i := range r.fields {
		f := &r.fields[i]
		var from *avroField
		for _, name := range append([]string{f.name}, f.aliases...) {
			if wf := written[name]; wf != nil {
				if from == nil {
					from = wf
				}
				if taker := avroTaker(r.fields, name); taker == i && !slices.Contains(claims[f.name], name) {
					claims[f.name] = append(claims[f.name], name)
				}
			}
		}
		switch {
		case from != nil:
			c.types(at(f.name), f.typ, from.typ)
		case f.preset == nil:
			c.add(KindDefault, at(f.name), f.typ, nil, "the writer has no field %s, and the reader's has no default", f.name)
		}
	}
	for _, f := range r.fields {
		if names := claims[f.name]; len(names) > 1 {
			c.add(KindAlias, at(f.name), word(f.name), word(strings.Join(names, ", ")),
				"the writer's fields %s are all the reader's field %s, by its name and aliases", strings.Join(names, " and "), f.name)
		}
	}
}

// avroTaker is the reader's field that takes the writer's field of a name: that of the name itself before one that has it as an alias.
func avroTaker(fields []avroField, name string) int {
	if i := slices.IndexFunc(fields, func(f avroField) bool { return f.name == name }); i >= 0 {
		return i
	}
	return slices.IndexFunc(fields, func(f avroField) bool { return slices.Contains(f.aliases, name) })
}
