package delivered

import (
	"fmt"
	"slices"

	"backstitch/replay/gap"
)

// Explain puts together the evidence behind one finding. gap.ErrNoFinding when there is none of that id.
func (r *Report) Explain(id string) (*gap.Explanation, error) {
	f := gap.Find(r.Findings, id)
	if f == nil {
		return nil, fmt.Errorf("%s: %w: the scan found %d, as %s.1 and so on", id, gap.ErrNoFinding, len(r.Findings), r.Set)
	}
	e := &gap.Explanation{ID: f.ID, Where: gap.Name(r.Topic, f.Partition) + "   offsets " + f.Range.String(), Claim: claims[f.Kind], Cause: f.Cause, Repair: repair(f), Runbook: f.Kind.Page()}
	e.Because("finding", "%s", f.Reason)
	e.Because("object", "%s", f.Object)
	e.Because("exactly", "%s", f.Exactly("offsets"))
	if i := slices.IndexFunc(r.Partitions, func(p Partition) bool { return p.Partition == f.Partition }); i >= 0 {
		p := r.Partitions[i]
		e.Because("topic has", "offsets %s; %s of %s are due in the archive", p.Topic, records(p.Records), p.Due)
		e.Because("archive has", "%s of them, by content", gap.Count(p.Delivered))
		e.Because("difference", "%s in no object, %s in objects that can not be read, %s there more than once", gap.Count(p.Missing), gap.Count(p.Unread), gap.Count(p.Twice))
		e.Not("not due yet", "no: what lies from offset %s on was left out", gap.Count(p.Due.To))
		if p.Topic.From > 0 {
			e.Not("retention", "the topic begins at offset %s; what lay before it was not compared", gap.Count(p.Topic.From))
		} else {
			e.Not("retention", "no (the topic begins at offset 0)")
		}
		if p.Unread > 0 && f.Object == "" {
			e.Not("damage", "no: what objects that can not be read may hold was taken out, and is counted apart")
		}
	}
	e.Not("transactions", "no: only committed records of the topic were compared; markers and what was rolled back are no records")
	e.Not("misfiled", "no: every object of the partition was read, whatever its name and directory")
	for _, n := range r.NotChecked {
		e.Not("not compared", "%s", n)
	}
	return e, nil
}

// claims are what kinds are called in a sentence.
var claims = map[gap.Kind]string{
	gap.Missing: "missing from the archive", gap.Partly: "missing from the archive", gap.Duplicate: "in the archive more than once",
	gap.Corrupt: "not readable", gap.Extra: "in the archive alone", gap.NotComparable: "not comparable",
}

func repair(f *gap.Finding) string {
	switch {
	case f.HeldBy != "":
		return "yes: " + f.Held() + "; rewind the sink to the first of them, or archive the topic into another prefix"
	case f.Kind == gap.Duplicate, f.Kind == gap.Extra:
		return "nothing to repair: no record is lost"
	}
	return "not from the topic: it has nothing there, or has it no more"
}
