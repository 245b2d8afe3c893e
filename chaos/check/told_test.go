package check

import (
	"errors"
	"testing"
)

func TestTold(t *testing.T) {
	one, two := Notice{5, "a", "started"}, Notice{9, "a", "cancelled"}
	at := func(id string, n Notice) Telling { return Telling{"bus", id, n} }
	for name, c := range map[string]struct {
		got            []Telling
		found, repeats int
	}{
		"each once":              {[]Telling{at("x", one), at("y", two)}, 0, 0},
		"again, also late":       {[]Telling{at("x", one), at("x", one), at("y", two), at("x", one)}, 0, 2},
		"never":                  {[]Telling{at("x", one)}, 1, 0},
		"in another order":       {[]Telling{at("y", two), at("x", one)}, 1, 0},
		"under another id":       {[]Telling{at("x", one), at("z", one), at("y", two)}, 1, 1},
		"two under one id":       {[]Telling{at("x", one), at("x", two)}, 1, 0},
		"what did not happen":    {[]Telling{at("x", one), at("z", Notice{7, "a", "failed"}), at("y", two)}, 1, 0},
		"another endpoint's own": {[]Telling{at("x", one), {"pager", "y", two}}, 1, 0},
	} {
		found, repeats, err := Told([]Notice{two, one}, []string{"bus"}, c.got)
		if err != nil || len(found) != c.found || repeats != c.repeats || found.Count(Heard) != c.found {
			t.Errorf("%s: got %d repeats, %v and %v, want %d findings and %d repeats", name, repeats, found, err, c.found, c.repeats)
		}
	}
	if _, _, err := Told(nil, []string{"bus"}, nil); !errors.Is(err, ErrEvidence) {
		t.Errorf("nothing happened: got %v, want %v", err, ErrEvidence)
	}
}
