package transform

import (
	"bytes"
	"errors"

	"backstitch/replay/tree"

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
	d, ok := tree.ParseDecimal(text)
	switch {
	case !ok || d.Exp > maxDigits || len(d.Digits)+d.Exp > maxDigits:
		return nil, errManyDigits
	case d.Exp < 0:
		return nil, errNotExact
	}
	return e.text(func(dst []byte) []byte {
		if len(d.Digits) == 0 {
			return append(dst, '0')
		}
		if d.Negative {
			dst = append(dst, '-')
		}
		return append(append(dst, d.Digits...), bytes.Repeat([]byte("0"), d.Exp)...)
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
