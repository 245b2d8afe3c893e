package ocf

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// A datum as JSON without blanks:
//
//   - a record is an object with its fields in the order of the schema, a map one in the order in which it is stored
//   - a union is the value that it holds, an enum its symbol
//   - bytes and fixed are base64, as Kafka Connect's JSON has them; a decimal is such bytes
//   - numbers are as short as they can be read back, times are the numbers that they are stored as
//   - strings escape what JSON makes them escape: quotation marks, backslashes and what is below a blank
//
// NaN, the infinities and strings that are not UTF-8 have no JSON.

// ErrNoJSON says that a datum holds what JSON has no words for.
var ErrNoJSON = errors.New("JSON has no words for it")

// AppendJSON appends a datum, as Datums cut it, as JSON of at most limit bytes: ErrNoJSON, ErrLimit.
func (s *Schema) AppendJSON(dst, datum []byte, limit int) ([]byte, error) {
	r := renderer{walker: newWalker(datum), out: dst, end: len(dst) + limit}
	err := r.value(s.root)
	return r.out, err
}

type renderer struct {
	walker
	out []byte
	end int // of out, at most
}

func (r *renderer) value(n *node) (err error) {
	if err := r.step(); err != nil {
		return err
	}
	if len(r.out) > r.end {
		return fmt.Errorf("its JSON is too long: %w", ErrLimit)
	}
	switch n.kind {
	case kindNull:
		r.out = append(r.out, "null"...)
	case kindBoolean:
		b, err := r.take(1)
		if err != nil {
			return err
		}
		r.out = strconv.AppendBool(r.out, b[0] != 0)
	case kindInt, kindLong:
		v, err := r.long()
		if err != nil {
			return err
		}
		r.out = strconv.AppendInt(r.out, v, 10)
	case kindFloat:
		b, err := r.take(4)
		if err != nil {
			return err
		}
		return r.float(float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), 32)
	case kindDouble:
		b, err := r.take(8)
		if err != nil {
			return err
		}
		return r.float(math.Float64frombits(binary.LittleEndian.Uint64(b)), 64)
	case kindBytes:
		return r.bytes(r.run())
	case kindFixed:
		return r.bytes(r.take(int64(n.size)))
	case kindString:
		return r.text()
	case kindEnum:
		i, err := r.index(len(n.names))
		if err != nil {
			return err
		}
		r.out = append(r.out, n.names[i]...)
	default:
		if err := r.down(); err != nil {
			return err
		}
		err = r.parts(n)
		r.up()
	}
	return err
}

func (r *renderer) bytes(b []byte, err error) error {
	if err != nil {
		return err
	}
	r.out = append(r.out, '"')
	r.out = base64.StdEncoding.AppendEncode(r.out, b)
	r.out = append(r.out, '"')
	return nil
}

func (r *renderer) text() error {
	b, err := r.run()
	if err != nil {
		return err
	}
	r.out, err = AppendJSONText(r.out, b)
	return err
}

// AppendJSONText appends b as a JSON string: ErrNoJSON where it is not UTF-8.
func AppendJSONText(dst, b []byte) ([]byte, error) {
	if !utf8.Valid(b) {
		return dst, fmt.Errorf("a string is not UTF-8: %w", ErrNoJSON)
	}
	return appendString(dst, b), nil
}

func (r *renderer) float(f float64, bits int) (err error) {
	r.out, err = AppendJSONFloat(r.out, f, bits)
	return err
}

// AppendJSONFloat appends a number of 32 or 64 bits, as short as it can be read back: ErrNoJSON for NaN and the infinities.
func AppendJSONFloat(dst []byte, f float64, bits int) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return dst, fmt.Errorf("a number is %v: %w", f, ErrNoJSON)
	}
	// As JavaScript does: an exponent for what is very small or very large.
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, f, format, -1, bits), nil
}

func (r *renderer) parts(n *node) error {
	switch n.kind {
	case kindUnion:
		i, err := r.index(len(n.parts))
		if err != nil {
			return err
		}
		return r.value(n.parts[i])
	case kindRecord:
		r.out = append(r.out, '{')
		for i, f := range n.parts {
			if i > 0 {
				r.out = append(r.out, ',')
			}
			r.out = append(append(r.out, n.names[i]...), ':')
			if err := r.value(f); err != nil {
				return err
			}
		}
		r.out = append(r.out, '}')
		return nil
	}
	return r.items(n)
}

func (r *renderer) items(n *node) error {
	open, end := byte('['), byte(']')
	if n.kind == kindMap {
		open, end = '{', '}'
	}
	r.out = append(r.out, open)
	for first := true; ; {
		items, err := r.count()
		if err != nil {
			return err
		}
		if items == 0 {
			r.out = append(r.out, end)
			return nil
		}
		for ; items > 0; items-- {
			if !first {
				r.out = append(r.out, ',')
			}
			first = false
			if n.kind == kindMap {
				if err := r.text(); err != nil {
					return err
				}
				r.out = append(r.out, ':')
			}
			if err := r.value(n.parts[0]); err != nil {
				return err
			}
		}
	}
}

const hexDigits = "0123456789abcdef"

// appendString appends UTF-8 as a JSON string.
func appendString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	begun := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[begun:i]...)
		begun = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(append(dst, s[begun:]...), '"')
}
