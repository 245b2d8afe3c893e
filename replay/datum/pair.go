package datum

import (
	"slices"
	"strings"
)

// What is to be done with a datum of one type to have it under another. It is found out once per pair of types. The trap is what equal bytes
// hide: a long of milliseconds and one of microseconds are the same on the wire, and so are decimals of two scales.

// plan is how datums of one type become datums of another.
type plan struct {
	op      op
	w, r    *typ
	why     string  // of opNever
	from    []int   // opRecord: for each field of r that of w, -1 where w has none
	spare   []int   // opRecord: fields of w that r has no place for
	parts   []*plan // opRecord: for each field of r; opOut: for each branch of w; opItems: one; opIn: for each of branches
	symbols []int   // opEnum: for each symbol of w that of r, -1 where r has none
	into    []int   // opIn: branches of r that may take it, best first
}

type op uint8

const (
	opNever  op = iota
	opCopy      // the same bytes say the same
	opScalar    // the value decides
	opEnum
	opRecord
	opItems // of an array or a map
	opOut   // of a union
	opIn    // into a union
)

type pair struct{ w, r *typ }

// pairs finds plans and keeps them. It is used by one goroutine.
type pairs struct {
	plans map[pair]*plan
	same  map[pair]bool
}

func newPairs() pairs { return pairs{map[pair]*plan{}, map[pair]bool{}} }

// of is the plan for datums of w under r.
func (ps *pairs) of(w, r *typ) *plan {
	if p := ps.plans[pair{w, r}]; p != nil {
		return p
	}
	p := &plan{w: w, r: r}
	ps.plans[pair{w, r}] = p // before its parts, which may be of the same types
	if ps.equal(w, r) {
		p.op = opCopy
		return p
	}
	switch {
	case w.kind == kUnion:
		p.op = opOut
		for _, b := range w.parts {
			p.parts = append(p.parts, ps.of(b, r))
		}
	case r.kind == kUnion:
		ps.union(p)
	case w.kind != r.kind && (w.kind >= kRecord && w.kind != kFixed || r.kind >= kRecord && r.kind != kFixed):
		p.why = "it is of type " + w.String() + ", the output schema has " + r.String()
	case w.kind == kRecord:
		ps.record(p)
	case w.kind == kArray, w.kind == kMap:
		p.op, p.parts = opItems, []*plan{ps.of(w.parts[0], r.parts[0])}
	case w.kind == kEnum:
		p.op = opEnum
		for _, s := range w.symbols {
			p.symbols = append(p.symbols, slices.Index(r.symbols, s))
		}
	case fits(w, r):
		p.op = opScalar
	default:
		p.why = "it is of type " + w.String() + ", the output schema has " + r.String()
	}
	return p
}

func (ps *pairs) union(p *plan) {
	p.into = ps.branches(p.w, p.r)
	for _, i := range p.into {
		p.parts = append(p.parts, ps.of(p.w, p.r.parts[i]))
	}
	if p.op = opIn; len(p.into) == 0 {
		p.op, p.why = opNever, "it is of type "+p.w.String()+", and the output schema's union "+p.r.String()+" has no branch for it"
	}
}

// branches are those of a union that may take datums of w, which is no union: the one of the same type and name, else the one of the same
// type, else all that take its values, in order.
func (ps *pairs) branches(w, r *typ) []int {
	var kin []int
	for i, b := range r.parts {
		if b.kind != w.kind {
			continue
		}
		if b.name == w.name && b.logical == w.logical {
			return []int{i}
		}
		kin = append(kin, i)
	}
	if isNamed(w.kind) {
		for _, i := range kin {
			if b := r.parts[i]; unqualified(b.name) == unqualified(w.name) || slices.Contains(b.aliases, w.name) || slices.Contains(b.aliases, unqualified(w.name)) {
				return []int{i}
			}
		}
		// One record among other types can be nothing else; of two none is taken by guess.
		if len(kin) == 1 {
			return kin
		}
		if w.kind != kFixed {
			return nil
		}
	}
	if len(kin) > 0 && w.kind != kFixed {
		if w.kind == kArray || w.kind == kMap || fits(w, r.parts[kin[0]]) {
			return kin[:1] // a union has one branch of such a kind
		}
		return nil
	}
	var out []int
	for i, b := range r.parts {
		if w.kind != kArray && w.kind != kMap && b.kind != kRecord && b.kind != kEnum && fits(w, b) {
			out = append(out, i)
		}
	}
	return out
}

func unqualified(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// record pairs fields by name, and what is left by the output's aliases.
func (ps *pairs) record(p *plan) {
	p.op = opRecord
	p.from, p.parts = make([]int, len(p.r.fields)), make([]*plan, len(p.r.fields))
	taken := make([]bool, len(p.w.fields))
	match := func(by func(*field, string) bool) {
		for i := range p.r.fields {
			f := &p.r.fields[i]
			for j := range p.w.fields {
				if p.parts[i] == nil && !taken[j] && by(f, p.w.fields[j].name) {
					p.from[i], p.parts[i], taken[j] = j, ps.of(p.w.fields[j].typ, f.typ), true
				}
			}
		}
	}
	match(func(f *field, name string) bool { return f.name == name })
	match(func(f *field, name string) bool { return slices.Contains(f.aliases, name) })
	for i, part := range p.parts {
		if part == nil {
			p.from[i] = -1
		}
	}
	for j, t := range taken {
		if !t {
			p.spare = append(p.spare, j)
		}
	}
}

// equal reports whether each datum of w is one of r that says the same.
func (ps *pairs) equal(w, r *typ) bool {
	if known, ok := ps.same[pair{w, r}]; ok {
		return known
	}
	// What is being looked at counts as equal: types refer to themselves. It leans on the whole, so it is kept only with that.
	assumed := map[pair]bool{}
	ok := ps.alike(w, r, assumed)
	if ok {
		for p := range assumed {
			ps.same[p] = true
		}
	}
	ps.same[pair{w, r}] = ok
	return ok
}

func (ps *pairs) alike(w, r *typ, assumed map[pair]bool) bool {
	if w == r || assumed[pair{w, r}] {
		return true
	}
	if w.kind != r.kind || !sameMeaning(w, r) {
		return false
	}
	assumed[pair{w, r}] = true
	switch w.kind {
	case kRecord:
		if len(w.fields) != len(r.fields) {
			return false
		}
		for i := range w.fields {
			if w.fields[i].name != r.fields[i].name || !ps.alike(w.fields[i].typ, r.fields[i].typ, assumed) {
				return false
			}
		}
	case kEnum:
		return len(w.symbols) <= len(r.symbols) && slices.Equal(w.symbols, r.symbols[:len(w.symbols)])
	case kUnion:
		if len(w.parts) > len(r.parts) {
			return false
		}
		for i, b := range w.parts {
			if into := ps.branches(b, r); len(into) == 0 || into[0] != i || !ps.alike(b, r.parts[i], assumed) {
				return false
			}
		}
	case kFixed:
		return w.size == r.size
	case kArray, kMap:
		return ps.alike(w.parts[0], r.parts[0], assumed)
	}
	return true
}

// sameMeaning reports whether what is stored means the same in both, whatever it is. A logical type that goes leaves what is stored; one
// that comes has to hold for it, which the value decides where not every one does.
func sameMeaning(w, r *typ) bool {
	switch {
	case w.logical == "decimal" && r.logical == "decimal":
		return w.scale == r.scale && w.precision <= r.precision
	case w.logical == "":
		return r.logical != "decimal" && r.logical != "uuid"
	}
	return r.logical == "" || r.logical == w.logical
}

// units are what times count, in nanoseconds, by family.
var units = map[string]struct {
	family string
	ns     int64
}{
	"time-millis": {"time", 1e6}, "time-micros": {"time", 1e3},
	"timestamp-millis": {"timestamp", 1e6}, "timestamp-micros": {"timestamp", 1e3}, "timestamp-nanos": {"timestamp", 1},
	"local-timestamp-millis": {"local", 1e6}, "local-timestamp-micros": {"local", 1e3}, "local-timestamp-nanos": {"local", 1},
}

func whole(k kind) bool    { return k == kInt || k == kLong }
func pointed(k kind) bool  { return k == kFloat || k == kDouble }
func lettered(k kind) bool { return k == kBytes || k == kString }

// fits reports whether some values of w have a form in r; both are scalars or fixed.
func fits(w, r *typ) bool {
	if w.logical != "" && r.logical != "" && w.logical != r.logical {
		a, b := units[w.logical], units[r.logical]
		return a.family != "" && a.family == b.family
	}
	switch {
	case w.logical == "decimal" && r.logical == "decimal":
		return true
	case w.kind == kFixed && r.kind == kFixed:
		return w.size == r.size
	case w.kind == kFixed, r.kind == kFixed:
		return false
	case whole(w.kind):
		return whole(r.kind) || pointed(r.kind)
	case pointed(w.kind):
		return pointed(r.kind)
	case lettered(w.kind) && lettered(r.kind):
		return w.kind == r.kind || w.logical == "" && r.logical == ""
	}
	return w.kind == r.kind
}
