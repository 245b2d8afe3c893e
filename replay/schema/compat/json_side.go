package compat

import (
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// jsonSide is what a writer may write: values that all of its schemas accept and none of not does.
type jsonSide struct {
	all []jsonNode
	not []jsonNode
}

// kinds are the types of JSON, numbers apart by whether they have a fraction, so that "integer" is a part of "number".
type kinds uint8

const (
	kindNull kinds = 1 << iota
	kindBoolean
	kindObject
	kindArray
	kindString
	kindInteger
	kindFraction
	anyKind = kindNull | kindBoolean | kindObject | kindArray | kindString | kindInteger | kindFraction
)

var kindNames = []struct {
	name string
	is   kinds
}{
	{"null", kindNull}, {"boolean", kindBoolean}, {"object", kindObject}, {"array", kindArray}, {"string", kindString},
	{"number", kindInteger | kindFraction}, {"integer", kindInteger},
}

func (k kinds) String() string {
	var out []string
	for _, n := range kindNames {
		if k&n.is == n.is {
			out = append(out, n.name)
			k &^= n.is
		}
	}
	if k&kindFraction != 0 {
		out = append(out, "number with a fraction")
	}
	return strings.Join(out, ", ")
}

// kinds are the types that n takes.
func (n jsonNode) kinds() kinds {
	if v, ok := n.v.(bool); ok && !v {
		return 0
	}
	var words []string
	switch t := n.object()["type"].(type) {
	case string:
		words = []string{t}
	case []any:
		words = n.strings("type")
	default:
		return anyKind
	}
	var out kinds
	for _, k := range kindNames {
		if slices.Contains(words, k.name) {
			out |= k.is
		}
	}
	return out
}

func kindOf(v any) kinds {
	switch v := v.(type) {
	case nil:
		return kindNull
	case bool:
		return kindBoolean
	case map[string]any:
		return kindObject
	case []any:
		return kindArray
	case string:
		return kindString
	case json.Number:
		if r, err := rational(v); err == nil && r.IsInt() {
			return kindInteger
		}
		return kindFraction
	}
	return 0
}

// flat takes the side apart into schemas that refer to nothing, each once.
func (s jsonSide) flat() (jsonSide, error) {
	var out jsonSide
	had := map[string]bool{}
	add := func(to *[]jsonNode, n jsonNode, what string) {
		if k := what + n.key(); !had[k] {
			had[k] = true
			*to = append(*to, n)
		}
	}
	for _, n := range s.not {
		add(&out.not, n, "not ")
	}
	for _, n := range s.all {
		parts, err := n.plain(0)
		if err != nil {
			return s, err
		}
		for _, p := range parts {
			if not, ok := p.sub("not"); ok {
				add(&out.not, not, "not ")
			}
			if v, ok := p.v.(bool); ok && v {
				continue
			}
			add(&out.all, p, "")
		}
	}
	return out, nil
}

func (s jsonSide) with(n ...jsonNode) jsonSide {
	return jsonSide{all: append(slices.Clone(s.all), n...), not: s.not}
}

func (s jsonSide) key() string {
	var keys []string
	for _, n := range s.all {
		keys = append(keys, n.key())
	}
	slices.Sort(keys)
	for _, n := range s.not {
		keys = append(keys, "not "+n.key())
	}
	return strings.Join(keys, "\n")
}

// kinds are the types of values that the side may write; none when it can write nothing.
func (s jsonSide) kinds() kinds {
	out := anyKind
	for _, n := range s.all {
		out &= n.kinds()
	}
	if values, ok := s.values(); ok {
		var have kinds
		for _, v := range values {
			have |= kindOf(v)
		}
		out &= have
	}
	return out
}

// values are all that the side may write, where it lists them.
func (s jsonSide) values() (out []any, ok bool) {
	for _, n := range s.all {
		list, found := n.values()
		switch {
		case !found:
		case !ok:
			out, ok = list, true
		default:
			out = slices.DeleteFunc(slices.Clone(out), func(v any) bool {
				return !slices.ContainsFunc(list, func(o any) bool { return reflect.DeepEqual(v, o) })
			})
		}
	}
	return out, ok
}

func (n jsonNode) values() ([]any, bool) {
	if v, ok := n.object()["const"]; ok {
		return []any{v}, true
	}
	list, ok := n.object()["enum"].([]any)
	return list, ok
}

// bound is a limit of numbers, lengths or counts.
type bound struct {
	at     *big.Rat
	beyond bool // the limit itself is not taken
}

// rational is a number as it is written. Exponents that no data have are refused: a few bytes of them are gigabytes of digits.
func rational(n json.Number) (*big.Rat, error) {
	text := n.String()
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		if e, err := strconv.Atoi(text[i+1:]); err != nil || e > 400 || e < -400 {
			return nil, fmt.Errorf("%s is too large a number to compare", brief(text))
		}
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok || len(text) > 1000 {
		return nil, fmt.Errorf("%s is no number to compare", brief(text))
	}
	return r, nil
}

// decimal is a number as people write it.
func decimal(r *big.Rat) string {
	if r.IsInt() {
		return r.RatString()
	}
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// number is the number of a keyword, nil where there is none.
func (n jsonNode) number(keyword string) (*big.Rat, error) {
	v, ok := n.object()[keyword].(json.Number)
	if !ok {
		return nil, nil
	}
	return rational(v)
}

// limits are all that n says of one side of a range: keyword, and the one that excludes the limit, which draft 4 has as a switch.
func (n jsonNode) limits(keyword, exclusive string) ([]bound, error) {
	at, err := n.number(keyword)
	if err != nil {
		return nil, err
	}
	var out []bound
	beyond, _ := n.object()[exclusive].(bool)
	if at != nil {
		out = append(out, bound{at, beyond})
	}
	if exclusive != "" {
		if at, err = n.number(exclusive); at != nil {
			out = append(out, bound{at, true})
		}
	}
	return out, err
}

// matches reports whether a name fits a pattern of patternProperties.
func matches(pattern, name string) (bool, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return false, fmt.Errorf("pattern %q is none that is understood here", pattern)
	}
	return re.MatchString(name), nil
}

// property is what n says of the property of a name: all of it has to hold. explicit is whether it names it.
func (n jsonNode) property(name string) (out []jsonNode, explicit bool, err error) {
	if p, ok := n.named("properties", name); ok {
		out, explicit = append(out, p), true
	}
	for _, pattern := range n.names("patternProperties") {
		fits, err := matches(pattern, name)
		if err != nil {
			return nil, false, err
		}
		if fits {
			p, _ := n.named("patternProperties", pattern)
			out, explicit = append(out, p), true
		}
	}
	if rest, ok := n.sub("additionalProperties"); ok && !explicit {
		out = append(out, rest)
	}
	return out, explicit, nil
}

// property is what the side may write as the property of a name.
func (s jsonSide) property(name string) (out jsonSide, explicit bool, err error) {
	for _, n := range s.all {
		list, named, err := n.property(name)
		if err != nil {
			return out, false, err
		}
		out.all = append(out.all, list...)
		explicit = explicit || named
	}
	return out, explicit, nil
}

// requires reports whether every object of the side has the property of a name.
func (s jsonSide) requires(name string) bool {
	return slices.ContainsFunc(s.all, func(n jsonNode) bool { return slices.Contains(n.strings("required"), name) })
}

// tuple are the schemas of the first items, and of those after them.
func (n jsonNode) tuple() (first []jsonNode, rest jsonNode, closed bool) {
	first, restWord := n.subs("prefixItems"), "items"
	if _, list := n.object()["items"].([]any); list {
		first, restWord = n.subs("items"), "additionalItems"
	}
	rest, ok := n.sub(restWord)
	return first, rest, ok
}

// item is what n says of the item at i, counted from 0.
func (n jsonNode) item(i int) []jsonNode {
	first, rest, ok := n.tuple()
	switch {
	case i < len(first):
		return first[i : i+1]
	case ok:
		return []jsonNode{rest}
	}
	return nil
}

func (s jsonSide) item(i int) jsonSide {
	var out jsonSide
	for _, n := range s.all {
		out.all = append(out.all, n.item(i)...)
	}
	return out
}
