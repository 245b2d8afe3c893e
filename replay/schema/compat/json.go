package compat

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// JSON Schema has no resolution as Avro has: a reader reads what its schema accepts. So the question is whether the reader's schema
// accepts all that the writer's does, which json_covers.go answers keyword by keyword. This file is documents and the places in them. The
// trap: references may lead to files and networks; here they lead to what was handed in, or nowhere.

// jsonDoc is one document.
type jsonDoc struct {
	name   string // as a reference calls it; "" for the schema itself
	base   *url.URL
	root   any
	others map[string]*jsonDoc // by name
	nested bool                // places in it have addresses of their own, which change what its references mean
	draft  int                 // 4, 6, 7, 2019 or 2020

	mu       sync.Mutex
	compiler *jsonschema.Compiler
}

type jsonSchema struct{ doc *jsonDoc }

// jsonNode is a place in a document. A made one has no place there: what the walk has put together.
type jsonNode struct {
	doc  *jsonDoc
	at   string // JSON Pointer
	v    any    // bool or map[string]any
	made string // what it was made of, "" for a place
}

func parseJSON(text string, refs []Reference) (language, error) {
	others := map[string]*jsonDoc{}
	main, err := newJSONDoc("", text, others)
	if err != nil {
		return nil, err
	}
	for _, r := range refs {
		if others[r.Name], err = newJSONDoc(r.Name, r.Text.Schema, others); err != nil {
			return nil, fmt.Errorf("reference %q: %w", r.Name, err)
		}
	}
	for _, d := range append(slices.Collect(maps.Values(others)), main) {
		if err := d.compile(main, others); err != nil {
			return nil, err
		}
	}
	if _, err := main.compiler.Compile(main.base.String()); err != nil {
		return nil, err
	}
	return &jsonSchema{main}, nil
}

func newJSONDoc(name, text string, others map[string]*jsonDoc) (*jsonDoc, error) {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	d := &jsonDoc{name: name, root: v, others: others, draft: 7}
	address, id := "registry:///"+url.PathEscape(name), "$id"
	switch v := v.(type) {
	case bool:
	case map[string]any:
		said, _ := v["$schema"].(string)
		for part, draft := range map[string]int{"draft-04": 4, "draft-06": 6, "draft/2019-09": 2019, "draft/2020-12": 2020} {
			if strings.Contains(said, part) {
				d.draft = draft
			}
		}
		if d.draft == 4 {
			id = "id"
		}
		if own, ok := v[id].(string); ok && !strings.HasPrefix(own, "#") {
			address = own
		}
	default:
		return nil, errors.New("it is neither an object nor true or false")
	}
	if d.base, err = url.Parse(address); err != nil {
		return nil, fmt.Errorf("its $id is no address: %w", err)
	}
	if !d.base.IsAbs() {
		d.base = (&url.URL{Scheme: "registry", Path: "/"}).ResolveReference(d.base)
	}
	d.base.Fragment = ""
	d.nested, err = addressed(v, id, 0)
	return d, err
}

// addressed reports whether a place below v has an address of its own, which keyword id says.
func addressed(v any, id string, depth int) (bool, error) {
	if depth > maxDepth {
		return false, fmt.Errorf("it is more than %d deep", maxDepth)
	}
	var below []any
	found := false
	switch v := v.(type) {
	case map[string]any:
		own, ok := v[id].(string)
		found = ok && depth > 0 && !strings.HasPrefix(own, "#")
		below = slices.Collect(maps.Values(v))
	case []any:
		below = v
	}
	for _, inner := range below {
		f, err := addressed(inner, id, depth+1)
		if err != nil {
			return false, err
		}
		found = found || f
	}
	return found, nil
}

// nowhere loads nothing: schemas must not make us read files or ask the network.
type nowhere struct{}

func (nowhere) Load(address string) (any, error) {
	return nil, fmt.Errorf("%s is not among the schema's references", address)
}

// compile prepares what validates values at places of d.
func (d *jsonDoc) compile(main *jsonDoc, others map[string]*jsonDoc) error {
	d.compiler = jsonschema.NewCompiler()
	d.compiler.UseLoader(nowhere{})
	d.compiler.DefaultDraft(jsonschema.Draft7)
	added := map[string]bool{}
	add := func(address string, v any) error {
		if added[address] {
			return nil
		}
		added[address] = true
		return d.compiler.AddResource(address, v)
	}
	if err := add(d.base.String(), d.root); err != nil {
		return err
	}
	if err := add(main.base.String(), main.root); err != nil {
		return err
	}
	for name, o := range others {
		ref, err := url.Parse(name)
		if err != nil {
			return fmt.Errorf("reference %q is no address: %w", name, err)
		}
		for _, address := range []string{o.base.String(), d.base.ResolveReference(ref).String(), main.base.ResolveReference(ref).String()} {
			if err := add(address, o.root); err != nil {
				return err
			}
		}
	}
	return nil
}

// accepts reports whether the schema at n takes a value.
func (n jsonNode) accepts(value any) (bool, error) {
	n.doc.mu.Lock()
	defer n.doc.mu.Unlock()
	at := *n.doc.base
	at.Fragment = n.at
	s, err := n.doc.compiler.Compile(at.String())
	if err != nil {
		return false, err
	}
	return s.Validate(value) == nil, nil
}

// lives are the drafts that know a keyword. Others take it for nothing, and a writer that obeys it there is not known to.
var lives = []struct {
	word     string
	from, to int
}{
	{"const", 6, 2020}, {"contains", 6, 2020}, {"propertyNames", 6, 2020}, {"if", 7, 2020}, {"then", 7, 2020}, {"else", 7, 2020},
	{"dependencies", 4, 7}, {"dependentRequired", 2019, 2020}, {"dependentSchemas", 2019, 2020}, {"unevaluatedItems", 2019, 2020},
	{"unevaluatedProperties", 2019, 2020}, {"minContains", 2019, 2020}, {"maxContains", 2019, 2020}, {"$recursiveRef", 2019, 2019},
	{"prefixItems", 2020, 2020}, {"$dynamicRef", 2020, 2020}, {"additionalItems", 4, 2019},
}

// object is what n says, without what its draft does not know; nil where it is true or false.
func (n jsonNode) object() map[string]any {
	m, _ := n.v.(map[string]any)
	copied := false
	for _, k := range lives {
		if _, ok := m[k.word]; !ok || n.doc.draft >= k.from && n.doc.draft <= k.to {
			continue
		}
		if !copied {
			m, copied = maps.Clone(m), true
		}
		delete(m, k.word)
	}
	return m
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// child is the place below n that steps lead to.
func (n jsonNode) child(v any, steps ...string) jsonNode {
	for _, s := range steps {
		n.at += "/" + pointerEscapes.Replace(s)
	}
	n.v = v
	return n
}

// sub is the schema that a keyword of n holds.
func (n jsonNode) sub(keyword string) (jsonNode, bool) {
	v, ok := n.object()[keyword]
	switch v.(type) {
	case bool, map[string]any:
		return n.child(v, keyword), ok
	}
	return jsonNode{}, false
}

// subs are the schemas of a keyword that holds a list of them.
func (n jsonNode) subs(keyword string) []jsonNode {
	list, _ := n.object()[keyword].([]any)
	var out []jsonNode
	for i, v := range list {
		out = append(out, n.child(v, keyword, strconv.Itoa(i)))
	}
	return out
}

// named is the schema of a name in a keyword that holds a mapping of them.
func (n jsonNode) named(keyword, name string) (jsonNode, bool) {
	m, _ := n.object()[keyword].(map[string]any)
	v, ok := m[name]
	return n.child(v, keyword, name), ok
}

// names are the names in a keyword that holds a mapping.
func (n jsonNode) names(keyword string) []string {
	m, _ := n.object()[keyword].(map[string]any)
	return slices.Sorted(maps.Keys(m))
}

// strings are the strings of a keyword that holds a list of them.
func (n jsonNode) strings(keyword string) []string {
	var out []string
	list, _ := n.object()[keyword].([]any)
	for _, v := range list {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// without is n with one keyword left out.
func (n jsonNode) without(keyword string) jsonNode {
	m := maps.Clone(n.object())
	delete(m, keyword)
	n.v, n.made = m, n.made+"-"+keyword
	return n
}

func (n jsonNode) key() string { return fmt.Sprintf("%p %s %s", n.doc, n.at, n.made) }

var errCircle = errors.New("schemas refer to each other in a circle, or too deep")

// plain takes n apart into schemas that all have to hold, none of which refers to another or is an allOf.
func (n jsonNode) plain(depth int) ([]jsonNode, error) {
	if depth > maxDepth {
		return nil, errCircle
	}
	m := n.object()
	if ref, ok := m["$ref"].(string); ok {
		to, err := n.doc.resolve(ref)
		if err != nil {
			return nil, err
		}
		out, err := to.plain(depth + 1)
		if rest := n.without("$ref"); err == nil && n.doc.draft >= 2019 && len(rest.object()) > 0 {
			var more []jsonNode
			more, err = rest.plain(depth + 1)
			out = append(out, more...)
		}
		return out, err
	}
	if _, ok := m["allOf"]; !ok {
		return []jsonNode{n}, nil
	}
	out := []jsonNode{n.without("allOf")}
	for _, branch := range n.subs("allOf") {
		more, err := branch.plain(depth + 1)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

// target is where n leads if it is a reference and nothing else: the place by which a schema that refers to itself is known again.
func (n jsonNode) target() (jsonNode, error) {
	for range maxDepth {
		m := n.object()
		ref, ok := m["$ref"].(string)
		if !ok || n.doc.draft >= 2019 && len(m) > 1 {
			return n, nil
		}
		to, err := n.doc.resolve(ref)
		if err != nil {
			return n, err
		}
		n = to
	}
	return n, errCircle
}

// resolve finds what a reference in d leads to.
func (d *jsonDoc) resolve(ref string) (jsonNode, error) {
	u, err := url.Parse(ref)
	if err != nil {
		return jsonNode{}, fmt.Errorf("$ref %q is no address", ref)
	}
	if d.nested {
		return jsonNode{}, fmt.Errorf("$ref %q stands in a document that has places with addresses of their own ($id)", ref)
	}
	fragment := u.Fragment
	u.Fragment = ""
	to := d
	if address := u.String(); address != "" && d.base.ResolveReference(u).String() != d.base.String() {
		if to = d.find(address, d.base.ResolveReference(u).String()); to == nil {
			return jsonNode{}, fmt.Errorf("$ref %q leads to none of the schema's references", ref)
		}
	}
	n := jsonNode{doc: to, v: to.root}
	if fragment == "" {
		return n, nil
	}
	if !strings.HasPrefix(fragment, "/") {
		return jsonNode{}, fmt.Errorf("$ref %q leads to an anchor", ref)
	}
	v := to.root
	for step := range strings.SplitSeq(fragment[1:], "/") {
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		switch in := v.(type) {
		case map[string]any:
			v = in[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(in) {
				return jsonNode{}, fmt.Errorf("$ref %q leads nowhere", ref)
			}
			v = in[i]
		default:
			v = nil
		}
	}
	n.at, n.v = fragment, v
	switch v.(type) {
	case bool, map[string]any:
		return n, nil
	}
	return jsonNode{}, fmt.Errorf("$ref %q leads nowhere", ref)
}

// find is the other document that goes by a name or an address.
func (d *jsonDoc) find(name, address string) *jsonDoc {
	if o := d.others[name]; o != nil {
		return o
	}
	for _, known := range slices.Sorted(maps.Keys(d.others)) {
		o := d.others[known]
		ref, err := url.Parse(known)
		if o.base.String() == address || err == nil && d.base.ResolveReference(ref).String() == address {
			return o
		}
	}
	return nil
}

// sameAs reports whether what n and o say in one place is the same in the same words, by the same draft, and refers to nothing that might
// differ.
func (n jsonNode) sameAs(o jsonNode, mine, theirs any) bool {
	return n.doc.draft == o.doc.draft && reflect.DeepEqual(mine, theirs) && !refers(mine)
}

func refers(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			if k == "$ref" || k == "$dynamicRef" || k == "$recursiveRef" || refers(inner) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, refers)
	}
	return false
}
