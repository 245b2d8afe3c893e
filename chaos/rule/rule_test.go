package rule

import (
	"testing"
	"time"
)

func TestARuleIsAboutWhatItMatches(t *testing.T) {
	rows := []struct {
		match    Match
		from, to string
		unit     Unit
		want     bool
	}{
		{Match{}, "a", "b", Unit{}, true},
		{Match{From: []string{"a"}}, "a", "b", Unit{}, true},
		{Match{From: []string{"a"}}, "b", "a", Unit{}, false},
		{Match{From: []string{"a"}, Both: true}, "b", "a", Unit{}, true},
		{Match{From: []string{"a"}, To: []string{"b"}}, "a", "c", Unit{}, false},
		{Match{Proto: UDP}, "a", "b", Unit{Proto: TCP}, false},
		{Match{Port: 7}, "a", "b", Unit{FromPort: 9, ToPort: 7}, true},
		{Match{Port: 7}, "a", "b", Unit{FromPort: 7, ToPort: 9}, true},
		{Match{Port: 7}, "a", "b", Unit{FromPort: 9, ToPort: 9}, false},
	}
	for _, row := range rows {
		if got := row.match.covers(row.from, row.to, row.unit); got != row.want {
			t.Errorf("%+v of %s to %s, %+v: got %t", row.match, row.from, row.to, row.unit, got)
		}
	}
}

func TestRulesAddUpUntilOneLoses(t *testing.T) {
	s := NewSet(1)
	apply := func(e Effect) *Rule {
		t.Helper()
		r, err := s.Apply(Match{}, e)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	slow := apply(Effect{Delay: 10 * time.Millisecond})
	twice := apply(Effect{Delay: 5 * time.Millisecond, Duplicate: 1})
	if v := s.Judge("a", "b", Unit{Size: 1}, time.Now()); v != (Verdict{Late: 15 * time.Millisecond, Twice: true}) {
		t.Errorf("two rules: got %+v", v)
	}
	lose := apply(Effect{Lose: 1})
	last := apply(Effect{Delay: time.Second})
	if v := s.Judge("a", "b", Unit{Size: 1}, time.Now()); !v.Lost || last.Hits().Matched != 0 {
		t.Errorf("a rule was asked about what is lost: %+v", last.Hits())
	}
	lose.Pause(true)
	slow.Remove()
	twice.Remove()
	if v := s.Judge("a", "b", Unit{Size: 1}, time.Now()); v != (Verdict{Late: time.Second}) {
		t.Errorf("paused and removed: got %+v", v)
	}
	if h := lose.Hits(); h.Lost != 1 || h.Harmed() != 1 {
		t.Errorf("hits: %+v, want one lost", h)
	}
}

func TestARateLetsItsBytesThroughAndNoQueueGrowsForEver(t *testing.T) {
	s := NewSet(1)
	if _, err := s.Apply(Match{}, Effect{Rate: 1000}); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for n, want := range []time.Duration{0, 100 * time.Millisecond, 200 * time.Millisecond} {
		if v := s.Judge("a", "b", Unit{Size: 100}, now); v.Lost || v.Late != want {
			t.Errorf("unit %d: got %+v, want %s late", n, v, want)
		}
	}
	if v := s.Judge("a", "b", Unit{Size: 100}, now); !v.Lost {
		t.Errorf("behind a quarter of a second: got %+v, want it lost", v)
	}
}

func TestAnEffectThatCanNotBeIsRefused(t *testing.T) {
	for _, e := range []Effect{{}, {Lose: 2}, {Lose: -1}, {Jitter: 1}, {Delay: -1}, {Rate: -1}} {
		if _, err := NewSet(1).Apply(Match{}, e); err == nil {
			t.Errorf("%+v: got nil error", e)
		}
	}
}
