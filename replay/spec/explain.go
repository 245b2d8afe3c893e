package spec

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// node is as much of a JSON Schema as explaining needs.
type node struct {
	Ref         string           `json:"$ref"`
	Defs        map[string]*node `json:"$defs"`
	Description string           `json:"description"`
	Type        string           `json:"type"`
	Enum        []any            `json:"enum"`
	Default     any              `json:"default"`
	Pattern     string           `json:"pattern"`
	Minimum     *json.Number     `json:"minimum"`
	Maximum     *json.Number     `json:"maximum"`
	Properties  map[string]*node `json:"properties"`
	Required    []string         `json:"required"`
	MaxProps    *int             `json:"maxProperties"`
	MinItems    *json.Number     `json:"minItems"`
	MaxItems    *json.Number     `json:"maxItems"`
	Items       *node            `json:"items"`
}

func (f *format) root() *node {
	var n node
	if err := json.Unmarshal(f.schema, &n); err != nil {
		panic(fmt.Sprintf("spec: embedded schema: %v", err)) // it is compiled in, and a test reads it
	}
	return &n
}

// find follows path and returns the field as its parent shows it, and what it is. A list is looked through: its entries' fields
// are found with the number of an entry in the path and without.
func (f *format) find(path []string) (field, def *node, ok bool) {
	r := f.root()
	resolve := func(n *node) *node {
		if name, ref := strings.CutPrefix(n.Ref, "#/$defs/"); ref {
			return r.Defs[name]
		}
		return n
	}
	field, def = r, r
	for _, step := range path {
		if def.Items != nil {
			def = resolve(def.Items)
			if _, err := strconv.Atoi(step); err == nil {
				field = def
				continue
			}
		}
		next := def.Properties[step]
		if next == nil {
			return field, def, false
		}
		field, def = next, resolve(next)
	}
	return field, def, true
}

// entry is what the entries of a list are, and def itself for everything else.
func (f *format) entry(def *node) *node {
	if def.Items == nil {
		return def
	}
	if name, ref := strings.CutPrefix(def.Items.Ref, "#/$defs/"); ref {
		return f.root().Defs[name]
	}
	return def.Items
}

// fieldsAt returns the keys that a mapping, or each entry of a list of mappings, may have.
func (f *format) fieldsAt(path []string) []string {
	_, def, ok := f.find(path)
	if !ok {
		return nil
	}
	def = f.entry(def)
	names := make([]string, 0, len(def.Properties))
	for n := range def.Properties {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

func (f *format) patternAt(path []string) string {
	if _, def, ok := f.find(path); ok {
		return def.Pattern
	}
	return ""
}

// Explain describes the field of a kind, "" for Recovery, at a dotted path, such as spec.write.commitInterval; "" is the whole spec.
// An unknown path is an error that suggests another.
func Explain(kind, path string) (string, error) {
	f, err := formatOf(kind)
	if err != nil {
		return "", err
	}
	var steps []string
	if path != "" {
		steps = strings.Split(path, ".")
	}
	for i := range steps {
		if _, _, ok := f.find(steps[:i+1]); !ok {
			p := Problem{Code: CodeUnknown, Path: path, Line: 0, Message: "there is no field " + strings.Join(steps[:i+1], ".")}
			fields := f.fieldsAt(steps[:i])
			p.Hint = "fields here: " + strings.Join(fields, ", ")
			if near := nearest(steps[i], fields); near != "" {
				p.Hint = "did you mean " + join(strings.Join(steps[:i], "."), near) + "?"
			}
			return "", &pathError{p}
		}
	}
	field, def, _ := f.find(steps)
	var b strings.Builder
	name := path
	if name == "" {
		name = f.word
	}
	fmt.Fprintf(&b, "%s <%s>\n", name, typeName(def))
	if d := cmpOr(field.Description, def.Description); d != "" {
		fmt.Fprintf(&b, "  %s\n", d)
	}
	for _, line := range facts(field, def) {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	inside := f.entry(def)
	for _, line := range facts(inside, inside) {
		if inside != def {
			fmt.Fprintf(&b, "  %s\n", line)
		}
	}
	if len(inside.Properties) > 0 {
		b.WriteString("\nFields\n")
		for _, n := range f.fieldsAt(steps) {
			member, d, _ := f.find(append(slices.Clone(steps), n))
			mark := ""
			if slices.Contains(inside.Required, n) {
				mark = " (required)"
			}
			fmt.Fprintf(&b, "  %-15s <%s>%s\n", n, typeName(d), mark)
			if text := cmpOr(member.Description, d.Description); text != "" {
				fmt.Fprintf(&b, "      %s\n", text)
			}
		}
	}
	return b.String(), nil
}

func facts(field, def *node) []string {
	var out []string
	if len(def.Enum) > 0 {
		var words []string
		for _, e := range def.Enum {
			words = append(words, fmt.Sprint(e))
		}
		out = append(out, "one of   "+strings.Join(words, ", "))
	}
	if d := field.Default; d != nil {
		out = append(out, fmt.Sprintf("default  %v", d))
	} else if def.Default != nil {
		out = append(out, fmt.Sprintf("default  %v", def.Default))
	}
	if def.Minimum != nil {
		out = append(out, "at least "+def.Minimum.String())
	}
	if def.Maximum != nil {
		out = append(out, "at most  "+def.Maximum.String())
	}
	if def.MinItems != nil {
		out = append(out, "at least "+def.MinItems.String()+" of them")
	}
	if def.MaxItems != nil {
		out = append(out, "at most  "+def.MaxItems.String()+" of them")
	}
	if h := unitHints[def.Pattern]; h != "" {
		out = append(out, "form     "+h)
	}
	if def.MaxProps != nil && *def.MaxProps == 1 {
		out = append(out, "exactly one of the fields below")
	}
	return out
}

func typeName(n *node) string {
	switch n.Pattern {
	case durationPattern:
		return "duration"
	case bytesPattern:
		return "size"
	case timePattern:
		return "time"
	case partitionsPattern:
		return "partitions"
	case pathPattern:
		return "path"
	}
	switch n.Type {
	case "object":
		return "mapping"
	case "string":
		return "text"
	case "boolean":
		return "true or false"
	case "array":
		return "list"
	case "":
		return "any value"
	}
	return n.Type
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// pathError is a field that Explain was asked for and that there is not.
type pathError struct{ p Problem }

func (e *pathError) Error() string     { return e.p.Message + "\n" + e.p.Hint }
func (e *pathError) ErrorCode() string { return e.p.Code }
func (e *pathError) ExitStatus() int   { return 2 }
func (e *pathError) Next() string      { return "backstitch spec explain spec" }

// nearest returns the word of words that is closest to s, "" when none is close.
func nearest(s string, words []string) string {
	best, at := "", len(s)/3+2
	for _, w := range words {
		if d := distance(strings.ToLower(s), strings.ToLower(w)); d < at {
			best, at = w, d
		}
	}
	return best
}

// distance is the number of letters to insert, delete or change to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
