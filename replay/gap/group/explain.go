package group

import (
	"fmt"
	"slices"

	"backstitch/replay/gap"
)

// Explain puts together the evidence behind one finding. gap.ErrNoFinding when there is none of that id.
func (r *Report) Explain(id string) (*gap.Explanation, error) {
	f := gap.Find(r.Findings, id)
	if f == nil {
		return nil, fmt.Errorf("%s: %w: there are %d findings, as %s.1 and so on", id, gap.ErrNoFinding, len(r.Findings), r.Set)
	}
	e := &gap.Explanation{ID: f.ID, Where: f.About + "   " + gap.Name(f.Topic, f.Partition) + "   offsets " + f.Range.String(), Cause: f.Cause, Repair: repair(f), Runbook: f.Kind.Page()}
	e.Because("finding", "%s", f.Reason)
	if i := slices.IndexFunc(r.Places, func(p Place) bool { return p.Topic == f.Topic && p.Partition == f.Partition }); i >= 0 {
		p := r.Places[i]
		if p.Committed < 0 {
			e.Because("group stands at", "nowhere; the group is %s", r.State)
		} else {
			e.Because("group stands at", "%s, with a lag of %s; the group is %s", gap.Count(p.Committed), gap.Count(p.Lag), r.State)
		}
		e.Because("log is", "[%s, %s)", gap.Count(p.LogStart), gap.Count(p.End))
		e.Because("commits are known", "%s", since(p.KnownFromMs))
		if f.Range.From < p.LogStart {
			e.Not("retention", "the topic begins at offset %s, behind where this begins", gap.Count(p.LogStart))
		} else {
			e.Not("retention", "no: the topic still has these offsets (it begins at %s)", gap.Count(p.LogStart))
		}
	}
	switch f.Kind {
	case gap.Missing:
		e.Claim = "never seen by the group"
		e.Not("reading", "no: %s", f.Cause)
		e.Not("reading later", "no: what a later commit went over again, and what it has yet to read, was taken out")
	case gap.AtRisk:
		e.Claim = "at risk"
		e.Not("lost already", "no: the topic still has these, and the group can still read them")
	default:
		e.Claim = "not decided"
		e.Not("reading", "possible: nothing that was looked at rules it out")
	}
	if f.Evidence == "E0" {
		e.Not("holes", "possible: offsets were counted; markers and what was rolled back are among them")
	} else {
		e.Not("holes", "no: these are records that were counted, at %s", f.Evidence)
	}
	for _, n := range r.NotChecked {
		e.Not("not looked at", "%s", n)
	}
	return e, nil
}

func repair(f *gap.Finding) string {
	switch {
	case f.Kind == gap.AtRisk && f.HeldBy != "":
		return "nothing is lost yet: " + f.Held()
	case f.HeldBy != "":
		return "yes: " + f.Held() + "; set the group back to " + gap.Count(f.Range.From) + ", or give its consumers these offsets from there"
	}
	return "not from what was looked at: nobody is known to have them; --archive names a copy"
}
