package check

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// req is a request from begin to end; an end of 0 stands for an outcome that nobody knows.
func req(verb Verb, begin, end time.Duration, code, state string) Request {
	return Request{Job: "j", Verb: verb, Plan: "p", Began: begin, Ended: end, Outcome: Outcome{Known: end > 0, Code: code, State: state}}
}

func TestLinearizable(t *testing.T) {
	for _, c := range []struct {
		name string
		all  []Request
		ok   bool
	}{
		{"a life", []Request{req(Submit, 1, 2, "ok", ""), req(Get, 3, 4, "ok", "running"), req(Pause, 5, 6, "ok", ""), req(Get, 7, 8, "ok", "paused"),
			req(Resume, 9, 10, "ok", ""), req(Get, 11, 12, "ok", "succeeded"), req(Cancel, 13, 14, "wrong-state", "")}, true},
		{"a submission is forgotten", []Request{req(Submit, 1, 2, "ok", ""), req(Get, 3, 4, "unknown-job", "")}, false},
		{"a pause is forgotten", []Request{req(Submit, 1, 2, "ok", ""), req(Pause, 3, 4, "ok", ""), req(Get, 5, 6, "ok", "running")}, false},
		{"a paused job goes on", []Request{req(Submit, 1, 2, "ok", ""), req(Pause, 3, 4, "ok", ""), req(Get, 5, 6, "ok", "succeeded")}, false},
		{"a stale read", []Request{req(Submit, 1, 2, "ok", ""), req(Get, 3, 4, "ok", "verifying"), req(Get, 5, 6, "ok", "running")}, false},
		{"two reads at once", []Request{req(Submit, 1, 2, "ok", ""), req(Get, 3, 9, "ok", "verifying"), req(Get, 4, 9, "ok", "running")}, true},
		{"a cancelled job comes back", []Request{req(Submit, 1, 2, "ok", ""), req(Cancel, 3, 4, "ok", ""), req(Get, 5, 6, "ok", "running")}, false},
		{"a resume of nothing paused", []Request{req(Submit, 1, 2, "ok", ""), req(Cancel, 3, 4, "ok", ""), req(Resume, 5, 6, "ok", "")}, false},
		{"another plan under the same name", []Request{req(Submit, 1, 2, "ok", ""),
			{Job: "j", Verb: Submit, Plan: "q", Began: 3, Ended: 4, Outcome: Outcome{Known: true, Code: "ok"}}}, false},
		{"it is refused", []Request{req(Submit, 1, 2, "ok", ""),
			{Job: "j", Verb: Submit, Plan: "q", Began: 3, Ended: 4, Outcome: Outcome{Known: true, Code: "exists"}}}, true},
		{"a lock of another job", []Request{req(Submit, 1, 2, "overlap", ""), req(Get, 3, 4, "unknown-job", "")}, true},
		{"a pause whose outcome nobody knows happened", []Request{req(Submit, 1, 2, "ok", ""), req(Pause, 3, 0, "", ""), req(Get, 5, 6, "ok", "paused")}, true},
		{"it did not happen", []Request{req(Submit, 1, 2, "ok", ""), req(Pause, 3, 0, "", ""), req(Get, 5, 6, "ok", "running")}, true},
		{"it happens much later", []Request{req(Submit, 1, 2, "ok", ""), req(Pause, 3, 0, "", ""), req(Get, 5, 6, "ok", "running"), req(Get, 50, 60, "ok", "paused")}, true},
		{"it happens before it was asked", []Request{req(Submit, 1, 2, "ok", ""), req(Get, 3, 4, "ok", "paused"), req(Pause, 5, 0, "", "")}, false},
		{"a submission whose outcome nobody knows", []Request{req(Submit, 1, 0, "", ""), req(Get, 5, 6, "unknown-job", ""), req(Get, 7, 8, "ok", "planned")}, true},
		{"what surely did not happen", []Request{req(Submit, 1, 2, "ok", ""), req(Cancel, 3, 4, Never, ""), req(Get, 5, 6, "ok", "running")}, true},
		{"it did happen", []Request{req(Submit, 1, 2, "ok", ""), req(Cancel, 3, 4, Never, ""), req(Get, 5, 6, "ok", "cancelled")}, false},
		{"a book with another plan", []Request{req(Submit, 1, 2, "ok", ""),
			{Job: "j", Verb: Get, Plan: "q", Began: 3, Ended: 4, Outcome: Outcome{Known: true, Code: "ok", State: "planned"}}}, false},
		{"a book that nobody asked for the plan", []Request{req(Submit, 1, 2, "ok", ""),
			{Job: "j", Verb: Get, Began: 3, Ended: 4, Outcome: Outcome{Known: true, Code: "ok", State: "planned"}}}, true},
	} {
		found, err := Linearizable(c.all)
		if err != nil || (len(found) == 0) != c.ok {
			t.Errorf("%s: got %v, %v, want it explained: %t", c.name, found, err, c.ok)
		}
	}
}

func TestHistoriesThatCanNotBeJudged(t *testing.T) {
	for name, all := range map[string][]Request{
		"empty":                    nil,
		"nobody was told anything": {req(Submit, 1, 0, "", "")},
		"a clock that goes back":   {req(Submit, 5, 6, "ok", ""), req(Get, 3, 7, "ok", "running")},
		"an end before its begin":  {req(Submit, 5, 3, "ok", "")},
	} {
		if found, err := Linearizable(all); !errors.Is(err, ErrEvidence) {
			t.Errorf("%s: got %v, %v, want ErrEvidence", name, found, err)
		}
	}
}

// A history made from one true order, with overlap and lost answers, is explained; with one answer changed it is mostly not.
func TestHistoriesOfATrueOrder(t *testing.T) {
	const seeds = 40
	caught := 0
	for seed := range uint64(seeds) {
		random := rand.New(rand.NewPCG(seed, 0))
		var now time.Duration
		h := NewHistory(func() time.Duration { now += time.Millisecond; return now })
		states := map[string]jobAt{}
		var waiting []func()
		for i := range 400 {
			job := fmt.Sprint("job-", random.IntN(8))
			verb := []Verb{Submit, Pause, Resume, Get, Get, Get}[random.IntN(6)]
			if i > 350 && random.IntN(8) == 0 {
				verb = Cancel
			}
			answer := h.Begin(i, verb, job, "p")
			s := states[job]
			if r := reach(s); random.IntN(30) == 0 {
				s = r[random.IntN(min(2, len(r)))]
			}
			after, code := ask(s, Request{Verb: verb, Plan: "p"})
			states[job] = after
			out := Outcome{Known: true, Code: code}
			if verb == Get && code == "ok" {
				out.State = s.state
			}
			if random.IntN(20) > 0 {
				waiting = append(waiting, func() { answer(out) })
			}
			if random.IntN(2) == 0 {
				for _, w := range waiting {
					w()
				}
				waiting = nil
			}
		}
		all := h.Requests()
		found, err := Linearizable(all)
		if err != nil || len(found) != 0 {
			t.Fatalf("seed %d: got %v, %v, want it explained", seed, found, err)
		}
		at := random.IntN(len(all))
		for all[at].Verb != Get || !all[at].Outcome.Known || all[at].Outcome.Code != "ok" {
			at = (at + 1) % len(all)
		}
		all[at].Outcome.State = "cancelled"
		if found, err = Linearizable(all); err != nil {
			t.Fatal(err)
		}
		caught += len(found)
	}
	if caught < seeds*8/10 {
		t.Errorf("%d of %d changed answers were found, want at least 8 of 10", caught, seeds)
	}
}
