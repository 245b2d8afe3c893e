package check

import "github.com/anishathalye/porcupine"

// The control plane of one job as it is promised, not as it is written. Between two requests the cluster itself may move a job on:
// a planned one runs, a running one is verified, a verified one succeeds or fails. A paused or ended one it leaves alone, and that
// is what makes a lost pause or cancel visible.

// jobAt is the state of the model. It is comparable.
type jobAt struct {
	state  string // "" before the submission
	resume string // of a paused job
	plan   string
}

// moves are what the cluster does by itself.
var moves = map[string][]string{
	"planned":   {"running", "verifying"},
	"running":   {"verifying", "failed"},
	"verifying": {"succeeded", "failed"},
}

// reach lists the states that the cluster can have come to from s, s first.
func reach(s jobAt) []jobAt {
	out := []jobAt{s}
	seen := map[jobAt]bool{s: true}
	for i := 0; i < len(out); i++ {
		for _, next := range moves[out[i].state] {
			n := out[i]
			n.state = next
			if !seen[n] {
				seen[n] = true
				out = append(out, n)
			}
		}
	}
	return out
}

// ask says what a request does to a job and what it answers.
func ask(s jobAt, r Request) (after jobAt, code string) {
	if r.Verb == Submit {
		switch {
		case s.state == "":
			return jobAt{state: "planned", plan: r.Plan}, "ok"
		case s.plan == r.Plan:
			return s, "ok"
		}
		return s, "exists"
	}
	if s.state == "" {
		return s, "unknown-job"
	}
	works := s.state == "running" || s.state == "verifying"
	switch r.Verb {
	case Get:
		return s, "ok"
	case Pause:
		switch {
		case s.state == "paused":
			return s, "ok"
		case works:
			return jobAt{state: "paused", resume: s.state, plan: s.plan}, "ok"
		}
	case Resume:
		switch {
		case works:
			return s, "ok"
		case s.state == "paused":
			return jobAt{state: s.resume, plan: s.plan}, "ok"
		}
	case Cancel:
		switch s.state {
		case "cancelled":
			return s, "ok"
		case "planned", "running", "verifying", "paused":
			return jobAt{state: "cancelled", plan: s.plan}, "ok"
		}
	}
	return s, "wrong-state"
}

var jobModel = porcupine.NondeterministicModel{
	Init: func() []any { return []any{jobAt{}} },
	Step: func(state, input, output any) []any {
		r, told := input.(Request), output.(Outcome)
		var out []any
		for _, s := range reach(state.(jobAt)) {
			after, code := ask(s, r)
			switch {
			case !told.Known:
			case told.Code == Never:
				after = s
			case r.Verb == Submit && s.state == "" && (told.Code == "overlap" || told.Code == "invalid"):
				after = s
			case told.Code != code, r.Verb == Get && code == "ok" && (told.State != s.state || r.Plan != "" && r.Plan != s.plan):
				continue
			}
			out = append(out, after)
		}
		return out
	},
}
