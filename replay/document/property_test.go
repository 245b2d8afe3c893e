package document

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"backstitch/replay/framed"
	"backstitch/replay/source"
	"backstitch/replay/spec"
	"backstitch/replay/transform"
	"backstitch/replay/tree"

	"pgregory.net/rapid"
)

// anything draws JSON that other programs respell: numbers that no double holds, escapes, names that stand twice, depth.
func anything(t *rapid.T, depth int) string {
	kinds := 3
	if depth > 0 {
		kinds = 5
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return rapid.SampledFrom([]string{"1.0", "-0", "1e400", "9223372036854775808", "12345678901234567890123.50", "7E-5"}).Draw(t, "number")
	case 1:
		return rapid.SampledFrom([]string{`""`, `"\u0041\/"`, `"ö"`, `"<&>"`, `"\ud83d\ude00"`, "\" \""}).Draw(t, "text")
	case 2:
		return rapid.SampledFrom([]string{"true", "null", "{ }", "[]"}).Draw(t, "word")
	case 3:
		return "[ " + anything(t, depth-1) + "\t," + anything(t, depth-1) + "]"
	}
	return "{" + others(t, depth-1) + "}"
}

// others draws members, of which two may have one name.
func others(t *rapid.T, depth int) string {
	var out []string
	for range rapid.IntRange(1, 3).Draw(t, "members") {
		out = append(out, fmt.Sprintf(" %q : %s ", fmt.Sprint("ä", rapid.IntRange(0, 200).Draw(t, "name")), anything(t, depth)))
	}
	return strings.Join(out, ",")
}

// TestBesideAMemberNothingChanges: what no step asks for keeps its bytes, under a schema that looks at it.
func TestBesideAMemberNothingChanges(t *testing.T) {
	out, err := Parse(framed.Text{Schema: `{"type":"object","required":["n"],"properties":{"n":{"const":2}}}`})
	if err != nil {
		t.Fatal(err)
	}
	anyOf, err := Parse(framed.Text{Schema: `true`})
	if err != nil {
		t.Fatal(err)
	}
	editor := func(steps ...spec.Step) *framed.Editor {
		c, err := Form{}.Chain(steps, out, 9, false)
		if err != nil {
			t.Fatal(err)
		}
		return framed.NewEditor(c, framed.Pinned{{ID: 7}: anyOf}, framed.Names{})
	}
	set, pass := editor(spec.Step{Set: &spec.Set{Field: "n", Value: []byte("2")}}), editor()
	rapid.Check(t, func(t *rapid.T) {
		before, after := others(t, 4), others(t, 4)
		in := "{" + before + `,"n":1, ` + after + "}"
		made, changed, err := set.Append(nil, []byte("\x00\x00\x00\x00\x07"+in))
		var refused *transform.Refused
		if errors.As(err, &refused) && refused.Code == source.CodeAmbiguous && twice(t, in) {
			return // which of two a schema would mean nobody says
		}
		if want := "\x00\x00\x00\x00\x09{" + before + `,"n":2, ` + after + "}"; err != nil || !changed || string(made) != want {
			t.Fatalf("%s\ncame out as %q, %v\nwant        %q", in, made, err, want)
		}
		if made, _, err = pass.Append(nil, append([]byte("\x00\x00\x00\x00\x07"), made[5:]...)); err != nil || string(made[5:]) != "{"+before+`,"n":2, `+after+"}" {
			t.Fatalf("nothing was asked for: got %q, %v", made, err)
		}
		made, changed, err = pass.Append(nil, []byte("\x00\x00\x00\x00\x07"+in))
		if !errors.As(err, &refused) || refused.Code != source.CodeNotFitting || changed || len(made) > 0 {
			t.Fatalf("%s does not fit the schema and came out as %q, %v", in, made, err)
		}
	})
}

// twice reports whether an object has a name twice.
func twice(t *rapid.T, in string) bool {
	doc, err := new(tree.Parser).Parse([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	return doc.Twice
}
