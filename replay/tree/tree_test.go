package tree

import (
	"encoding/json"
	"errors"
	"math/big"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	var p Parser
	for text, want := range map[string]Value{
		` {"a":[1.0,null,true],"b":{"\u0063":"\u0064"}} `: map[string]any{"a": []any{json.Number("1.0"), nil, true}, "b": map[string]any{"c": "d"}},
		`{"a":1,"b":2,"a":3,"a":4}`:                       map[string]any{"a": Twice{}, "b": json.Number("2")},
		`"x"`:                                             "x", `12345678901234567890123`: json.Number("12345678901234567890123"), `null`: nil,
	} {
		d, err := p.Parse([]byte(text))
		if diff := cmp.Diff(d.Root, want); err != nil || diff != "" {
			t.Errorf("%s: %v (-got +want):\n%s", text, err, diff)
		}
	}
	for text, want := range map[string]error{`{"a":1`: ErrNotJSON, `{} {}`: ErrNotJSON, "\"\xff\"": ErrNotUTF8, ``: ErrNotJSON} {
		if _, err := p.Parse([]byte(text)); !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", text, err, want)
		}
	}
	if d, err := p.Parse([]byte(`{"a":[1e99999]}`)); err != nil || !d.Wide || d.Twice {
		t.Errorf("got %+v, %v, want a wide number", d, err)
	}
}

// Decimals compare as the numbers do, and there is one for each number.
func TestCompare(t *testing.T) {
	number := rapid.StringMatching(`-?(0|[1-9][0-9]{0,6})(\.[0-9]{1,6})?([eE][+-]?[0-9])?`)
	rapid.Check(t, func(rt *rapid.T) {
		a := number.Draw(rt, "a")
		b := rapid.OneOf(number, rapid.Just(a+"0"), rapid.Just(a)).Draw(rt, "b")
		if !json.Valid([]byte(b)) {
			b = a
		}
		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(b)
		d, okD := ParseDecimal([]byte(a))
		e, okE := ParseDecimal([]byte(b))
		if !okD || !okE || d.Compare(e) != x.Cmp(y) || d.Equal(e) != (x.Cmp(y) == 0) {
			rt.Errorf("%s against %s: got %d and %t, want %d", a, b, d.Compare(e), d.Equal(e), x.Cmp(y))
		}
	})
}

func TestKind(t *testing.T) {
	for text, want := range map[string]string{"1.50e1": "integer", "1.5": "number", "[]": "array", "{}": "object", `"1"`: "string", "true": "boolean", "null": "null"} {
		d, err := new(Parser).Parse([]byte(text))
		if got := Kind(d.Root); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", text, strconv.Quote(got), err, want)
		}
	}
}
