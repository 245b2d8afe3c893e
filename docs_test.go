package backstitch

import (
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The documents for people repeat what the code says: codes, statuses, keys, fields, metrics. Each list is compared here with
// the code, both ways, so that neither a new code nor a page about one that is gone goes unnoticed.

var update = flag.Bool("update", false, "write the parts of docs/ that are made from the code")

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// matches returns what the first group of re finds in text, each once, sorted.
func matches(re *regexp.Regexp, text string) []string {
	var out []string
	for _, m := range re.FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// literals returns what the first group of re finds in the string literals of our packages below the rooms given. Tests and
// kits are left out: they may invent.
func literals(t *testing.T, re *regexp.Regexp, rooms ...string) []string {
	t.Helper()
	var all strings.Builder
	for _, s := range sources(t, parser.SkipObjectResolution) {
		if s.test() || s.kit() || !slices.Contains(rooms, s.room()) {
			continue
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				all.WriteString(lit.Value + "\n")
			}
			return true
		})
	}
	return matches(re, all.String())
}

// same compares a list of the code with one of a document. Lists that are suspiciously short mean that nothing was compared.
func same(t *testing.T, what string, documented, inCode []string, atLeast int) {
	t.Helper()
	if len(inCode) < atLeast {
		t.Errorf("%s: found only %d in the code; is this test still looking at the right place?", what, len(inCode))
	}
	if diff := cmp.Diff(documented, inCode); diff != "" {
		t.Errorf("%s: - is documented and not in the code, + is in the code and not documented:\n%s", what, diff)
	}
}

var (
	codeForm = regexp.MustCompile(`\b(BST-[A-Z]\d{3,4})\b`)
	codeRow  = regexp.MustCompile(`(?m)^\| (BST-[A-Z]\d{3,4}) \|`)
)

func TestEveryCodeIsDocumented(t *testing.T) {
	documented := matches(codeRow, read(t, "docs/errors.md"))
	same(t, "docs/errors.md", documented, literals(t, codeForm, "storage", "fsm", "replay", "cluster", "cmd"), 100)
	rows := map[string]bool{}
	for _, row := range codeRow.FindAllStringSubmatch(read(t, "docs/errors.md"), -1) {
		if rows[row[1]] {
			t.Errorf("docs/errors.md: %s means two things", row[1])
		}
		rows[row[1]] = true
	}
	for _, file := range pages(t) {
		for _, code := range matches(codeForm, read(t, file)) {
			if !slices.Contains(documented, code) {
				t.Errorf("%s mentions %s, and there is no such code", file, code)
			}
		}
	}
}

func TestEveryMetricIsDocumented(t *testing.T) {
	documented := matches(regexp.MustCompile("(?m)^\\| `(backstitch_[a-z_]+)(?:\\{[a-z,]+\\})?` \\|"), read(t, "docs/operate.md"))
	inCode := literals(t, regexp.MustCompile(`(?m)^"(backstitch_[a-z_]+)"$`), "cluster", "cmd", "replay")
	inCode = slices.DeleteFunc(inCode, func(name string) bool { return name == "backstitch_dataset" }) // a label of others' alerts
	same(t, "metrics in docs/operate.md", documented, inCode, 10)
}

func TestEveryExitStatusIsDocumented(t *testing.T) {
	documented := matches(regexp.MustCompile(`(?m)^\| (\d+) \|`), read(t, "docs/exit-status.md"))
	var inCode []string
	for _, file := range []string{"cluster/client/problem.go", "cluster/errors.go"} {
		for _, v := range constants(t, file, "Exit") {
			inCode = append(inCode, v)
		}
	}
	slices.Sort(inCode)
	same(t, "docs/exit-status.md", documented, inCode, 15)
}

func TestEveryKindOfSchemaProblemIsDocumented(t *testing.T) {
	documented := matches(regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| [A-Za-z]"), read(t, "docs/schemas.md"))
	inCode := matches(regexp.MustCompile(`Kind += "([a-z-]+)"`), read(t, "replay/schema/compat/kinds.go"))
	modes := []string{"backward", "forward", "full", "none"}
	documented = slices.DeleteFunc(documented, func(word string) bool { return slices.Contains(modes, word) })
	same(t, "kinds in docs/schemas.md", documented, inCode, 25)
}

// constants returns the values of a file's integer constants that begin with prefix, by name.
func constants(t *testing.T, file, prefix string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, s := range sources(t, parser.SkipObjectResolution) {
		if s.file != file {
			continue
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if ok && len(spec.Names) == 1 && len(spec.Values) == 1 && strings.HasPrefix(spec.Names[0].Name, prefix) {
				if lit, ok := spec.Values[0].(*ast.BasicLit); ok && lit.Kind == token.INT {
					out[spec.Names[0].Name] = lit.Value
				}
			}
			return true
		})
	}
	return out
}

// TestEveryConfigurationKeyIsDocumented compares the table of keys in docs/operate.md with the types that the agent's file is
// read into.
func TestEveryConfigurationKeyIsDocumented(t *testing.T) {
	documented := matches(regexp.MustCompile("(?m)^\\| `([a-z][A-Za-z]*(?:\\.[A-Za-z0-9]+)*)` \\|"), read(t, "docs/operate.md"))
	types := map[string]*ast.StructType{}
	for _, s := range sources(t, parser.SkipObjectResolution) {
		if !strings.HasPrefix(s.file, "cmd/backstitch/config/") || s.test() {
			continue
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if st, ok := spec.Type.(*ast.StructType); ok {
					types[spec.Name.Name] = st
				}
			}
			return true
		})
	}
	keys := yamlKeys(types, "", types["Agent"])
	slices.Sort(keys)
	same(t, "keys in docs/operate.md", documented, keys, 30)
}

// yamlKeys lists the leaves below a struct; a key of a map is written NAME.
func yamlKeys(types map[string]*ast.StructType, path string, st *ast.StructType) []string {
	var out []string
	for _, field := range st.Fields.List {
		tag, _ := strconv.Unquote(field.Tag.Value)
		name, _, _ := strings.Cut(reflect.StructTag(tag).Get("yaml"), ",")
		at := strings.TrimPrefix(path+"."+name, ".")
		typ := field.Type
		if m, ok := typ.(*ast.MapType); ok {
			typ, at = m.Value, at+".NAME"
		}
		if p, ok := typ.(*ast.StarExpr); ok {
			typ = p.X
		}
		if id, ok := typ.(*ast.Ident); ok && types[id.Name] != nil {
			out = append(out, yamlKeys(types, at, types[id.Name])...)
		} else {
			out = append(out, at)
		}
	}
	return out
}

// field is what a JSON Schema says about one place.
type field struct {
	Ref         string            `json:"$ref"`
	Defs        map[string]*field `json:"$defs"`
	Description string            `json:"description"`
	Type        string            `json:"type"`
	Pattern     string            `json:"pattern"`
	Enum        []any             `json:"enum"`
	Default     any               `json:"default"`
	Minimum     *json.Number      `json:"minimum"`
	Maximum     *json.Number      `json:"maximum"`
	Properties  map[string]*field `json:"properties"`
	Items       *field            `json:"items"`
	Required    []string          `json:"required"`
}

// TestTheTableOfSpecFieldsIsThatOfTheSchema keeps the tables in docs/spec.md, docs/datasets.md and docs/flows.md, which are written by
// go test -run SpecFields -update . from the schemas that the files are checked against.
func TestTheTableOfSpecFieldsIsThatOfTheSchema(t *testing.T) {
	for page, file := range map[string]string{
		"docs/spec.md": "replay/spec/recovery.v1.schema.json", "docs/datasets.md": "replay/spec/dataset.v1.schema.json",
		"docs/flows.md": "replay/spec/flow.v1.schema.json",
	} {
		fieldTable(t, page, file)
	}
}

func fieldTable(t *testing.T, file, schemaFile string) {
	t.Helper()
	var schema field
	dec := json.NewDecoder(strings.NewReader(read(t, schemaFile)))
	dec.UseNumber() // a million is not 1e+06
	if err := dec.Decode(&schema); err != nil {
		t.Fatal(err)
	}
	root := schema.Defs[strings.TrimPrefix(schema.Ref, "#/$defs/")]
	if root == nil {
		root = &schema
	}
	table := "| field | needed | default | what it says |\n|---|---|---|---|\n" + rows(schema.Defs, "", root)
	if n := strings.Count(table, "\n"); n < 30 {
		t.Fatalf("the schema gives %d lines; is this test still reading it right?", n)
	}
	const begin, end = "<!-- fields: made from the schema, see docs_test.go -->\n", "<!-- end of fields -->"
	page := read(t, file)
	before, rest, ok1 := strings.Cut(page, begin)
	old, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("%s has lost the marks around its table of fields", file)
	}
	if *update {
		if err := os.WriteFile(file, []byte(before+begin+table+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.Split(old, "\n"), strings.Split(table, "\n")); diff != "" {
		t.Errorf("%s is not what the schema says (-page +schema); go test -run SpecFields -update . writes it:\n%s", file, diff)
	}
}

func rows(defs map[string]*field, path string, at *field) string {
	var b strings.Builder
	names := make([]string, 0, len(at.Properties))
	for name := range at.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f := at.Properties[name]
		def := f
		if f.Ref != "" {
			def = defs[strings.TrimPrefix(f.Ref, "#/$defs/")]
		}
		full := strings.TrimPrefix(path+"."+name, ".")
		text := f.Description
		if text == "" {
			text = def.Description
		}
		if def.Items != nil { // a list: what its entries have
			full += "[]"
			if entry := defs[strings.TrimPrefix(def.Items.Ref, "#/$defs/")]; entry != nil {
				def = entry
			} else {
				def = def.Items
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", full, needed(at, name), preset(f, def), text+limits(def))
		b.WriteString(rows(defs, full, def))
	}
	return b.String()
}

func needed(at *field, name string) string {
	if slices.Contains(at.Required, name) {
		return "yes"
	}
	return ""
}

func preset(f, def *field) string {
	for _, v := range []any{f.Default, def.Default} {
		if v != nil {
			return fmt.Sprintf("`%v`", v)
		}
	}
	return ""
}

func limits(f *field) string {
	var out string
	if len(f.Enum) > 0 {
		var words []string
		for _, w := range f.Enum {
			words = append(words, fmt.Sprintf("`%v`", w))
		}
		out += " One of " + strings.Join(words, ", ") + "."
	}
	if f.Minimum != nil {
		out += " At least " + f.Minimum.String() + "."
	}
	if f.Maximum != nil {
		out += " At most " + f.Maximum.String() + "."
	}
	return out
}
