package datum

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"

	"backstitch/replay/source"
	"backstitch/replay/tree"
)

// Writing what steps have left under the output schema: objects that were opened, member by member, and what JSON says, which steps make and
// examples hold. JSON has fewer types than Avro; what stands for the others is as view.go shows them.

// value appends v as a datum of r.
func (e *editor) value(dst []byte, v *value, r *typ) ([]byte, error) {
	switch {
	case v.object != nil:
		return e.object(dst, v.object, r)
	case v.raw != nil:
		p := e.pairs.of(v.t, r)
		if v.number != nil && p.op == opNever {
			return e.json(dst, v.number, r)
		}
		return e.convert(dst, p, v.raw)
	}
	return e.json(dst, v.made, r)
}

func (e *editor) object(dst []byte, o *object, r *typ) (_ []byte, err error) {
	switch {
	case r.kind == kUnion:
		var branches []int
		if o.t != nil {
			branches = e.pairs.branches(o.t, r)
		} else {
			branches = ofKind(r, kRecord, kMap)
		}
		if len(branches) == 0 {
			return dst, refuse(source.CodeNoForm, "it is an object, and the output schema's union %s has no branch for it", r)
		}
		return e.into(dst, branches, func(dst []byte, i int) ([]byte, error) { return e.object(dst, o, r.parts[branches[i]]) })
	case r.kind == kMap && (o.t == nil || o.t.kind == kMap):
		return appendItems(dst, len(o.members), func(dst []byte, i int) ([]byte, error) {
			m := &o.members[i]
			dst, err := e.value(appendRun(dst, m.name), &m.value, r.parts[0])
			return dst, in(m.name, err)
		})
	case r.kind != kRecord || o.t != nil && o.t.kind == kMap:
		return dst, refuse(source.CodeNoForm, "it is an object, the output schema has %s", r)
	}
	// Most members are where they were.
	base := len(e.at)
	defer func() { e.at = e.at[:base] }()
	e.at = append(e.at, make([]int, len(r.fields)+len(o.members))...)
	from, taken := e.at[base:base+len(r.fields)], e.at[base+len(r.fields):]
	left := len(o.members)
	match := func(i, j int) {
		from[i], taken[j] = j+1, 1
		left--
	}
	for i := range r.fields {
		if i < len(o.members) && o.members[i].name == r.fields[i].name {
			match(i, i)
			continue
		}
		for j := range o.members {
			if taken[j] == 0 && o.members[j].name == r.fields[i].name {
				match(i, j)
				break
			}
		}
	}
	for i := range r.fields {
		for j := 0; j < len(o.members) && left > 0 && from[i] == 0; j++ {
			if taken[j] == 0 && slices.Contains(r.fields[i].aliases, o.members[j].name) {
				match(i, j)
			}
		}
	}
	if left > 0 && !e.chain.spare {
		j := slices.Index(taken, 0)
		return dst, in(o.members[j].name, errSpare())
	}
	for i := range r.fields {
		f := &r.fields[i]
		switch at := from[i]; {
		case at > 0:
			dst, err = e.value(dst, &o.members[at-1].value, f.typ)
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

// ofKind lists the branches of a union that are of one of the kinds.
func ofKind(r *typ, kinds ...kind) (out []int) {
	for i, b := range r.parts {
		if slices.Contains(kinds, b.kind) {
			out = append(out, i)
		}
	}
	return out
}

// json appends what JSON says as a datum of r.
func (e *editor) json(dst []byte, v tree.Value, r *typ) ([]byte, error) {
	if r.kind == kUnion {
		branches := jsonBranches(v, r)
		if len(branches) == 0 {
			return dst, refuse(source.CodeNoForm, "it is of type %s, and the output schema's union %s has no branch for it", tree.Kind(v), r)
		}
		return e.into(dst, branches, func(dst []byte, i int) ([]byte, error) { return e.json(dst, v, r.parts[branches[i]]) })
	}
	switch v := v.(type) {
	case nil:
		if r.kind == kNull {
			return dst, nil
		}
	case bool:
		if r.kind == kBoolean {
			return appendBool(dst, v), nil
		}
	case json.Number:
		return number(dst, string(v), r)
	case string:
		return jsonText(dst, v, r)
	case []any:
		if r.kind == kArray {
			return appendItems(dst, len(v), func(dst []byte, i int) ([]byte, error) {
				dst, err := e.json(dst, v[i], r.parts[0])
				return dst, in("[]", err)
			})
		}
	case map[string]any:
		var o object
		for _, name := range slices.Sorted(maps.Keys(v)) {
			o.members = append(o.members, member{name, value{made: v[name]}})
		}
		return e.object(dst, &o, r)
	}
	return dst, refuse(source.CodeNoForm, "it is of type %s, the output schema has %s", tree.Kind(v), r)
}

// jsonBranches are those of a union that may take a value of JSON, best first.
func jsonBranches(v tree.Value, r *typ) []int {
	switch v.(type) {
	case nil:
		return ofKind(r, kNull)
	case bool:
		return ofKind(r, kBoolean)
	case json.Number:
		return slices.Concat(ofKind(r, kInt, kLong), ofKind(r, kBytes, kFixed), ofKind(r, kFloat, kDouble))
	case string:
		return slices.Concat(ofKind(r, kString), ofKind(r, kEnum), ofKind(r, kBytes, kFixed), ofKind(r, kFloat, kDouble))
	case []any:
		return ofKind(r, kArray)
	case map[string]any:
		return ofKind(r, kRecord, kMap)
	}
	return nil
}

// number appends the number that text spells where r holds it: all of it in integers and decimals, all of its digits in what is binary.
func number(dst []byte, text string, r *typ) ([]byte, error) {
	switch {
	case pointed(r.kind):
		bits := 64
		if r.kind == kFloat {
			bits = 32
		}
		f, err := strconv.ParseFloat(text, bits)
		if err != nil || !sameDigits(text, strconv.FormatFloat(f, 'g', -1, bits)) {
			return dst, refuse(source.CodeNoForm, "no %s says %.60s", r.kind, text)
		}
		return appendFloat(dst, r, f)
	case whole(r.kind):
		n, ok := scaled(text, 0)
		switch {
		case !ok:
			return dst, refuse(source.CodeNoForm, "%.60s is no integer", text)
		case !n.IsInt64() || r.kind == kInt && int64(int32(n.Int64())) != n.Int64():
			return dst, refuse(source.CodeNoForm, "%.60s does not fit an %s", text, r.kind)
		}
		return appendLong(dst, n.Int64()), nil
	case r.logical == "decimal":
		n, ok := scaled(text, r.scale)
		if !ok {
			return dst, refuse(source.CodeNoForm, "%.60s has no exact form as %s", text, r)
		}
		return appendDecimal(dst, r, n)
	}
	return dst, refuse(source.CodeNoForm, "it is a number, the output schema has %s", r)
}

func sameDigits(a, b string) bool {
	x, okX := tree.ParseDecimal([]byte(a))
	y, okY := tree.ParseDecimal([]byte(b))
	return okX && okY && x.Equal(y)
}

// scaled is the number that text spells, times ten to the scale, where that is a whole one of not too many digits.
func scaled(text string, scale int) (*big.Int, bool) {
	d, ok := tree.ParseDecimal([]byte(text))
	if !ok || len(d.Digits) == 0 {
		return new(big.Int), ok
	}
	up := d.Exp + scale
	if up < 0 || len(d.Digits)+up > 2*maxPrecision {
		return nil, false
	}
	n, _ := new(big.Int).SetString(string(d.Digits), 10)
	n.Mul(n, new(big.Int).Exp(ten, big.NewInt(int64(up)), nil))
	if d.Negative {
		n.Neg(n)
	}
	return n, true
}

func jsonText(dst []byte, v string, r *typ) ([]byte, error) {
	switch {
	case r.kind == kString:
		if r.logical == "uuid" && !isUUID([]byte(v)) {
			return dst, refuse(source.CodeNoForm, "%.60q is no uuid", v)
		}
		return appendRun(dst, v), nil
	case r.kind == kEnum:
		i := slices.Index(r.symbols, v)
		if i < 0 {
			return dst, refuse(source.CodeNoForm, "the output schema has no symbol %.80s in %s", v, r.name)
		}
		return appendLong(dst, int64(i)), nil
	case pointed(r.kind):
		for text, f := range map[string]float64{"NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1)} {
			if v == text {
				return appendFloat(dst, r, f)
			}
		}
	case (r.kind == kBytes || r.kind == kFixed) && r.logical != "decimal":
		b, err := base64.StdEncoding.Strict().DecodeString(v)
		if err != nil || r.kind == kFixed && len(b) != r.size {
			return dst, refuse(source.CodeNoForm, "it is a text that is not the base64 of %s", r)
		}
		if r.kind == kBytes {
			return appendRun(dst, b), nil
		}
		return append(dst, b...), nil
	}
	return dst, refuse(source.CodeNoForm, "it is a text, the output schema has %s", r)
}
