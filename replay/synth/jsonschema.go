package synth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"backstitch/replay/document"
	"backstitch/replay/framed"
)

// Values in JSON that a schema describes. A place is a path of the names that the schema gives to members; members that it does not name are
// counted, and not called by their names. The trap: what is drawn by what stood there need not fit the schema, which may want a pattern or a number of members. So each
// value is held against it and drawn again where it does not fit. A schema that hardly any draw fits is one of which no values can be made.

// jsonSchema is a schema in JSON with its places.
type jsonSchema struct {
	valid *document.Schema
	root  any
	named map[string]any // what it refers to, by name
}

func parseJSON(t Text) (*jsonSchema, error) {
	out := &jsonSchema{named: map[string]any{}}
	var err error
	refers := t.before(nil)
	if out.valid, err = document.Parse(framed.Text{Schema: t.Schema, References: refers}); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(t.Schema), &out.root); err != nil {
		return nil, err
	}
	for _, r := range refers {
		var doc any
		if err := json.Unmarshal([]byte(r.Schema), &doc); err != nil {
			return nil, fmt.Errorf("reference %q: %w", r.Name, err)
		}
		out.named[r.Name] = doc
	}
	return out, nil
}

// index is model's.
func (s *jsonSchema) index(bool) []byte { return nil }

// within is a node of a schema with the document that it is in.
type within struct {
	node map[string]any
	doc  any
}

// Bounds of how far the words of a schema are followed for one place.
const (
	maxNodes   = 64
	maxPointer = 32 // references one behind the other
)

// nodes are n and all that it says the same place must or may also be.
func (s *jsonSchema) nodes(dst []within, n, doc any, depth int) []within {
	node, is := n.(map[string]any)
	if !is || depth > maxPointer || len(dst) == maxNodes {
		return dst
	}
	dst = append(dst, within{node, doc})
	if ref, is := node["$ref"].(string); is {
		to, in := s.resolve(ref, doc)
		dst = s.nodes(dst, to, in, depth+1)
	}
	for _, word := range []string{"allOf", "anyOf", "oneOf"} {
		list, _ := node[word].([]any)
		for _, x := range list {
			dst = s.nodes(dst, x, doc, depth+1)
		}
	}
	return dst
}

func (s *jsonSchema) resolve(ref string, doc any) (to, in any) {
	name, pointer, _ := strings.Cut(ref, "#")
	if name != "" {
		doc = s.named[name]
	}
	to = doc
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if part == "" {
			continue
		}
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		node, _ := to.(map[string]any)
		to = node[part]
	}
	return to, doc
}

// below are the nodes of what lies under a word of any of a place's nodes.
func (s *jsonSchema) below(at []within, find func(map[string]any) any) []within {
	var out []within
	for _, w := range at {
		if x := find(w.node); x != nil {
			out = s.nodes(out, x, w.doc, 0)
		}
	}
	return out
}

func member(name string) func(map[string]any) any {
	return func(node map[string]any) any {
		list, _ := node["properties"].(map[string]any)
		return list[name]
	}
}

func word(name string) func(map[string]any) any {
	return func(node map[string]any) any { return node[name] }
}

// members are the names that the schema gives to members of a place, sorted.
func members(at []within) []string {
	var out []string
	for _, w := range at {
		list, _ := w.node["properties"].(map[string]any)
		for name := range list {
			if len(name) <= maxMemberName && utf8.ValidString(name) {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// symbols are what enums and constants of a place allow, each as JSON.
func symbols(at []within) []string {
	var out []string
	add := func(v any) {
		b, _ := json.Marshal(v) // it was read from JSON
		if !slices.Contains(out, string(b)) {
			out = append(out, string(b))
		}
	}
	for _, w := range at {
		list, _ := w.node["enum"].([]any)
		for _, v := range list {
			add(v)
		}
		if v, is := w.node["const"]; is {
			add(v)
		}
	}
	return out
}

// Types of JSON in the order in which they are counted.
const (
	jsonNull = iota
	jsonFalse
	jsonTrue
	jsonWhole
	jsonBroken
	jsonString
	jsonArray
	jsonObject
	jsonTypes
)

// learn is model's.
func (s *jsonSchema) learn(p *places, payload []byte) error {
	if err := s.valid.Fits(payload); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return err
	}
	s.see(p, "$", s.nodes(nil, s.root, s.root, 0), v, 0)
	return nil
}

func (s *jsonSchema) see(p *places, at string, nodes []within, v any, depth int) {
	if list := symbols(nodes); len(list) > 0 {
		b, _ := json.Marshal(v)
		if i := slices.Index(list, string(b)); i >= 0 {
			p.choose(at+"=", i, len(list))
			return
		}
	}
	kind := func(i int) { p.choose(at, i, jsonTypes) }
	switch v := v.(type) {
	case nil:
		kind(jsonNull)
	case bool:
		if v {
			kind(jsonTrue)
		} else {
			kind(jsonFalse)
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			kind(jsonWhole)
			p.whole(at+"#", n)
			return
		}
		kind(jsonBroken)
		f, _ := v.Float64()
		p.floating(at+"#.", f)
	case string:
		kind(jsonString)
		p.text(at+`"`, v)
	case []any:
		kind(jsonArray)
		p.size(at+"[", len(v))
		if depth == maxDepth {
			return
		}
		items := s.below(nodes, word("items"))
		for _, x := range v[:min(len(v), maxArray)] {
			s.see(p, at+"[]", items, x, depth+1)
		}
	case map[string]any:
		kind(jsonObject)
		if depth == maxDepth {
			return
		}
		names := members(nodes)
		for _, name := range names {
			x, there := v[name]
			if !there {
				p.choose(at+"."+name+"?", 0, 2)
				continue
			}
			p.choose(at+"."+name+"?", 1, 2)
			s.see(p, at+"."+name, s.below(nodes, member(name)), x, depth+1)
		}
		others, unnamed := 0, s.below(nodes, word("additionalProperties"))
		for name, x := range v {
			if _, is := slices.BinarySearch(names, name); !is {
				others++
				count(&p.at(at+"{").names, min(len(name), maxNameBytes))
				s.see(p, at+"{}", unnamed, x, depth+1)
			}
		}
		p.size(at+"{", others)
	}
}

// draw is model's.
func (s *jsonSchema) draw(d *drawing) { s.value(d, "$", s.nodes(nil, s.root, s.root, 0), 0) }

func (s *jsonSchema) value(d *drawing, at string, nodes []within, depth int) {
	if list := symbols(nodes); len(list) > 0 && d.places[at] == nil {
		d.out = append(d.out, list[d.choose(at+"=", len(list), nil)]...)
		return
	}
	if d.places[at] == nil { // nobody saw what stands here
		d.out = append(d.out, "null"...)
		return
	}
	switch d.choose(at, jsonTypes, nil) {
	case jsonNull:
		d.out = append(d.out, "null"...)
	case jsonFalse:
		d.out = append(d.out, "false"...)
	case jsonTrue:
		d.out = append(d.out, "true"...)
	case jsonWhole:
		low, high := bounds(nodes)
		v := d.whole(at+"#", 53)
		if f := float64(v); f < low || f > high {
			v = int64(math.Ceil(math.Max(low, -1<<53)))
			if room := math.Min(high, 1<<53) - float64(v); room >= 1 {
				v += d.rng.Int64N(int64(room) + 1)
			}
		}
		d.out = strconv.AppendInt(d.out, v, 10)
	case jsonBroken:
		low, high := bounds(nodes)
		f := d.floating(at + "#.")
		if f == math.Trunc(f) {
			f += 0.5 // it would be written as a whole number
		}
		if f < low || f > high {
			f = math.Max(low, -1<<53) + d.rng.Float64()*(math.Min(high, 1<<53)-math.Max(low, -1<<53))
		}
		d.out = strconv.AppendFloat(d.out, f, 'f', -1, 64)
	case jsonString:
		d.out = append(append(append(d.out, '"'), d.text(at+`"`)...), '"')
	case jsonArray:
		d.out = append(d.out, '[')
		items := s.below(nodes, word("items"))
		for i := range d.entries(at + "[") {
			if depth == maxDepth {
				break
			}
			if i > 0 {
				d.out = append(d.out, ',')
			}
			s.value(d, at+"[]", items, depth+1)
		}
		d.out = append(d.out, ']')
	default:
		s.object(d, at, nodes, depth)
	}
}

func (s *jsonSchema) object(d *drawing, at string, nodes []within, depth int) {
	d.out = append(d.out, '{')
	first := true
	put := func(name []byte, place string, nodes []within) {
		if !first {
			d.out = append(d.out, ',')
		}
		first = false
		d.out = append(append(d.out, name...), ':')
		s.value(d, place, nodes, depth+1)
	}
	if depth < maxDepth {
		names := members(nodes)
		for _, name := range names {
			if d.there(at + "." + name + "?") {
				text, _ := json.Marshal(name) // a string always can
				put(text, at+"."+name, s.below(nodes, member(name)))
			}
		}
		unnamed := s.below(nodes, word("additionalProperties"))
		for _, name := range d.names(at+"{", d.entries(at+"{")) {
			if _, is := slices.BinarySearch(names, string(name)); !is {
				put(slices.Concat([]byte(`"`), name, []byte(`"`)), at+"{}", unnamed)
			}
		}
	}
	d.out = append(d.out, '}')
}

// bounds are those that a schema sets to numbers of a place.
func bounds(at []within) (low, high float64) {
	low, high = math.Inf(-1), math.Inf(1)
	for _, w := range at {
		for name, set := range map[string]func(float64){
			"minimum": func(f float64) { low = math.Max(low, f) }, "exclusiveMinimum": func(f float64) { low = math.Max(low, f+1) },
			"maximum": func(f float64) { high = math.Min(high, f) }, "exclusiveMaximum": func(f float64) { high = math.Min(high, f-1) },
		} {
			if f, is := w.node[name].(float64); is {
				set(f)
			}
		}
	}
	return low, high
}

// tries is how often a value is drawn until one fits; tests is how many have to find one for a schema to be used.
const tries, tests = 16, 64

// fitting draws a value that fits; spare is one that does.
func (s *jsonSchema) fitting(d *drawing, spare []byte) {
	for range tries {
		d.out, d.items = d.out[:0], maxItems
		if s.draw(d); s.valid.Fits(d.out) == nil {
			return
		}
	}
	d.out = append(d.out[:0], spare...)
}

// spare makes sure that values can be made, and returns one. How much of a text is drawn and how much repeats does not matter to a schema
// but for patterns, so one share is tried.
func (s *jsonSchema) spare(places map[string]*Place) (out []byte, err error) {
	for i := range uint64(tests) {
		d := drawing{rng: rand.New(rand.NewPCG(1, i)), drawn: 1, places: places, items: maxItems}
		for n := 0; ; n++ {
			d.out, d.items = d.out[:0], maxItems
			s.draw(&d)
			if err = s.valid.Fits(d.out); err == nil {
				break
			}
			if n == tries {
				return nil, fmt.Errorf("%w: what is drawn by what its values were like does not fit it: %w", ErrKind, err)
			}
		}
		if out == nil {
			out = bytes.Clone(d.out)
		}
	}
	return out, nil
}
