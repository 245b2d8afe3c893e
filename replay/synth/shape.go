package synth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of a shape. What goes beyond is counted and has no shape.
const (
	maxMembers    = 512 // of all objects of a shape together
	maxOfOne      = 256 // of objects in one place: names that are data in one leave room for the members of others
	maxDepth      = 8
	maxMemberName = 256 // bytes
	maxArray      = 1000
	// oneIn is how rare a name may be among objects of one place. A name that hardly comes again is more likely a datum than a member: an id, a
	// date, somebody's address.
	oneIn = 100
)

// Object is what objects in one place look like: which members they have, and how often.
type Object struct {
	Count   int64    `json:"count"`
	Members []Member `json:"members"` // by name
	// Other counts members without a shape: rare ones, and those beyond the bounds.
	Other int64 `json:"other,omitempty"`
}

// Member is a member of objects.
type Member struct {
	Name  string `json:"name"`
	Count int64  `json:"count"` // objects that have it
	Kinds
}

// Kinds is what stands in one place, by its type.
type Kinds struct {
	Null    int64   `json:"null,omitempty"`
	True    int64   `json:"true,omitempty"`
	False   int64   `json:"false,omitempty"`
	Whole   Sizes   `json:"whole,omitempty"`   // whole numbers, by their digits
	Broken  Sizes   `json:"broken,omitempty"`  // numbers with a fraction or an exponent, by the length of their text
	Minus   int64   `json:"minus,omitempty"`   // numbers below zero, of both
	Strings Sizes   `json:"strings,omitempty"` // by their length
	Arrays  Sizes   `json:"arrays,omitempty"`  // by how many elements they have
	Items   *Kinds  `json:"items,omitempty"`   // of those arrays
	Object  *Object `json:"object,omitempty"`
}

// all is how many there are of all types.
func (k *Kinds) all() int64 {
	n := k.Null + k.True + k.False + k.Whole.Count() + k.Broken.Count() + k.Strings.Count() + k.Arrays.Count()
	if k.Object != nil {
		n += k.Object.Count
	}
	return n
}

// shaping learns a shape.
type shaping struct {
	members int // in all of it
	root    kindsHeard
}

type objectHeard struct {
	count   int64
	members map[string]*kindsHeard
	other   int64
}

type kindsHeard struct {
	count, null, yes, no, minus    int64
	whole, broken, strings, arrays *histogram
	items                          *kindsHeard
	object                         *objectHeard
}

// add learns from one value in JSON; others are passed over.
func (s *shaping) add(value []byte) {
	dec := json.NewDecoder(bytes.NewReader(value))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) == nil {
		s.see(&s.root, v, 0)
	}
}

func count(h **histogram, n int) {
	if *h == nil {
		*h = new(histogram)
	}
	(*h).add(n)
}

func (s *shaping) see(k *kindsHeard, v any, depth int) {
	k.count++
	switch v := v.(type) {
	case nil:
		k.null++
	case bool:
		if v {
			k.yes++
		} else {
			k.no++
		}
	case json.Number:
		text, minus := strings.CutPrefix(v.String(), "-")
		if minus {
			k.minus++
		}
		if strings.ContainsAny(text, ".eE") {
			count(&k.broken, len(text))
		} else {
			count(&k.whole, len(text))
		}
	case string:
		count(&k.strings, len(v))
	case []any:
		count(&k.arrays, len(v))
		if depth == maxDepth {
			return
		}
		if k.items == nil {
			k.items = new(kindsHeard)
		}
		for _, item := range v[:min(len(v), maxArray)] {
			s.see(k.items, item, depth+1)
		}
	case map[string]any:
		if k.object == nil {
			k.object = &objectHeard{members: map[string]*kindsHeard{}}
		}
		k.object.count++
		for name, member := range v {
			m := k.object.members[name]
			if m == nil {
				if s.members == maxMembers || len(k.object.members) == maxOfOne || depth == maxDepth || len(name) > maxMemberName || !utf8.ValidString(name) {
					k.object.other++
					continue
				}
				s.members++
				m = new(kindsHeard)
				k.object.members[strings.Clone(name)] = m
			}
			s.see(m, member, depth+1)
		}
	}
}

// object is what was learnt of the objects that values are, nil when none is one.
func (s *shaping) object() *Object { return s.root.object.shape() }

func (o *objectHeard) shape() *Object {
	if o == nil {
		return nil
	}
	out := &Object{Count: o.count, Other: o.other, Members: []Member{}}
	for name, m := range o.members {
		if m.count < 2 && o.count > 1 || m.count*oneIn < o.count {
			out.Other += m.count
			continue
		}
		out.Members = append(out.Members, Member{Name: name, Count: m.count, Kinds: m.kinds()})
	}
	slices.SortFunc(out.Members, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func (k *kindsHeard) kinds() Kinds {
	sizes := func(h *histogram) Sizes {
		if h == nil {
			return nil
		}
		return h.sizes()
	}
	out := Kinds{Null: k.null, True: k.yes, False: k.no, Minus: k.minus, Whole: sizes(k.whole), Broken: sizes(k.broken), Strings: sizes(k.strings), Arrays: sizes(k.arrays), Object: k.object.shape()}
	if k.items != nil && k.items.count > 0 {
		items := k.items.kinds()
		out.Items = &items
	}
	return out
}

// check refuses a shape that can not be, or that asks for more than there may be.
func (o *Object) check(name string, left *int, depth int) error {
	if o.Count < 1 || o.Other < 0 || depth > maxDepth {
		return fmt.Errorf("%s: %d objects with %d other members, %d deep", name, o.Count, o.Other, depth)
	}
	last := ""
	for i := range o.Members {
		m := &o.Members[i]
		at := fmt.Sprintf("%s.members[%d]", name, i)
		if *left--; *left < 0 {
			return fmt.Errorf("%s: more than %d members", at, maxMembers)
		}
		if i > 0 && m.Name <= last || len(m.Name) > maxMemberName || !utf8.ValidString(m.Name) {
			return fmt.Errorf("%s: names want to rise and to have at most %d bytes", at, maxMemberName)
		}
		last = m.Name
		if m.Count < 1 || m.Count > o.Count || m.all() != m.Count {
			return fmt.Errorf("%s: %d of %d objects have it, and %d values are of some type: want the same number", at, m.Count, o.Count, m.all())
		}
		if err := m.check(at, left, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (k *Kinds) check(name string, left *int, depth int) error {
	numbers := k.Whole.Count() + k.Broken.Count()
	if min(k.Null, k.True, k.False, k.Minus) < 0 || k.Minus > numbers || depth > maxDepth+1 {
		return fmt.Errorf("%s: a number of values that can not be", name)
	}
	for _, s := range []struct {
		name  string
		sizes Sizes
		most  float64
	}{{"whole", k.Whole, 1000}, {"broken", k.Broken, 1000}, {"strings", k.Strings, maxSize}, {"arrays", k.Arrays, maxArray}} {
		if err := s.sizes.check(name + "." + s.name); err != nil {
			return err
		}
		if n := len(s.sizes); n > 0 && s.sizes[n-1].Mean > s.most {
			return fmt.Errorf("%s.%s: sizes of more than %g", name, s.name, s.most)
		}
	}
	if k.Items != nil {
		if err := k.Items.check(name+".items", left, depth+1); err != nil {
			return err
		}
	}
	if k.Object != nil {
		return k.Object.check(name+".object", left, depth)
	}
	return nil
}

// shaped writes a value of a shape. Members stand by name, each there as often as it was; what strings say is drawn like other text.
type shaped struct {
	out   []byte
	rng   *rand.Rand
	drawn float64
	items int // that may still be written: an array within an array within an array may not become everything there is
}

func (w *shaped) object(o *Object) {
	w.out = append(w.out, '{')
	first := true
	for i := range o.Members {
		m := &o.Members[i]
		if w.rng.Int64N(o.Count) >= m.Count {
			continue
		}
		if !first {
			w.out = append(w.out, ',')
		}
		first = false
		name, _ := json.Marshal(m.Name) // a string always can
		w.out = append(append(w.out, name...), ':')
		w.value(&m.Kinds)
	}
	w.out = append(w.out, '}')
}

// value draws a type by how often it was there, and then a value of it.
func (w *shaped) value(k *Kinds) {
	n := k.all()
	if n == 0 {
		w.out = append(w.out, "null"...)
		return
	}
	at := w.rng.Int64N(n)
	among := func(count int64) bool { at -= count; return at < 0 }
	switch {
	case among(k.Null):
		w.out = append(w.out, "null"...)
	case among(k.True):
		w.out = append(w.out, "true"...)
	case among(k.False):
		w.out = append(w.out, "false"...)
	case among(k.Whole.Count()):
		w.sign(k)
		w.digits(k.Whole.pick(w.rng.Float64()))
	case among(k.Broken.Count()):
		w.sign(k)
		length := max(3, k.Broken.pick(w.rng.Float64()))
		before := 1 + w.rng.IntN(min(length-2, 6))
		w.digits(before)
		w.out = append(w.out, '.')
		for range length - before - 2 {
			w.out = append(w.out, '0'+byte(w.rng.IntN(10)))
		}
		w.out = append(w.out, '1'+byte(w.rng.IntN(9)))
	case among(k.Strings.Count()):
		w.out = append(w.out, '"')
		from := len(w.out)
		w.out = append(w.out, make([]byte, max(0, min(k.Strings.pick(w.rng.Float64()), maxSize-len(w.out))))...)
		fill(w.out[from:], letters, w.drawn, w.rng)
		w.out = append(w.out, '"')
	case among(k.Arrays.Count()):
		w.out = append(w.out, '[')
		for i := range k.Arrays.pick(w.rng.Float64()) {
			if w.items--; w.items < 0 || k.Items == nil {
				break
			}
			if i > 0 {
				w.out = append(w.out, ',')
			}
			w.value(k.Items)
		}
		w.out = append(w.out, ']')
	default:
		w.object(k.Object)
	}
}

func (w *shaped) sign(k *Kinds) {
	if n := k.Whole.Count() + k.Broken.Count(); w.rng.Int64N(n) < k.Minus {
		w.out = append(w.out, '-')
	}
}

// digits writes a whole number of n digits.
func (w *shaped) digits(n int) {
	if n <= 1 {
		w.out = append(w.out, '0'+byte(w.rng.IntN(10)))
		return
	}
	w.out = append(w.out, '1'+byte(w.rng.IntN(9)))
	for range n - 1 {
		w.out = append(w.out, '0'+byte(w.rng.IntN(10)))
	}
}

// maxItems bounds the elements of all arrays of one value of a replica.
const maxItems = 10_000
