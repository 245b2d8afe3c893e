package synth

import (
	"fmt"
	"maps"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"unicode/utf8"
)

// What stood where in values of a schema. A place is a field, an element, a branch: it is named by the names of the schema and nothing else, so
// there are as many as the schema has, however values nest. What is kept of a place are counts and classes of sizes.

// Place is what stood in one place of a schema.
type Place struct {
	At    string `json:"at"`    // by names of the schema
	Count int64  `json:"count"` // values that stood there
	// Choice counts what has no size, in the order of the schema: branches of a union, symbols of an enum, false and true, types, whether
	// a field is there.
	Choice []int64 `json:"choice,omitempty"`
	Sizes  Sizes   `json:"sizes,omitempty"` // of strings and bytes, in bytes; of lists and maps, in entries
	Bits   Sizes   `json:"bits,omitempty"`  // of numbers: how many bits they take without their sign
	Minus  int64   `json:"minus,omitempty"` // of those numbers, below zero
	Names  Sizes   `json:"names,omitempty"` // of the keys of maps, in bytes
}

// Bounds of what is kept of the schemas of a profile.
const (
	maxPlaces = 4096 // of all schemas together
	maxChoice = 4096 // of one place
	maxAt     = 1 << 10
	maxNested = 64 // levels of a value that is made
)

// places learns.
type places struct {
	heard map[string]*placeHeard
	left  *int // how many more there may be in the profile
}

type placeHeard struct {
	count, minus       int64
	choice             []int64
	sizes, bits, names *histogram
}

// at is the place of that name. What goes beyond the bounds is learnt into nothing.
func (p *places) at(name string) *placeHeard {
	h := p.heard[name]
	if h == nil {
		h = new(placeHeard)
		if *p.left == 0 || len(name) > maxAt || !utf8.ValidString(name) {
			return h
		}
		*p.left--
		p.heard[name] = h
	}
	return h
}

func (p *places) choose(name string, i, of int) {
	h := p.at(name)
	h.count++
	if i < 0 || i >= of || of > maxChoice {
		return
	}
	if h.choice == nil {
		h.choice = make([]int64, of)
	}
	if i < len(h.choice) {
		h.choice[i]++
	}
}

func (p *places) size(name string, n int) {
	h := p.at(name)
	h.count++
	count(&h.sizes, n)
}

func (p *places) whole(name string, n int64) {
	magnitude := uint64(n)
	if n < 0 {
		magnitude = -magnitude
	}
	p.bits(name, bits.Len64(magnitude), n < 0)
}

// floating learns how large a number is before its point.
func (p *places) floating(name string, f float64) {
	switch abs := math.Abs(f); {
	case math.IsNaN(f), abs < 1:
		p.bits(name, 0, f < 0)
	case abs >= 1<<62:
		p.bits(name, 63, f < 0)
	default:
		p.bits(name, bits.Len64(uint64(abs)), f < 0)
	}
}

func (p *places) bits(name string, n int, minus bool) {
	h := p.at(name)
	h.count++
	count(&h.bits, n)
	if minus {
		h.minus++
	}
}

// text learns a string: its length, and which of a few forms it has that steps and rules tell apart.
func (p *places) text(name, s string) {
	p.size(name, len(s))
	h := p.at(name)
	if h.choice == nil {
		h.choice = make([]int64, len(textForms))
	}
	h.choice[textForm(s)]++
}

func (p *places) list() []Place {
	out := []Place{}
	sizes := func(h *histogram) Sizes {
		if h == nil {
			return nil
		}
		return h.sizes()
	}
	for _, name := range slices.Sorted(maps.Keys(p.heard)) {
		h := p.heard[name]
		out = append(out, Place{At: name, Count: h.count, Choice: h.choice, Sizes: sizes(h.sizes), Bits: sizes(h.bits), Minus: h.minus, Names: sizes(h.names)})
	}
	return out
}

func checkPlaces(name string, list []Place, left *int) error {
	for i := range list {
		p, at := &list[i], fmt.Sprintf("%s.places[%d]", name, i)
		if *left--; *left < 0 {
			return fmt.Errorf("%s: more than %d places", at, maxPlaces)
		}
		if i > 0 && p.At <= list[i-1].At || len(p.At) > maxAt {
			return fmt.Errorf("%s: names want to rise and to have at most %d bytes", at, maxAt)
		}
		if p.Count < 0 || p.Minus < 0 || p.Minus > p.Bits.Count() || len(p.Choice) > maxChoice {
			return fmt.Errorf("%s: a number of values that can not be", at)
		}
		for _, n := range p.Choice {
			if n < 0 || n > p.Count {
				return fmt.Errorf("%s.choice: want numbers from 0 to the count", at)
			}
		}
		for _, s := range []struct {
			name  string
			sizes Sizes
			most  float64
		}{{"sizes", p.Sizes, maxSize}, {"bits", p.Bits, 1 << 16}, {"names", p.Names, maxNameBytes}} {
			if err := s.sizes.check(at + "." + s.name); err != nil {
				return err
			}
			if n := len(s.sizes); n > 0 && s.sizes[n-1].Mean > s.most {
				return fmt.Errorf("%s.%s: sizes of more than %g", at, s.name, s.most)
			}
		}
	}
	return nil
}

// Forms of strings. A step that casts a text to a number, or a rule that wants a date, works on a replica as it does on what it is like.
var textForms = [...]string{"other", "whole", "broken", "uuid", "moment", "date"}

const (
	formOther = iota
	formWhole
	formBroken
	formUUID
	formMoment
	formDate
)

func textForm(s string) int {
	digits, points, dashes, rest := 0, 0, 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c == '.':
			points++
		case c == '-':
			dashes++
		default:
			rest++
		}
	}
	minus := len(s) > 1 && s[0] == '-'
	number := digits > 0 && rest == 0 && (dashes == 0 || dashes == 1 && minus) && len(s) <= 18
	first := s
	if minus {
		first = s[1:]
	}
	switch {
	case number && points == 0 && (first[0] != '0' || len(first) == 1):
		return formWhole
	case number && points == 1 && first[0] != '.' && s[len(s)-1] != '.' && (first[0] != '0' || first[1] == '.'):
		return formBroken
	case len(s) == 36 && dashes == 4 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-':
		return formUUID
	case len(s) == 10 && digits == 8 && dashes == 2 && s[4] == '-' && s[7] == '-':
		return formDate
	case len(s) >= 20 && s[4] == '-' && s[7] == '-' && s[10] == 'T' && s[13] == ':' && s[16] == ':':
		return formMoment
	}
	return formOther
}

// drawing draws one payload.
type drawing struct {
	out    []byte
	rng    *rand.Rand
	drawn  float64
	places map[string]*Place
	items  int // that may still be written in all lists and maps
	depth  int
}

// choose draws one of n, by how often each was there and all alike where none was. nil allows all.
func (d *drawing) choose(at string, n int, allow func(int) bool) int {
	p := d.places[at]
	weight := func(i int) int64 {
		switch {
		case allow != nil && !allow(i):
			return 0
		case p == nil || i >= len(p.Choice):
			return 0
		}
		return p.Choice[i]
	}
	var all int64
	for i := range n {
		all += weight(i)
	}
	if all == 0 {
		var can []int
		for i := range n {
			if allow == nil || allow(i) {
				can = append(can, i)
			}
		}
		if len(can) == 0 {
			return 0
		}
		return can[d.rng.IntN(len(can))]
	}
	u := d.rng.Int64N(all)
	for i := range n {
		if u -= weight(i); u < 0 {
			return i
		}
	}
	return n - 1
}

// there draws whether something optional is there: it was, in so many of all. What nobody saw is not.
func (d *drawing) there(at string) bool {
	p := d.places[at]
	if p == nil || len(p.Choice) < 2 || d.depth > maxNested {
		return false
	}
	return d.choose(at, 2, nil) == 1
}

const freshSize = 8 // of what nobody saw, in bytes

func (d *drawing) size(at string) int {
	p := d.places[at]
	if p == nil || len(p.Sizes) == 0 {
		return freshSize
	}
	return max(0, min(p.Sizes.pick(d.rng.Float64()), maxSize-len(d.out)))
}

// entries draws how many entries a list or a map has, and takes them from what one value may have.
func (d *drawing) entries(at string) int {
	p := d.places[at]
	if p == nil || len(p.Sizes) == 0 || d.depth > maxNested {
		return 0
	}
	n := min(p.Sizes.pick(d.rng.Float64()), d.items)
	d.items -= n
	return n
}

// whole draws an integer of as many bits as there were, at most of width without the sign.
func (d *drawing) whole(at string, width int) int64 {
	p := d.places[at]
	n, minus := 7, false
	if p != nil && len(p.Bits) > 0 {
		n = p.Bits.pick(d.rng.Float64())
		minus = d.rng.Int64N(p.Bits.Count()) < p.Minus
	}
	n = min(n, width)
	var v int64
	if n > 0 {
		v = int64(1)<<(n-1) | int64(d.rng.Uint64()&(1<<(n-1)-1))
	}
	if minus {
		v = -v
	}
	return v
}

// floating draws a number with two digits behind its point.
func (d *drawing) floating(at string) float64 {
	v := d.whole(at, 50)
	return float64(v) + math.Copysign(float64(d.rng.IntN(100))/100, float64(v))
}

// text draws a string of one of the forms that there were.
func (d *drawing) text(at string) []byte {
	size := d.size(at)
	form := formOther
	if p := d.places[at]; p != nil && len(p.Choice) == len(textForms) {
		form = d.choose(at, len(textForms), nil)
	}
	return d.formed(form, size)
}

func (d *drawing) formed(form, size int) []byte {
	switch form {
	case formWhole:
		return d.digits(nil, max(1, min(size, 18)))
	case formBroken:
		before := max(1, min(size, 18)-3)
		out := append(d.digits(nil, before), '.')
		for len(out) < max(3, min(size, 18)) {
			out = append(out, '0'+byte(d.rng.IntN(10)))
		}
		return out
	case formUUID:
		b := make([]byte, 16)
		for i := range b {
			b[i] = byte(d.rng.Uint32())
		}
		b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
		return fmt.Appendf(nil, "%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
	case formMoment:
		return fmt.Appendf(nil, "2026-%02d-%02dT%02d:%02d:%02dZ", 1+d.rng.IntN(12), 1+d.rng.IntN(28), d.rng.IntN(24), d.rng.IntN(60), d.rng.IntN(60))
	case formDate:
		return fmt.Appendf(nil, "2026-%02d-%02d", 1+d.rng.IntN(12), 1+d.rng.IntN(28))
	}
	return fill(make([]byte, size), letters, d.drawn, d.rng)
}

// digits appends a whole number of n digits.
func (d *drawing) digits(dst []byte, n int) []byte {
	if n <= 1 {
		return append(dst, '0'+byte(d.rng.IntN(10)))
	}
	dst = append(dst, '1'+byte(d.rng.IntN(9)))
	for range n - 1 {
		dst = append(dst, '0'+byte(d.rng.IntN(10)))
	}
	return dst
}

// bytes draws bytes.
func (d *drawing) bytes(at string) []byte {
	return fill(make([]byte, d.size(at)), "", d.drawn, d.rng)
}

// names draws the keys of a map, no two alike.
func (d *drawing) names(at string, n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		size := freshSize
		if p := d.places[at]; p != nil && len(p.Names) > 0 {
			size = p.Names.pick(d.rng.Float64())
		}
		out[i] = name(int64(i), size, d.rng)
	}
	return out
}
