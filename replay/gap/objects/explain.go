package objects

import (
	"cmp"
	"fmt"
	"slices"

	"backstitch/replay/gap"
)

// Explain puts together the evidence behind one finding. gap.ErrNoFinding when there is none of that id.
func (r *Report) Explain(id string) (*gap.Explanation, error) {
	i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.ID == id })
	if i < 0 {
		return nil, fmt.Errorf("%s: %w: there are %d findings, as %s.1 and so on", id, gap.ErrNoFinding, len(r.Findings), r.Set)
	}
	f := &r.Findings[i]
	e := &gap.Explanation{ID: f.ID, Where: Quoted(r.Target.URL) + "   " + f.keys(), Claim: claims[f.Kind], Repair: f.repair(), Runbook: f.Kind.Page()}
	e.Because("finding", "%s", f.Reason)
	e.Because("the first", "%s", f.Detail)
	if f.Count >= 0 {
		e.Because("objects", "%s, %s, at evidence level %s", gap.Count(f.Count), gap.Size(f.Bytes), cmp.Or(f.Evidence, "none"))
	}
	for _, s := range []struct {
		name string
		side *Side
	}{{"reference has", &r.Reference}, {"target has", &r.Target}} {
		e.Because(s.name, "%s objects, %s", gap.Count(s.side.Objects), gap.Size(s.side.Bytes))
		if s.side.Cut != "" {
			e.Not("a cut listing", "the listing of %s breaks off: nothing behind that key was called missing", Quoted(s.side.URL))
		}
	}
	if r.Reference.Cut == "" && r.Target.Cut == "" {
		e.Not("a cut listing", "no: both listings came to their end")
	}
	switch f.Kind {
	case gap.Corrupt:
		e.Not("equal content", "no: %s", "sizes, or what is made of the whole content, differ")
	case gap.Missing, gap.Partly:
		e.Not("another name", "not looked at: objects are compared by their keys")
		if f.InTarget > 0 {
			e.Not("deleted", "yes: the target has the content as an older version")
		}
	}
	for _, n := range r.NotChecked {
		e.Not("not looked at", "%s", n)
	}
	return e, nil
}

// claims are what kinds are called in a sentence.
var claims = map[gap.Kind]string{
	gap.Missing: "missing from the target", gap.Partly: "missing from the target", gap.Corrupt: "of other content", gap.Extra: "in the target alone", gap.NotComparable: "not comparable",
}

// repair says from where the contents of a finding can be had. How long a bucket keeps an object is a rule of its owner, which is
// not looked at.
func (f *Finding) repair() string {
	switch {
	case f.Kind == gap.Extra:
		return "nothing to repair: the reference has no such object"
	case f.InReference == 0:
		return "not decided: nothing can be said of the contents"
	case f.InTarget > 0:
		return fmt.Sprintf("yes: copy from the reference, which has all %s, or take the older version in the target for %s; until when depends on lifecycle rules, which were not read",
			gap.Count(f.InReference), gap.Count(f.InTarget))
	}
	return fmt.Sprintf("yes: copy from the reference, which has the content of %s; until when depends on its lifecycle rules, which were not read", gap.Count(f.InReference))
}
