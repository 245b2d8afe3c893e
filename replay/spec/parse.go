package spec

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// Parsing is in three layers: YAML syntax, which stops at its first error; the schema, which finds all; and what the schema
// can not say (semantics.go). The decoder's own strictness is not used for messages, because it stops at the first unknown
// key. It stays on, so that schema and types can not come apart without an error.

// MaxBytes bounds a spec, so that a wrong file name does not read a disk.
const MaxBytes = 1 << 20

// maxDepth bounds nesting. A spec needs 5.
const maxDepth = 32

// Options are what a caller knows besides the file.
type Options struct {
	// Connections are the names that are configured, with what each is: "kafka", "s3" or "registry". nil means that nobody asked, and no
	// name is refused.
	Connections map[string]string
	// ReadFile reads a file that the spec names; nil refuses them.
	ReadFile func(name string) ([]byte, error)
}

// Parse reads a spec. name is how errors call the file. Everything that is wrong comes back in one *Error.
func Parse(name string, data []byte, opts Options) (*Recovery, error) {
	d := &document{format: recoveryFormat, name: name, text: string(data)}
	var rec Recovery
	if err := d.parse(data, &rec); err != nil {
		return nil, err
	}
	if d.problems = append(d.problems, semantics(&rec, opts)...); len(d.problems) > 0 {
		return nil, d.error()
	}
	return &rec, nil
}

// document is one file on its way to a Recovery or a Dataset, with what is wrong with it so far.
type document struct {
	format   *format
	name     string
	text     string
	root     ast.Node
	problems []Problem
}

// parse reads data into out by way of YAML and the schema.
func (d *document) parse(data []byte, out any) error {
	if len(data) > MaxBytes {
		return d.fail(Problem{Code: CodeSyntax, Message: fmt.Sprintf("the file has %d bytes, a spec has at most %d", len(data), MaxBytes),
			Hint: "is it the right file?"})
	}
	value, err := d.read(data)
	if err != nil {
		return err
	}
	schema, err := d.format.compiled()
	if err != nil {
		return fmt.Errorf("compile schema: %w", err)
	}
	var invalid *jsonschema.ValidationError
	switch err := schema.Validate(value); {
	case errors.As(err, &invalid):
		d.schemaProblems(invalid)
	case err != nil:
		return fmt.Errorf("validate %s: %w", d.name, err)
	}
	if len(d.problems) > 0 {
		return d.error()
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("read %s: %w", d.name, err)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(out); err != nil {
		return d.fail(Problem{Code: CodeType, Message: err.Error()})
	}
	return nil
}

// read parses YAML into plain values as a JSON decoder makes them.
func (d *document) read(data []byte) (any, error) {
	file, err := parser.ParseBytes(data, parser.ParseComments)
	if err != nil {
		return nil, d.syntax(err)
	}
	switch {
	case len(file.Docs) == 0 || file.Docs[0].Body == nil:
		return nil, d.fail(Problem{Code: CodeSyntax, Message: "the file is empty", Hint: "backstitch spec init writes one to begin with"})
	case len(file.Docs) > 1:
		return nil, d.fail(Problem{Code: CodeSyntax, Message: fmt.Sprintf("the file holds %d documents", len(file.Docs)), Hint: "one spec per file"})
	}
	d.root = file.Docs[0].Body
	if err := d.walk(d.root, 0); err != nil {
		return nil, err
	}
	var value any
	if err := yaml.NodeToValue(d.root, &value, yaml.Strict()); err != nil {
		return nil, d.syntax(err)
	}
	text, err := json.Marshal(exact(d.root, value))
	if err != nil {
		return nil, d.fail(Problem{Code: CodeType, Message: err.Error(), Hint: "keys are words"})
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(text))
}

// exact returns value, which n stands for, with its numbers as they are written: a float64 would change 1.0 and any of more than 17
// digits. Numbers that YAML alone writes, such as 0x10, stay what they became.
func exact(n ast.Node, value any) any {
	switch n := n.(type) {
	case *ast.MappingNode:
		for _, e := range n.Values {
			exact(e, value)
		}
	case *ast.MappingValueNode:
		if m, ok := value.(map[string]any); ok {
			if v, ok := m[n.Key.GetToken().Value]; ok {
				m[n.Key.GetToken().Value] = exact(n.Value, v)
			}
		}
	case *ast.SequenceNode:
		if list, ok := value.([]any); ok {
			for i := range min(len(list), len(n.Values)) {
				list[i] = exact(n.Values[i], list[i])
			}
		}
	case *ast.IntegerNode, *ast.FloatNode:
		if text := n.GetToken().Value; json.Valid([]byte(text)) {
			return json.Number(text)
		}
	}
	return value
}

// walk refuses what a spec has no use for: anchors and aliases, which can make a small file endless, merge keys, and depth.
func (d *document) walk(n ast.Node, depth int) error {
	place := func(message, hint string) error {
		p := n.GetToken().Position
		return d.fail(Problem{Code: CodeSyntax, Line: p.Line, Column: p.Column, Message: message, Hint: hint})
	}
	if depth > maxDepth {
		return place("nested too deep", "")
	}
	switch n := n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode, *ast.TagNode:
		return place("anchors, aliases and tags are not used in specs", "write the value out")
	case *ast.MappingNode:
		for _, v := range n.Values {
			if err := d.walk(v, depth+1); err != nil {
				return err
			}
		}
	case *ast.MappingValueNode:
		if err := d.walk(n.Key, depth+1); err != nil {
			return err
		}
		return d.walk(n.Value, depth+1)
	case *ast.SequenceNode:
		for _, v := range n.Values {
			if err := d.walk(v, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// syntax turns what the YAML library says into a problem.
func (d *document) syntax(err error) error {
	p := Problem{Code: CodeSyntax, Message: err.Error()}
	var ye yaml.Error
	if errors.As(err, &ye) {
		p.Message = "not YAML: " + ye.GetMessage()
		if t := ye.GetToken(); t != nil {
			p.Line, p.Column = t.Position.Line, t.Position.Column
		}
		if strings.Contains(ye.GetMessage(), "duplicate") || strings.Contains(ye.GetMessage(), "already defined") {
			p.Code, p.Message, p.Hint = CodeDuplicate, "a key is there twice: "+ye.GetMessage(), "keep one of them"
		}
	}
	return d.fail(p)
}

// schemaProblems collects the leaves of the validator's tree.
func (d *document) schemaProblems(e *jsonschema.ValidationError) {
	for _, c := range e.Causes {
		d.schemaProblems(c)
	}
	if len(e.Causes) > 0 {
		return
	}
	at := e.InstanceLocation
	path := strings.Join(at, ".")
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, key := range k.Properties {
			p := Problem{Code: CodeUnknown, Path: join(path, key), Message: "there is no key " + join(path, key)}
			if near := nearest(key, d.format.fieldsAt(at)); near != "" {
				p.Hint = "did you mean " + near + "?"
			} else {
				p.Hint = "keys here: " + strings.Join(d.format.fieldsAt(at), ", ")
			}
			d.problems = append(d.problems, p)
		}
	case *kind.Required:
		for _, key := range k.Missing {
			d.problems = append(d.problems, Problem{Code: CodeRequired, Path: path, Message: join(path, key) + " is missing",
				Hint: "backstitch spec explain " + d.format.flag() + join(path, key)})
		}
	case *kind.Type:
		d.problems = append(d.problems, d.typeProblem(at, path, k))
	case *kind.Enum:
		var want []string
		for _, w := range k.Want {
			want = append(want, fmt.Sprint(w))
		}
		p := Problem{Code: CodeValue, Path: path, Message: fmt.Sprintf("%s is %v", path, show(k.Got)), Hint: "allowed: " + strings.Join(want, ", ")}
		if near := nearest(fmt.Sprint(k.Got), want); near != "" {
			p.Hint = "did you mean " + near + "? " + p.Hint
		}
		d.problems = append(d.problems, p)
	case *kind.Pattern:
		code := CodeValue
		if k.Want == tokenPattern {
			d.problems = append(d.problems, Problem{Code: CodeSecret, Path: path, Message: path + " is not a reference to a secret", Hint: unitHints[k.Want]})
			return
		}
		if k.Want == durationPattern || k.Want == bytesPattern || k.Want == throughPattern || k.Want == timePattern {
			code = CodeUnit
		}
		d.problems = append(d.problems, Problem{Code: code, Path: path, Message: fmt.Sprintf("%s is %q", path, k.Got), Hint: unitHints[k.Want]})
	case *kind.MinProperties:
		d.problems = append(d.problems, Problem{Code: CodeOneOf, Path: path, Message: path + " says nothing", Hint: "write one of " + strings.Join(d.format.fieldsAt(at), ", ")})
	case *kind.MaxProperties:
		d.problems = append(d.problems, Problem{Code: CodeOneOf, Path: path, Message: fmt.Sprintf("%s has %d keys", path, k.Got),
			Hint: "keep exactly one of " + strings.Join(d.format.fieldsAt(at), ", ")})
	default:
		d.problems = append(d.problems, Problem{Code: CodeValue, Path: path, Message: path + ": " + limitText(e.ErrorKind)})
	}
}

func (d *document) typeProblem(at []string, path string, k *kind.Type) Problem {
	if path == "" {
		path = "the file"
	}
	p := Problem{Code: CodeType, Path: path, Message: fmt.Sprintf("%s is a %s, want a %s", path, yamlWord(k.Got), yamlWord(strings.Join(k.Want, " or ")))}
	if k.Got == "null" {
		p.Message = path + " is empty"
		p.Hint = "write a value, or leave the key out"
	}
	if pattern := d.format.patternAt(at); pattern != "" && k.Got == "number" {
		p.Code, p.Message, p.Hint = CodeUnit, path+" is a bare number", unitHints[pattern]
	}
	return p
}

// yamlWord is what a person calls a JSON type.
func yamlWord(t string) string {
	return strings.NewReplacer("object", "mapping", "array", "list", "boolean", "true or false", "string", "text").Replace(t)
}

func limitText(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Minimum:
		return fmt.Sprintf("%s is less than %s", k.Got.RatString(), k.Want.RatString())
	case *kind.Maximum:
		return fmt.Sprintf("%s is more than %s", k.Got.RatString(), k.Want.RatString())
	case *kind.MinItems:
		return fmt.Sprintf("has %d entries, want at least %d", k.Got, k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("has %d entries, want at most %d", k.Got, k.Want)
	case *kind.MinLength:
		return fmt.Sprintf("has %d characters, want at least %d", k.Got, k.Want)
	case *kind.MaxLength:
		return fmt.Sprintf("has %d characters, want at most %d", k.Got, k.Want)
	}
	return fmt.Sprintf("%T", k)
}

func show(v any) string {
	if s, ok := v.(string); ok {
		return strconv.Quote(s)
	}
	return fmt.Sprint(v)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func (d *document) fail(p Problem) error {
	d.problems = append(d.problems, p)
	return d.error()
}

// error finds the place of each problem that has none yet and returns them in order.
func (d *document) error() *Error {
	secret := map[int]bool{} // lines that may hold one
	lines := strings.Split(d.text, "\n")
	for i := range d.problems {
		p := &d.problems[i]
		if p.Line == 0 {
			p.Line, p.Column = d.place(p)
			d.enter(p)
		}
		secret[p.Line] = secret[p.Line] || p.Code == CodeSecret
		if p.Code == CodeUnknown && p.Line >= 1 && p.Line <= len(lines) {
			lines[p.Line-1] = hideValue(lines[p.Line-1], p.Column)
		}
	}
	for i := range d.problems {
		p := &d.problems[i]
		if !secret[p.Line] {
			p.Excerpt = withoutLogin(excerpt(lines, p.Line, p.Column))
		}
		p.Message, p.Hint = withoutLogin(p.Message), withoutLogin(p.Hint)
	}
	slices.SortStableFunc(d.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return &Error{File: d.name, Problems: d.problems}
}

// place finds where a path is: the key for an unknown key and for a mapping, the value otherwise. A path that is not there
// gives its nearest parent.
func (d *document) place(p *Problem) (line, column int) {
	n := d.root
	line, column = 1, 1
	if n == nil || p.Path == "" {
		return line, column
	}
	steps := strings.Split(p.Path, ".")
	for i := 0; i < len(steps); i++ {
		key, value := member(n, steps[i:])
		if key == nil {
			return line, column
		}
		i += strings.Count(key.GetToken().Value, ".") // annotation keys may hold dots
		at := key.GetToken().Position
		line, column = at.Line, at.Column
		if i >= len(steps)-1 && p.Code != CodeUnknown && p.Code != CodeRequired {
			if _, ok := value.(ast.ScalarNode); ok {
				at = value.GetToken().Position
				line, column = at.Line, at.Column
			}
		}
		n = value
	}
	return line, column
}

// enter moves p from the beginning of a text to the place within it that p is about, where the text stands as it is: on one line, or
// behind a |. Elsewhere p stays where it is.
func (d *document) enter(p *Problem) {
	lines := strings.Split(d.text, "\n")
	if p.within.line < 1 || p.Line > len(lines) {
		return
	}
	rest := []rune(lines[p.Line-1])
	if rest = rest[min(max(p.Column-1, 0), len(rest)):]; len(rest) == 0 {
		return
	}
	switch quote := rest[0]; {
	case quote == '|':
		if at := p.Line + p.within.line; at <= len(lines) {
			indent := len(lines[p.Line]) - len(strings.TrimLeft(lines[p.Line], " "))
			p.Line, p.Column = at, indent+p.within.column
		}
	case p.within.line > 1, quote == '>':
	case quote != '"' && quote != '\'':
		p.Column += p.within.column - 1
	case !strings.ContainsRune(string(rest[1:min(p.within.column, len(rest))]), map[rune]rune{'"': '\\', '\'': '\''}[quote]):
		p.Column += p.within.column
	}
}

// member finds the entry of a mapping whose key is the first of steps, or the first few joined by dots.
func member(n ast.Node, steps []string) (key, value ast.Node) {
	var entries []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		entries = n.Values
	case *ast.MappingValueNode:
		entries = []*ast.MappingValueNode{n}
	case *ast.SequenceNode:
		if i, err := strconv.Atoi(steps[0]); err == nil && i >= 0 && i < len(n.Values) {
			return first(n.Values[i]), n.Values[i]
		}
	}
	for _, e := range entries {
		k := e.Key.GetToken().Value
		if k == steps[0] || strings.Join(steps[:min(len(steps), strings.Count(k, ".")+1)], ".") == k {
			return e.Key, e.Value
		}
	}
	return nil, nil
}

// first is where an entry of a list begins: its first key when it is a mapping.
func first(n ast.Node) ast.Node {
	switch n := n.(type) {
	case *ast.MappingNode:
		if len(n.Values) > 0 {
			return n.Values[0].Key
		}
	case *ast.MappingValueNode:
		return n.Key
	}
	return n
}
