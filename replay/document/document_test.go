package document

import (
	"encoding/json"
	"errors"
	"testing"

	"backstitch/replay/framed"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/transform"
	"backstitch/replay/tree"
)

const order = `{"type":"object","required":["n"],"properties":{"n":{"type":"integer","minimum":0},"item":{"$ref":"item.json"}},"additionalProperties":false}`

func parse(t testing.TB, text string) *Schema {
	t.Helper()
	s, err := Parse(framed.Text{Schema: text, References: []framed.Reference{{Name: "item.json", Schema: `{"type":"string","maxLength":3}`}}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func edit(t testing.TB, steps string) *framed.Editor {
	t.Helper()
	var list []spec.Step
	if err := json.Unmarshal([]byte(steps), &list); err != nil {
		t.Fatal(err)
	}
	c, err := Form{}.Chain(list, parse(t, order), 9, false)
	if err != nil {
		t.Fatal(err)
	}
	return framed.NewEditor(c, framed.Pinned{{ID: 7}: parse(t, `true`), {ID: 9}: parse(t, order)}, framed.Names{})
}

// The frame goes, the steps change what they are asked to, and the rest keeps its bytes; what does not fit the output schema is refused.
func TestValuesComeOutUnderTheSchema(t *testing.T) {
	const steps = `[{"rename":{"field":"old","to":"n"}}]`
	for _, c := range []struct{ in, want string }{
		{` {"item" : "\u0061b", "old":1.0 }`, ` {"item" : "\u0061b", "n":1.0 }`},
		{`{"n":123456789012345678901234567890}`, `{"n":123456789012345678901234567890}`},
		{`{"old":-1}`, source.CodeNotFitting},
		{`{"n":1,"more":1}`, source.CodeNotFitting},
		{`{"item":"long","n":1}`, source.CodeNotFitting},
		{`{"n":1,"n":2}`, source.CodeAmbiguous},
		{`{"n":1e999999999}`, source.CodeNotFitting},
		{`{"n":null}`, source.CodeNotFitting},
		{`[]`, source.CodeNotObject},
		{`{"n":`, source.CodeNotJSON},
		{"{\"n\":1,\"item\":\"\xff\"}", source.CodeNotUTF8},
	} {
		made, changed, err := edit(t, steps).Append(nil, []byte("\x00\x00\x00\x00\x07"+c.in))
		var refused *transform.Refused
		if errors.As(err, &refused) {
			if refused.Code != c.want {
				t.Errorf("%s: got %v with %s, want %s", c.in, err, refused.Code, c.want)
			}
			continue
		}
		if err != nil || !changed || string(made) != "\x00\x00\x00\x00\x09"+c.want {
			t.Errorf("%s: got %q, %v, want %s", c.in, made, err, c.want)
		}
	}
	if made, changed, err := edit(t, steps).Append(nil, []byte("\x00\x00\x00\x00\x09"+`{"n": 1}`)); err != nil || changed || len(made) > 0 {
		t.Errorf("a value of the output schema that no step changes: got %q, %t, %v", made, changed, err)
	}
	for _, in := range []string{"", `{"n":1}`, "\x00\x00\x00\x00"} {
		_, _, err := edit(t, steps).Append(nil, []byte(in))
		var refused *transform.Refused
		if !errors.As(err, &refused) || refused.Code != source.CodeNotFramed {
			t.Errorf("%q: got %v, want %s", in, err, source.CodeNotFramed)
		}
	}
}

// A schema makes nobody load anything.
func TestNothingIsLoaded(t *testing.T) {
	for _, text := range []string{`{"$ref":"https://example.invalid/x.json"}`, `{"$ref":"file:///etc/hostname"}`, `{"$ref":"other.json"}`, `{`} {
		if _, err := Parse(framed.Text{Schema: text}); err == nil {
			t.Errorf("%s was read", text)
		}
	}
}

// FuzzDocument reads any bytes. What comes out fits, and is JSON.
func FuzzDocument(f *testing.F) {
	e := edit(f, `[{"rename":{"field":"old","to":"n"}},{"default":{"field":"item","value":"x"}}]`)
	f.Add([]byte(`{"old":1}`))
	f.Add([]byte(` {"n":1e2,"item":"\u0061"}`))
	s := parse(f, order)
	f.Fuzz(func(t *testing.T, in []byte) {
		made, changed, err := e.Append(nil, append([]byte{0, 0, 0, 0, 7}, in...))
		if err != nil {
			return
		}
		var v any
		if !changed || json.Unmarshal(made[5:], &v) != nil {
			t.Fatalf("%q became %q", in, made)
		}
		if why := s.fits(made[5:], new(tree.Parser)); why != nil {
			t.Fatalf("%q became %q: %v", in, made, why)
		}
	})
}
