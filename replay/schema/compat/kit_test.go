package compat_test

import (
	"slices"
	"strings"
	"testing"

	"backstitch/replay/schema/compat"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/sr"
)

func parse(t *testing.T, typ sr.SchemaType, text string, refs ...compat.Reference) *compat.Schema {
	t.Helper()
	s, err := compat.Parse(compat.Text{Type: typ, Schema: text, References: refs})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

// pair is what a writer wrote with and a reader reads with, and the problems as "kind path", in order; none when it can.
type pair struct {
	name, writer, reader string
	want                 []string
}

func kindsAndPaths(problems []compat.Problem) []string {
	var out []string
	for _, p := range problems {
		out = append(out, strings.TrimSpace(string(p.Kind)+" "+p.Path))
	}
	slices.Sort(out)
	return out
}

func check(t *testing.T, typ sr.SchemaType, pairs []pair) {
	t.Helper()
	for _, p := range pairs {
		problems := compat.Reads(parse(t, typ, p.reader), parse(t, typ, p.writer))
		slices.Sort(p.want)
		if diff := cmp.Diff(p.want, kindsAndPaths(problems)); diff != "" {
			t.Errorf("%s (-want +got):\n%s%+v", p.name, diff, problems)
		}
		for _, problem := range problems {
			if problem.Text == "" {
				t.Errorf("%s: %s says nothing to a person", p.name, problem.Kind)
			}
		}
	}
}
