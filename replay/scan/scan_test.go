package scan_test

import (
	"errors"
	"testing"

	"backstitch/replay/scan"
	"backstitch/replay/spec"

	"github.com/google/go-cmp/cmp"
)

func parse(t *testing.T, more string) *spec.Recovery {
	t.Helper()
	r, err := spec.Parse("lab.yaml", []byte("apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: lab}\nspec:\n"+
		"  source: {dir: {path: /archive}}\n  target: {kafka: {brokers: \"b:9092\", topic: orders}}\n"+more), spec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestARecipeComesBackAsItsSpec(t *testing.T) {
	r := parse(t, "  select: {partitions: \"0-3\"}\n")
	o, err := scan.Order(r)
	if err != nil {
		t.Fatal(err)
	}
	back, err := scan.Spec(o.Recipe)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(back, r); diff != "" {
		t.Errorf("spec (-got +want):\n%s", diff)
	}
	if o.Name != "lab" || o.Namespace != "default" || o.Pair == "" || !o.Whole {
		t.Errorf("got %+v", o)
	}
	part, err := scan.Order(parse(t, "  range: {offsets: {from: 0, to: 5}}\n"))
	if err != nil || part.Whole || part.Pair != o.Pair {
		t.Errorf("a range of the same pair: got %+v, %v, want the same pair, and not all of it", part, err)
	}
}

func TestARecipeOfAnotherProgramIsRefused(t *testing.T) {
	for _, text := range []string{``, `{}`, `{"version":2,"spec":{}}`, `{"version":1,"spec":{}}`, `{"version":1,"spec":{},"more":1}`, `[]`} {
		if _, err := scan.Spec([]byte(text)); !errors.Is(err, scan.ErrRecipe) {
			t.Errorf("%s: got %v, want %v", text, err, scan.ErrRecipe)
		}
	}
}

func TestAHeaderThatIsNoneMakesNoReport(t *testing.T) {
	if _, err := scan.Report(nil, nil); err == nil {
		t.Error("a scan without a survey has a report")
	}
	if _, err := scan.Report([]byte(`{}`), [][]byte{[]byte("x")}); err == nil {
		t.Error("bytes that nobody wrote are a partition")
	}
}
