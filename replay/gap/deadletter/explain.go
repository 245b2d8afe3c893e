package deadletter

import (
	"fmt"

	"backstitch/replay/gap"
)

// Explain puts together the evidence behind one finding. gap.ErrNoFinding when there is none of that id.
func (r *Report) Explain(id string) (*gap.Explanation, error) {
	f := gap.Find(r.Findings, id)
	if f == nil {
		return nil, fmt.Errorf("%s: %w: there are %d findings, as %s.1 and so on", id, gap.ErrNoFinding, len(r.Findings), r.Set)
	}
	e := &gap.Explanation{ID: f.ID, Where: gap.Name(f.Topic, f.Partition), Claim: "dropped", Cause: f.Cause, Runbook: f.Kind.Page()}
	if f.About != "" {
		e.Where += "   " + f.About
	}
	e.Because("finding", "%s", f.Reason)
	e.Because("exactly", "%s", f.Exactly("offsets"))
	if f.FirstMs != 0 || f.LastMs != 0 {
		e.Because("letters", "between %s and %s", gap.Moment(f.FirstMs), gap.Moment(f.LastMs))
	}
	e.Because("read", "%s in %s", plural(r.Letters, "dead letter", "dead letters"), r.Topic)
	switch {
	case f.Kind == gap.NotComparable:
		e.Claim, e.Repair = "not decided", "nothing can be told: the letters do not say where they are from"
	case f.HeldBy != "":
		e.Repair = "yes: " + f.Held() + "; mend what made the connector drop them, and give it these records again"
	default:
		e.Repair = "nobody is known to have them"
	}
	if f.Kind != gap.NotComparable {
		e.Not("counted twice", "no: letters about one offset count once; %s of all were about a record that another one is about", gap.Count(r.Again))
		e.Not("another cause", "the connector itself says why, in the headers of the letters")
	}
	for _, n := range r.NotChecked {
		e.Not("not looked at", "%s", n)
	}
	return e, nil
}
