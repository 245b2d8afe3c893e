package transform

import (
	"bytes"
	"encoding/json"
	"fmt"

	"backstitch/replay/spec"
	"backstitch/replay/tree"
)

// Outcome is what became of one example.
type Outcome struct {
	Example int             `json:"example"` // from 1
	OK      bool            `json:"ok"`
	Want    json.RawMessage `json:"want"`
	Got     json.RawMessage `json:"got,omitempty"`
	Refused string          `json:"refused,omitempty"` // why the value could not be changed, with its code
}

// Try runs the examples of t.
func Try(t *spec.Transform) ([]Outcome, error) {
	chain, err := New(t.Steps)
	if err != nil {
		return nil, err
	}
	e := chain.Editor()
	out := make([]Outcome, 0, len(t.Examples))
	for i, x := range t.Examples {
		o := Outcome{Example: i + 1, Want: json.RawMessage(x.Out), Got: json.RawMessage(x.In)}
		switch made, changed, err := e.Append(nil, x.In); {
		case err != nil:
			o.Got, o.Refused = nil, refusal(err)
		case changed:
			o.Got = made
		}
		o.OK = o.Got != nil && same(o.Got, o.Want)
		out = append(out, o)
	}
	return out, nil
}

func refusal(err error) string {
	if r, ok := err.(*Refused); ok {
		return fmt.Sprintf("%s %v", r.Code, r)
	}
	return err.Error()
}

// same reports whether two JSON texts say the same.
func same(a, b []byte) bool {
	x, errA := read(a)
	y, errB := read(b)
	return errA == nil && errB == nil && equal(x, y)
}

func read(text []byte) (v any, err error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	err = dec.Decode(&v)
	return v, err
}

func equal(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			if w, ok := b[k]; !ok || !equal(v, w) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case json.Number:
		b, ok := b.(json.Number)
		return ok && equalNumbers(string(a), string(b))
	}
	return a == b
}

// equalNumbers compares by digits. Numbers whose exponents no int holds are equal when they are spelt the same.
func equalNumbers(a, b string) bool {
	x, okX := tree.ParseDecimal([]byte(a))
	y, okY := tree.ParseDecimal([]byte(b))
	if !okX || !okY {
		return a == b
	}
	return x.Equal(y)
}
