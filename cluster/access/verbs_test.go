package access

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of verbs into docs/access.md")

// docs/access.md has the table as it is.
func TestTheTableOfVerbsIsDocumented(t *testing.T) {
	const page, begin, end = "../../docs/access.md", "<!-- verbs -->\n", "<!-- /verbs -->"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	got, after, both := strings.Cut(rest, end)
	if !ok || !both {
		t.Fatalf("%s has no table between %q and %q", page, begin, end)
	}
	if got == Table() {
		return
	}
	if !*update {
		t.Fatalf("the table in %s is another one (run with -update to write it)", page)
	}
	if err := os.WriteFile(page, []byte(before+begin+Table()+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestVerbsAreFoundByName(t *testing.T) {
	all := Verbs()
	if len(all) < 80 || !slices.IsSortedFunc(all, func(a, b Verb) int { return strings.Compare(a.Name, b.Name) }) {
		t.Fatalf("%d verbs, by name", len(all))
	}
	for _, v := range all {
		if found, ok := FindVerb(v.Name); !ok || found != v {
			t.Errorf("%s: found %v, %t", v.Name, found, ok)
		}
		if (v.Scope == ScopeObject) != (v.Of != "") || (v.Needs == none) != (v.Scope == ScopeOpen || v.Scope == ScopeKnown) {
			t.Errorf("%s: %+v is half a row", v.Name, v)
		}
	}
	if _, ok := FindVerb("fly"); ok {
		t.Error("found a verb that there is not")
	}
}

func TestTokensAreReadAsTheyAreWritten(t *testing.T) {
	a, b := NewToken(), NewToken()
	if a.Reveal() == b.Reveal() || a.Accessor() == b.Accessor() || a.Is(b.Hash()) {
		t.Fatal("two tokens are one")
	}
	got, err := ParseToken(" " + a.Reveal() + "\n")
	if err != nil || got.Accessor() != a.Accessor() || !got.Is(a.Hash()) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, text := range []string{"", "bst_", "bst_a_b", a.Reveal() + "a", strings.ToUpper(a.Reveal()), a.Reveal()[1:], a.Accessor(), a.Reveal()[:20] + "_" + a.Reveal()[20:]} {
		if got, err := ParseToken(text); err == nil || !got.IsZero() || len(text) > 20 && strings.Contains(err.Error(), text) {
			t.Errorf("%d bytes that are no token: %v, %v", len(text), got, err)
		}
	}
}
