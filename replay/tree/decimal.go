package tree

import (
	"bytes"
	"cmp"
	"strconv"
)

// Decimal is Digits times ten to the Exp. There are no zeros at either end of Digits, and none at all for 0, so one number has one
// Decimal.
type Decimal struct {
	Negative bool
	Digits   []byte
	Exp      int
}

// ParseDecimal reads a number as JSON spells it. ok is false for an exponent of more than 31 bits.
func ParseDecimal(text []byte) (d Decimal, ok bool) {
	rest, negative := bytes.CutPrefix(text, []byte("-"))
	mantissa, exponent := rest, []byte(nil)
	if i := bytes.IndexAny(rest, "eE"); i >= 0 {
		mantissa, exponent = rest[:i], rest[i+1:]
	}
	whole, fraction, _ := bytes.Cut(mantissa, []byte("."))
	digits := append(bytes.Clone(whole), fraction...)
	d = Decimal{Negative: negative, Digits: bytes.TrimLeft(digits, "0"), Exp: -len(fraction)}
	if len(d.Digits) == 0 {
		return Decimal{}, true
	}
	if len(exponent) > 0 {
		n, err := strconv.ParseInt(string(exponent), 10, 32)
		if err != nil {
			return d, false
		}
		d.Exp += int(n)
	}
	short := bytes.TrimRight(d.Digits, "0")
	d.Exp += len(d.Digits) - len(short)
	d.Digits = short
	return d, true
}

// Equal reports whether two decimals are the same number.
func (d Decimal) Equal(e Decimal) bool {
	return d.Negative == e.Negative && d.Exp == e.Exp && bytes.Equal(d.Digits, e.Digits)
}

// Compare is -1, 0 or 1 as d is less than, equal to or more than e. Exponents cost nothing: no zeros are written out.
func (d Decimal) Compare(e Decimal) int {
	if a, b := d.sign(), e.sign(); a != b || a == 0 {
		return cmp.Compare(a, b)
	}
	size := cmp.Compare(len(d.Digits)+d.Exp, len(e.Digits)+e.Exp) // where the first digit stands
	if size == 0 {
		size = bytes.Compare(d.Digits, e.Digits) // no zeros behind, so the shorter of two that begin alike is the smaller
	}
	return size * d.sign()
}

func (d Decimal) sign() int {
	switch {
	case len(d.Digits) == 0:
		return 0
	case d.Negative:
		return -1
	}
	return 1
}
