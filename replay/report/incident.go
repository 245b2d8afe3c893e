package report

import (
	"fmt"
	"strings"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/gap"
)

// What a post-mortem asks besides the proof: how it came to the job, what was decided and by whom, and what to type to see each step
// again. All of it is what the book says at the time of asking, and it is in documents of version 2 alone.

// Decision is something that a person, or a policy, has settled.
type Decision struct {
	What string `json:"what"`
	By   string `json:"by"`
	Why  string `json:"why,omitempty"`
	At   string `json:"at,omitempty"` // RFC 3339, UTC
}

// Command is one to type, and what for.
type Command struct {
	For string `json:"for"`
	Run string `json:"run"`
}

// origin is the plan that the cluster has made a job of by itself, and its dataset; ok is false for a job that a person submitted, and
// for a plan that is forgotten.
func origin(v *fsm.View, j fsm.Job) (p fsm.Plan, ok bool, err error) {
	datasets, err := v.Datasets()
	if err != nil {
		return fsm.Plan{}, false, err
	}
	for _, d := range datasets {
		plans, err := v.Plans(d.Name)
		if err != nil {
			return fsm.Plan{}, false, err
		}
		for _, p := range plans {
			if p.Job == j.ID && p.State == fsm.PlanStarted {
				return p, true, nil
			}
		}
	}
	return fsm.Plan{}, false, nil
}

// detected is what the scan found of which the cluster made the plan.
func detected(v *fsm.View, p fsm.Plan) (Event, error) {
	e := Event{Index: p.CreateIndex, At: stamp(p.CreatedUnixNanos), Who: "scan " + string(p.Scan), What: "it ended, and what it found is forgotten; a plan was begun"}
	s, ok, err := v.Scan(p.Scan)
	if err != nil || !ok {
		return e, err
	}
	e.What = fmt.Sprintf("it found %s missing, %s twice, %s only in the target, %s and %s about which nothing can be said; a plan was begun",
		gap.Plural(s.Counts.Missing, "record"), gap.Count(s.Counts.Duplicates), gap.Count(s.Counts.Extra), gap.Plural(s.Counts.Findings, "finding"), gap.Count(s.Counts.Unknown))
	if s.Schedule != "" {
		e.Why = "schedule " + s.Schedule
	}
	return e, nil
}

// decisions are the policy or the person behind the job, its order and bound of now, what it leaves out, and what was given up since.
func (a *About) decisions(v *fsm.View, j fsm.Job, plan fsm.Plan, planned bool) error {
	named := byName(a.Nodes)
	say := func(d Decision) {
		d.By, d.Why = named(d.By), named(d.Why)
		a.Decisions = append(a.Decisions, d)
	}
	if planned {
		policy, err := v.Policy(plan.Dataset)
		if err != nil {
			return err
		}
		text := fmt.Sprintf("policy of dataset %s: %s now", plan.Dataset, policy.Act)
		if policy.MaxRecords > 0 {
			text += fmt.Sprintf(", at most %s and %s a plan without a person", gap.Plural(policy.MaxRecords, "record"), gap.Size(policy.MaxBytes))
		}
		say(Decision{What: text, By: "dataset " + string(plan.Dataset)})
		say(Decision{What: fmt.Sprintf("plan %s, %s of %s, was let run", plan.ID, gap.Plural(plan.Records, "record"), gap.Size(plan.Bytes)), By: plan.By, Why: plan.Why,
			At: stamp(j.CreatedUnixNanos)})
	} else {
		say(Decision{What: fmt.Sprintf("the plan, %s of %s, was submitted", gap.Plural(j.Records, "record"), gap.Size(j.Bytes)), By: j.CreatedBy, At: stamp(j.CreatedUnixNanos)})
	}
	say(Decision{What: fmt.Sprintf("priority %d", j.Priority), By: "the book, as it is now"})
	for _, scope := range j.Scopes() {
		b, ok, err := v.Budget(scope)
		if err != nil {
			return err
		}
		if ok {
			say(Decision{What: fmt.Sprintf("%s is bounded to %s", scope, rateText(b.Rate)), By: b.PutBy, Why: b.Why, At: stamp(b.PutUnixNanos)})
		}
	}
	for _, l := range a.Left {
		say(Decision{What: "left out: " + l, By: "the plan"})
	}
	return a.givenUp(v, j.ID)
}

// rateText is "20 MiB and 500 records a second".
func rateText(r partition.Rate) string {
	var out []string
	if r.Bytes > 0 {
		out = append(out, gap.Size(r.Bytes))
	}
	if r.Records > 0 {
		out = append(out, gap.Plural(r.Records, "record"))
	}
	if r.Requests > 0 {
		out = append(out, gap.Plural(r.Requests, "call"))
	}
	return strings.Join(out, " and ") + " a second"
}

// givenUp groups the records that were discarded by who did it and why: one line for each command's worth.
func (a *About) givenUp(v *fsm.View, job partition.JobID) error {
	type act struct {
		by, why string
		at      int64
	}
	counts := map[act]int64{}
	var order []act
	for d, err := range v.Discarded(job) {
		if err != nil {
			return err
		}
		k := act{d.By, d.Why, d.UnixNanos}
		if counts[k]++; counts[k] == 1 {
			order = append(order, k)
		}
	}
	for _, k := range order {
		a.Decisions = append(a.Decisions, Decision{What: gap.Plural(counts[k], "record") + " in quarantine given up", By: k.by, Why: k.why, At: stamp(k.at)})
	}
	return nil
}

// commands are what to type to see each step again, to prove it again and to take it back.
func (a *About) commands(j fsm.Job, p fsm.Proof, plan fsm.Plan, planned bool) {
	say := func(why, run string) { a.Commands = append(a.Commands, Command{why, run}) }
	if planned {
		say("what was found", "backstitch gaps list --scan "+string(plan.Scan))
		say("the plan", fmt.Sprintf("backstitch dataset plan %s %s", plan.Dataset, plan.ID))
	} else {
		say("a plan of what is missing now; the book does not keep the spec", "backstitch plan -f SPEC -o FILE.plan")
	}
	say("the job and its slices", "backstitch status "+string(j.ID)+" -o json")
	if a.Quarantined > 0 || len(a.Left) > 0 {
		say("what was set aside", "backstitch quarantine list "+string(j.ID))
	}
	say("this report", "backstitch report show "+string(p.ID)+" -o json")
	say("to compare again, and write nothing", "backstitch verify "+string(j.ID))
	say("to compare again, and keep the proof", "backstitch verify "+string(j.ID)+" --record")
	say("what can be taken back", "backstitch rollback "+string(j.ID)+" --dry-run")
}
