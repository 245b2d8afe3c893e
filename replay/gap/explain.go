package gap

import (
	"errors"
	"fmt"
	"io"
)

// ErrNoFinding says that a report has no finding of that id.
var ErrNoFinding = errors.New("no such finding")

// Explain prints the evidence behind one finding: what each side has, what was ruled out, and what can be done.
func Explain(w io.Writer, rep *Report, id string) error {
	f := rep.Finding(id)
	if f == nil {
		return fmt.Errorf("%s: %w: the scan found %d, as %s.1 and so on", id, ErrNoFinding, len(rep.Findings), rep.Set)
	}
	res := rep.Result(f.Partition)
	e := &Explanation{ID: f.ID, Where: Name(rep.Dataset, f.Partition) + "   " + rep.where(f), Claim: string(f.Kind), Cause: f.Cause, Repair: repair(f), Runbook: f.Kind.Page()}
	if f.Kind == Partly {
		e.Claim = "partly missing"
	}
	e.Because("finding", "%s", f.Reason)
	if res.Comparable {
		e.Because("reference has", "%s records, %s, in the compared range", Count(res.Expected.Records), Size(res.Expected.Bytes))
		e.Because("target has", "%s of them, by content", Count(res.Actual.Records))
		e.Because("set difference", "%s only in the reference; %s only in the target; %s more often in the target",
			Count(res.MissingRecords), Count(res.Extra), Count(res.Duplicates))
		e.Because("multiset hash", "reference %s, target's matching records %s", short(res.Expected.Sum), short(res.Actual.Sum))
		e.Because("exactly", "%s", f.Exactly("offsets"))
	}
	for _, l := range rep.ruledOut(f, res) {
		e.Not(l[0], "%s", l[1])
	}
	for _, n := range rep.NotChecked {
		e.Not("not compared", "%s", n)
	}
	return e.WriteText(w)
}

// ruledOut lists the other reasons for which a record can be absent, and what is known of each.
func (r *Report) ruledOut(f *Finding, res *Result) [][2]string {
	var out [][2]string
	add := func(name, text string) { out = append(out, [2]string{name, text}) }
	switch {
	case r.Facts.CleanupPolicy == "":
		add("compaction", "not known: the target's cleanup.policy could not be read")
	case r.Facts.Compacted():
		add("compaction", "possible (cleanup.policy="+r.Facts.CleanupPolicy+")")
	default:
		add("compaction", "no (cleanup.policy="+r.Facts.CleanupPolicy+")")
	}
	add("transactions", "no: only committed records of both sides were compared")
	if start := r.Facts.TargetStarts[f.Partition]; start > 0 {
		add("retention", fmt.Sprintf("possible: the target begins at offset %s; what lay before it was deleted there", Count(start)))
	} else {
		add("retention", "no (the target begins at offset 0)")
	}
	switch r.Facts.Recreated {
	case "yes":
		add("recreated", "yes: the topic has another id than the reference saw, so offsets were not compared, only contents")
	case "no":
		add("recreated", "no: the topic has the id that the reference saw")
	default:
		add("recreated", "not known: the reference does not hold the topic's id; offsets were not compared, only contents")
	}
	if n := countKind(r.Findings, f.Partition, Corrupt); n > 0 {
		add("damage", plural(int64(n), "place")+" of this partition's reference can not be read; see the findings of kind corrupt")
	} else if res.Comparable {
		add("damage", "no: everything in the compared range could be read")
	}
	if res.Newer > 0 {
		add("archive lag", fmt.Sprintf("%s records of the target are newer than the reference; they are no finding", Count(res.Newer)))
	}
	return out
}

func countKind(fs []Finding, part int32, kind Kind) int {
	n := 0
	for _, f := range fs {
		if f.Partition == part && f.Kind == kind {
			n++
		}
	}
	return n
}

func repair(f *Finding) string {
	switch f.Kind {
	case Missing, Partly:
		out := "yes: backstitch plan writes exactly these records"
		if held := f.Held(); held != "" {
			out += "; " + held
		}
		return out
	case Duplicate:
		return "no: a log can not be mended in the middle; a plan does not make it worse"
	case Extra:
		return "nothing to repair: no record is lost"
	case Schema:
		return "not by a plan: whoever writes these records changed. backstitch schema history --dataset NAME shows what was met before"
	}
	if f.Kind == Corrupt {
		return "no: what the reference held there can not be read; restore the object from its own backup, then scan again"
	}
	return "not by a plan: what is missing can not be told here"
}

func short(sum string) string {
	if len(sum) < 12 {
		return sum
	}
	return sum[:6] + ".." + sum[len(sum)-6:]
}
