package datum

import (
	"encoding/binary"
	"math"
	"math/big"
	"unicode/utf8"

	"backstitch/replay/ocf"
	"backstitch/replay/source"
)

// Writing a datum of one type as one of another. What it reads was walked over before, so it is whole and not too deep, and an array has no
// more items than the walk allows for its bytes; what it writes may grow by defaults, which is bounded here.

// MaxBytes bounds what one value becomes.
const MaxBytes = 64 << 20

// maxTries bounds how many branches of unions are tried in vain for one value.
const maxTries = 1 << 16

// convert appends raw, a datum of p.w and nothing else, as one of p.r.
func (e *editor) convert(dst []byte, p *plan, raw []byte) ([]byte, error) {
	if len(dst)-e.from > e.most {
		return dst, refuse(source.CodeTooGrown, "it becomes more than %d bytes", e.most)
	}
	switch p.op {
	case opCopy:
		return append(dst, raw...), nil
	case opScalar:
		return e.scalar(dst, p.w, p.r, raw)
	case opEnum:
		c := ocf.NewCursor(raw)
		i, err := c.Index(len(p.symbols))
		if err != nil {
			return dst, err
		}
		if p.symbols[i] < 0 {
			return dst, refuse(source.CodeNoForm, "the output schema has no symbol %.80s in %s", p.w.symbols[i], p.r.name)
		}
		return appendLong(dst, int64(p.symbols[i])), nil
	case opRecord:
		return e.record(dst, p, raw)
	case opItems:
		return e.items(dst, p, raw)
	case opOut:
		c := ocf.NewCursor(raw)
		i, err := c.Index(len(p.parts))
		if err != nil {
			return dst, err
		}
		return e.convert(dst, p.parts[i], raw[c.At():])
	case opIn:
		return e.into(dst, p.into, func(dst []byte, i int) ([]byte, error) { return e.convert(dst, p.parts[i], raw) })
	}
	return dst, refuse(source.CodeNoForm, "%s", p.why)
}

// into appends a value under the first branch of a union that takes it. What none takes is refused as the best of them says.
func (e *editor) into(dst []byte, branches []int, value func(dst []byte, i int) ([]byte, error)) ([]byte, error) {
	var first error
	for i, branch := range branches {
		// What JSON says may fit several records, each of which holds several: trying all would take time without bound.
		if i > 0 {
			e.tries++
		}
		if e.tries > maxTries {
			return dst, refuse(source.CodeTooGrown, "more than %d branches of unions would have to be tried", maxTries)
		}
		out, err := value(appendLong(dst, int64(branch)), i)
		if err == nil {
			return out, nil
		}
		if first == nil {
			first = err
		}
	}
	return dst, first
}

func (e *editor) record(dst []byte, p *plan, raw []byte) (_ []byte, err error) {
	if len(p.spare) > 0 && !e.chain.spare {
		return dst, in(p.w.fields[p.spare[0]].name, errSpare())
	}
	// Spans of fields lie on a stack, since records lie in records.
	base := len(e.spans)
	defer func() { e.spans = e.spans[:base] }()
	c := ocf.NewCursor(raw)
	for i := range p.w.fields {
		span, err := c.Skip(p.w.fields[i].typ.wire)
		if err != nil {
			return dst, err
		}
		e.spans = append(e.spans, span)
	}
	for i := range p.r.fields {
		f := &p.r.fields[i]
		switch at := p.from[i]; {
		case at >= 0:
			dst, err = e.convert(dst, p.parts[i], e.spans[base+at])
		case f.has:
			dst = append(dst, f.preset...)
		default:
			err = errNoPreset()
		}
		if err != nil {
			return dst, in(f.name, err)
		}
	}
	return dst, nil
}

func errSpare() error {
	return refuse(source.CodeNoPlace, "the output schema has no such field; a step may drop it")
}

func errNoPreset() error {
	return refuse(source.CodeNoPreset, "it is not there, and the output schema has no default for it")
}

func (e *editor) items(dst []byte, p *plan, raw []byte) ([]byte, error) {
	c := ocf.NewCursor(raw)
	for {
		n, err := c.Count()
		if err != nil {
			return dst, err
		}
		dst = appendLong(dst, n)
		if n == 0 {
			return dst, nil
		}
		for ; n > 0; n-- {
			name := "[]"
			if p.w.kind == kMap {
				key, err := c.Bytes()
				if err != nil {
					return dst, err
				}
				dst, name = appendRun(dst, key), string(key)
			}
			span, err := c.Skip(p.w.parts[0].wire)
			if err == nil {
				dst, err = e.convert(dst, p.parts[0], span)
			}
			if err != nil {
				return dst, in(name, err)
			}
		}
	}
}

// scalar appends a scalar or a fixed of w as one of r, exactly.
func (e *editor) scalar(dst []byte, w, r *typ, raw []byte) ([]byte, error) {
	switch {
	case r.logical == "decimal":
		return decimal(dst, w, r, raw)
	case whole(w.kind):
		c := ocf.NewCursor(raw)
		n, err := c.Long()
		if err != nil {
			return dst, err
		}
		return integer(dst, w, r, n)
	case w.kind == kFloat:
		return appendFloat(dst, r, float64(math.Float32frombits(binary.LittleEndian.Uint32(raw))))
	case w.kind == kDouble:
		return appendFloat(dst, r, math.Float64frombits(binary.LittleEndian.Uint64(raw)))
	case lettered(w.kind):
		c := ocf.NewCursor(raw)
		b, err := c.Bytes()
		switch {
		case err != nil:
			return dst, err
		case r.kind == kString && w.kind == kBytes && !utf8.Valid(b):
			return dst, refuse(source.CodeNoForm, "it is bytes that are no UTF-8, the output schema has string")
		case r.logical == "uuid" && !isUUID(b):
			return dst, refuse(source.CodeNoForm, "%.60q is no uuid", b)
		}
	}
	return append(dst, raw...), nil
}

// isUUID reports whether b is in the one form that RFC 4122 gives to be read.
func isUUID(b []byte) bool {
	if len(b) != 36 {
		return false
	}
	for i, c := range b {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		hex := '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
		if dash != (c == '-') || !dash && !hex {
			return false
		}
	}
	return true
}

// integer appends n, which is a number or a time of w, as one of r.
func integer(dst []byte, w, r *typ, n int64) ([]byte, error) {
	if pointed(r.kind) {
		f := float64(n)
		if r.kind == kFloat {
			f = float64(float32(n))
		}
		if f == 1<<63 || int64(f) != n {
			return dst, refuse(source.CodeNoForm, "no %s is exactly %d", r.kind, n)
		}
		return appendFloat(dst, r, f)
	}
	from, to := units[w.logical], units[r.logical]
	if from.family != "" && from.family == to.family && from.ns != to.ns {
		var ok bool
		if n, ok = rescaled(n, from.ns, to.ns); !ok {
			return dst, refuse(source.CodeNoForm, "%d of %s has no exact form as %s", n, w.logical, r.logical)
		}
	}
	if r.kind == kInt && int64(int32(n)) != n {
		return dst, refuse(source.CodeNoForm, "%d does not fit an int", n)
	}
	return appendLong(dst, n), nil
}

// rescaled is n units of from nanoseconds in units of to; n itself where there is no such whole number.
func rescaled(n, from, to int64) (int64, bool) {
	if from < to {
		if by := to / from; n%by == 0 {
			return n / by, true
		}
		return n, false
	}
	by := from / to
	if out := n * by; out/by == n {
		return out, true
	}
	return n, false
}

// appendFloat appends f where r holds it exactly. What is no number is none in both.
func appendFloat(dst []byte, r *typ, f float64) ([]byte, error) {
	if r.kind == kDouble {
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(f)), nil
	}
	short := float32(f)
	if float64(short) != f && !math.IsNaN(f) {
		return dst, refuse(source.CodeNoForm, "no float is exactly %v", f)
	}
	return binary.LittleEndian.AppendUint32(dst, math.Float32bits(short)), nil
}

var ten = big.NewInt(10)

// decimal appends a decimal, or bytes that are to be one, as one of r.
func decimal(dst []byte, w, r *typ, raw []byte) ([]byte, error) {
	b, err := blob(w, raw)
	if err != nil {
		return dst, err
	}
	if len(b) > maxDecimal {
		return dst, refuse(source.CodeNoForm, "%d bytes do not fit %s", len(b), r)
	}
	n, scale := unscaled(b), r.scale
	if w.logical == "decimal" {
		scale = w.scale
	}
	before := n
	switch by := new(big.Int).Exp(ten, big.NewInt(int64(max(r.scale-scale, scale-r.scale))), nil); {
	case r.scale > scale:
		n = new(big.Int).Mul(n, by)
	case r.scale < scale:
		var rest big.Int
		if n, _ = new(big.Int).QuoRem(n, by, &rest); rest.Sign() != 0 {
			return dst, refuse(source.CodeNoForm, "%.60s has no exact form as %s", decimalText(before, scale), r)
		}
	}
	if w.kind == r.kind && w.size == r.size && scale == r.scale {
		if !within(n, r) {
			return dst, refuse(source.CodeNoForm, "%.60s does not fit %s", decimalText(n, scale), r)
		}
		return append(dst, raw...), nil
	}
	return appendDecimal(dst, r, n)
}

// within reports whether n has no more digits than r allows.
func within(n *big.Int, r *typ) bool { return len(new(big.Int).Abs(n).String()) <= max(r.precision, 1) }

// appendDecimal appends n, which counts units of r's scale.
func appendDecimal(dst []byte, r *typ, n *big.Int) ([]byte, error) {
	b, ok := complement(n, r.size)
	if !ok || !within(n, r) {
		return dst, refuse(source.CodeNoForm, "%.60s does not fit %s", decimalText(n, r.scale), r)
	}
	if r.kind == kBytes {
		return appendRun(dst, b), nil
	}
	return append(dst, b...), nil
}
