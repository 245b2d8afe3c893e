package sequence

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
	e := &gap.Explanation{ID: f.ID, Where: r.Topic + "   " + f.About, Cause: f.Cause, Runbook: f.Kind.Page()}
	e.Because("finding", "%s", f.Reason)
	if r.Debezium {
		e.Because("names and numbers", "each transaction numbers its events of a table from 1, at %s", r.Sequence)
		if r.Boundaries != "" {
			e.Because("ends", "topic %s says how many there are", r.Boundaries)
		}
	} else {
		e.Because("names and numbers", "the source at %s, its number at %s", r.Source, r.Sequence)
	}
	if f.Partition >= 0 {
		e.Because("first at", "%s, offset %s", gap.Name(r.Topic, f.Partition), gap.Count(f.Range.From))
	} else {
		e.Because("exactly", "%s", f.Exactly("numbers"))
	}
	if f.FirstMs != 0 || f.LastMs != 0 {
		e.Because("between", "%s and %s, by the records around it", gap.Moment(f.FirstMs), gap.Moment(f.LastMs))
	}
	one, many := r.noun()
	e.Because("read", "%s of %s, all partitions", plural(r.Records, "record", "records"), plural(int64(r.Sources), one, many))
	switch f.Kind {
	case gap.Missing:
		e.Claim, e.Repair = "missing from the topic", "not from here: the topic does not have them; whether the source or its producer still has them, nobody here knows"
		e.Not("on their way", "no: numbers next to records younger than the grace were left out")
		e.Not("retention", "no: numbers next to the log's start were left out")
		e.Not("compaction", "no: the topic is not compacted, or its settings may not be seen")
		if r.Debezium {
			e.Not("filtered", "possible: a transform of the connector that drops events leaves such a hole; its configuration says so")
			e.Not("rolled back", "no: the database's log has no events of a transaction that was rolled back")
			break
		}
		e.Not("a new life", "no: the source has lower and higher numbers in the same life")
		e.Not("rolled back", "possible: a transaction that was rolled back leaves such a hole, and its producer knows")
	case gap.Duplicate:
		e.Claim, e.Repair = "there more than once", "no: a log can not be mended in the middle; readers have to drop what they know already"
		if !r.Debezium {
			e.Not("a new life", "no: a source that begins anew at 0 or 1 with other records was not counted")
		}
	case gap.AtRisk:
		e.Claim, e.Repair = "silent", "nothing is known to be lost: look at the source"
		e.Not("its habit", "no: it is away for longer than ever, and than its pace lets expect")
		e.Not("the whole topic", "no: others go on")
	default:
		e.Claim, e.Repair = "not decided", "nothing can be told"
	}
	for _, n := range r.NotChecked {
		e.Not("not looked at", "%s", n)
	}
	return e, nil
}
