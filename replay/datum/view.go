package datum

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"backstitch/replay/ocf"
	"backstitch/replay/source"
	"backstitch/replay/tree"
)

// A datum as rules, expressions and people see it:
//
//   - a record and a map are objects, a union is the value that it holds, an enum its symbol
//   - a decimal is a number with as many digits behind the point as its scale; other bytes and fixed are base64, as replay/ocf has them
//   - times are the numbers that they are stored as
//   - NaN and the infinities are the texts NaN, Infinity and -Infinity, which no rule takes for a number
//
// A string that is not UTF-8 has no such form: who looks at the record is refused, and who does not passes it on.

var errNotUTF8 = fmt.Errorf("a string is %w", tree.ErrNotUTF8)

// Doc is a datum of s as a tree: errors are those of a datum that is none, or tree.ErrNotUTF8.
func (s *Schema) Doc(datum []byte) (tree.Doc, error) {
	c := ocf.NewCursor(datum)
	var d tree.Doc
	var err error
	if d.Root, err = view(&c, s.root, &d); err == nil && c.Left() > 0 {
		err = fmt.Errorf("%d bytes follow the datum", c.Left())
	}
	if err != nil {
		return tree.Doc{}, err
	}
	return d, nil
}

// view reads a datum of t that was walked over before, so it is not too deep.
func view(c *ocf.Cursor, t *typ, d *tree.Doc) (tree.Value, error) {
	switch t.kind {
	case kRecord:
		object := make(map[string]any, len(t.fields))
		for i := range t.fields {
			v, err := view(c, t.fields[i].typ, d)
			if err != nil {
				return nil, err
			}
			object[t.fields[i].name] = v
		}
		return object, nil
	case kUnion:
		i, err := c.Index(len(t.parts))
		if err != nil {
			return nil, err
		}
		return view(c, t.parts[i], d)
	case kArray:
		list := []any{}
		err := items(c, func() error {
			v, err := view(c, t.parts[0], d)
			list = append(list, v)
			return err
		})
		return list, err
	case kMap:
		object := map[string]any{}
		err := items(c, func() error {
			name, err := text(c)
			if err != nil {
				return err
			}
			v, err := view(c, t.parts[0], d)
			if _, there := object[name]; there {
				v, d.Twice = tree.Twice{}, true
			}
			object[name] = v
			return err
		})
		return object, err
	}
	raw, err := c.Skip(t.wire)
	if err != nil {
		return nil, err
	}
	return scalar(t, raw)
}

// items goes through the blocks of an array or a map.
func items(c *ocf.Cursor, each func() error) error {
	for {
		n, err := c.Count()
		if err != nil || n == 0 {
			return err
		}
		for ; n > 0; n-- {
			if err := each(); err != nil {
				return err
			}
		}
	}
}

func text(c *ocf.Cursor) (string, error) {
	b, err := c.Bytes()
	if err == nil && !utf8.Valid(b) {
		err = errNotUTF8
	}
	return string(b), err
}

// scalar is the datum of a type without parts.
func scalar(t *typ, raw []byte) (tree.Value, error) {
	c := ocf.NewCursor(raw)
	switch t.kind {
	case kNull:
		return nil, nil
	case kBoolean:
		return raw[0] != 0, nil
	case kInt, kLong:
		n, err := c.Long()
		return json.Number(strconv.FormatInt(n, 10)), err
	case kFloat:
		return floating(float64(math.Float32frombits(binary.LittleEndian.Uint32(raw))), 32), nil
	case kDouble:
		return floating(math.Float64frombits(binary.LittleEndian.Uint64(raw)), 64), nil
	case kString:
		return text(&c)
	case kEnum:
		i, err := c.Index(len(t.symbols))
		if err != nil {
			return nil, err
		}
		return t.symbols[i], nil
	}
	b, err := blob(t, raw)
	if err != nil {
		return nil, err
	}
	if t.logical == "decimal" {
		if len(b) > maxDecimal {
			return nil, refuse(source.CodeNoForm, "a decimal of %d bytes is not written out", len(b))
		}
		return json.Number(decimalText(unscaled(b), t.scale)), nil
	}
	return base64.StdEncoding.EncodeToString(b), nil
}

// blob is what bytes or a fixed hold.
func blob(t *typ, raw []byte) ([]byte, error) {
	if t.kind == kFixed {
		return raw, nil
	}
	c := ocf.NewCursor(raw)
	return c.Bytes()
}

func floating(f float64, bits int) tree.Value {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	// As JavaScript does: an exponent for what is very small or very large.
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return json.Number(strconv.FormatFloat(f, format, -1, bits))
}

// unscaled is a number in two's complement, big endian. No bytes are 0.
func unscaled(b []byte) *big.Int {
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(len(b))*8))
	}
	return n
}

// complement is n in two's complement of the fewest bytes, or of size where that is not 0; ok is false where it does not fit.
func complement(n *big.Int, size int) (b []byte, ok bool) {
	// The fewest bits that hold the sign, too.
	bits := n.BitLen()
	if n.Sign() < 0 {
		bits = new(big.Int).Not(n).BitLen()
	}
	need := bits/8 + 1
	if size == 0 {
		size = need
	}
	if need > size {
		return nil, false
	}
	if n.Sign() < 0 {
		n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), uint(size)*8))
	}
	return n.FillBytes(make([]byte, size)), true
}

// decimalText is n with scale digits behind the point.
func decimalText(n *big.Int, scale int) string {
	sign, digits := "", new(big.Int).Abs(n).String()
	if n.Sign() < 0 {
		sign = "-"
	}
	if scale == 0 {
		return sign + digits
	}
	if len(digits) <= scale {
		digits = strings.Repeat("0", scale+1-len(digits)) + digits
	}
	at := len(digits) - scale
	return sign + digits[:at] + "." + digits[at:]
}

// notUTF8 tells a string that is no text from a datum that is none.
func notUTF8(err error) bool { return errors.Is(err, tree.ErrNotUTF8) }
