package transform

import (
	"bytes"
	"errors"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Casts go by the digits of a number as they stand: a float64 would take 0.1 for something else and 2^53+1 for its neighbour.

// casts are what a value can become. Each gets the text of a scalar that is not null, and returns what stands for it or why nothing does.
var casts = map[string]func(e *Editor, text []byte) ([]byte, error){
	"string": toString, "integer": toInteger, "number": toNumber, "boolean": toBoolean,
}

var (
	errNotANumber  = errors.New("not a number as JSON spells it")
	errNotExact    = errors.New("no integer is the same")
	errManyDigits  = errors.New("an integer of more than 1,000 digits")
	errNoCast      = errors.New("there is no such cast")
	errNotABoolean = errors.New("neither true nor false")
)

func toString(e *Editor, text []byte) ([]byte, error) {
	if text[0] == '"' {
		return text, nil
	}
	return e.quoted(text), nil
}

func toNumber(e *Editor, text []byte) ([]byte, error) {
	switch text[0] {
	case 't', 'f':
		return nil, errNoCast
	case '"':
		inner := e.unquoted(text)
		if !isNumber(inner) {
			return nil, errNotANumber
		}
		return inner, nil
	}
	return text, nil
}

func toInteger(e *Editor, text []byte) ([]byte, error) {
	text, err := toNumber(e, text)
	if err != nil || !bytes.ContainsAny(text, ".eE") {
		return text, err
	}
	d, ok := parseDecimal(text)
	switch {
	case !ok || d.exp > maxDigits || len(d.digits)+d.exp > maxDigits:
		return nil, errManyDigits
	case d.exp < 0:
		return nil, errNotExact
	}
	return e.text(func(dst []byte) []byte {
		if len(d.digits) == 0 {
			return append(dst, '0')
		}
		if d.negative {
			dst = append(dst, '-')
		}
		return append(append(dst, d.digits...), bytes.Repeat([]byte("0"), d.exp)...)
	}), nil
}

func toBoolean(e *Editor, text []byte) ([]byte, error) {
	switch text[0] {
	case 't', 'f':
		return text, nil
	case '"':
		if inner := e.unquoted(text); string(inner) == "true" || string(inner) == "false" {
			return inner, nil
		}
		return nil, errNotABoolean
	}
	return nil, errNoCast
}

// unquoted is what a text of JSON says.
func (e *Editor) unquoted(text []byte) []byte {
	return e.text(func(dst []byte) []byte {
		dst, _ = jsontext.AppendUnquote(dst, text) // it was read as JSON before
		return dst
	})
}

// isNumber reports whether text is a number and nothing else, as JSON spells it.
func isNumber(text []byte) bool {
	digits := func(b []byte) []byte {
		for len(b) > 0 && '0' <= b[0] && b[0] <= '9' {
			b = b[1:]
		}
		return b
	}
	rest := bytes.TrimPrefix(text, []byte("-"))
	after := digits(rest)
	if len(after) == len(rest) || rest[0] == '0' && len(rest)-len(after) > 1 {
		return false
	}
	if rest = after; len(rest) > 0 && rest[0] == '.' {
		if after = digits(rest[1:]); len(after) == len(rest)-1 {
			return false
		}
		rest = after
	}
	if len(rest) > 0 && (rest[0] == 'e' || rest[0] == 'E') {
		if rest = rest[1:]; len(rest) > 0 && (rest[0] == '+' || rest[0] == '-') {
			rest = rest[1:]
		}
		if after = digits(rest); len(after) == len(rest) {
			return false
		}
		rest = after
	}
	return len(rest) == 0
}

// maxDigits bounds an integer that an exponent asks for.
const maxDigits = 1000

// decimal is digits times ten to the exp. There are no zeros at either end of digits, and none at all for 0.
type decimal struct {
	negative bool
	digits   []byte
	exp      int
}

// parseDecimal reads a number as JSON spells it. ok is false for an exponent that no int holds.
func parseDecimal(text []byte) (d decimal, ok bool) {
	rest, negative := bytes.CutPrefix(text, []byte("-"))
	mantissa, exponent := rest, []byte(nil)
	if i := bytes.IndexAny(rest, "eE"); i >= 0 {
		mantissa, exponent = rest[:i], rest[i+1:]
	}
	whole, fraction, _ := bytes.Cut(mantissa, []byte("."))
	digits := append(bytes.Clone(whole), fraction...)
	d = decimal{negative: negative, digits: bytes.TrimLeft(digits, "0"), exp: -len(fraction)}
	if len(d.digits) == 0 {
		return decimal{}, true
	}
	if len(exponent) > 0 {
		n, err := strconv.ParseInt(string(exponent), 10, 32)
		if err != nil {
			return d, false
		}
		d.exp += int(n)
	}
	short := bytes.TrimRight(d.digits, "0")
	d.exp += len(d.digits) - len(short)
	d.digits = short
	return d, true
}
