package main

import (
	"fmt"
	"time"

	"backstitch/cluster/admin/ui/incident"
	"backstitch/replay/gap"
	"backstitch/replay/report"
)

// incidentOf is a report as a post-mortem reads it: the same words in another order.
func incidentOf(f *report.File) incident.Report {
	r, said := f.Report, f.Said()
	name := map[string]string{}
	for _, n := range r.Nodes {
		name[n.ID] = n.Name
	}
	by := r.By
	if name[by] != "" {
		by = name[by]
	}
	out := incident.Report{
		Title: r.Namespace + "/" + r.Name, Job: r.Job, Verdict: r.Verdict, Unseen: said.NotChecked, Runbook: r.Runbook,
		Facts: []incident.Fact{
			{Name: "Job", Value: r.Job}, {Name: "Proof", Value: fmt.Sprintf("%s, %s at %s: %s", r.Proof, r.Verdict, r.Evidence, said.Level)},
			{Name: "Reference", Value: r.Source}, {Name: "Target", Value: r.Target},
			{Name: "Written", Value: fmt.Sprintf("%s; %s there already, %s in quarantine", gap.Plural(r.Written, "record"), gap.Count(r.Suppressed), gap.Count(r.Quarantined))},
			{Name: "Proved", Value: r.At + " by " + by}, {Name: "Read back", Value: said.ReadBack}, {Name: "Signature", Value: said.Signature},
			{Name: "Report", Value: fmt.Sprintf("sha256 %x", f.Sum)},
		},
	}
	for i := range r.Comparisons {
		c := &r.Comparisons[i]
		records, first, last, ok := c.Lost()
		if !ok || records == 0 {
			continue
		}
		l := incident.Loss{Partition: gap.Name(r.Dataset, c.Partition), Records: records, Back: records - min(records, c.Missing), State: c.Verdict}
		if last > 0 {
			l.First, l.Last = time.UnixMilli(first).UTC(), time.UnixMilli(last).UTC()
		}
		out.Lost = append(out.Lost, l)
	}
	for _, l := range r.Left {
		out.Why = append(out.Why, "Not covered, and not back: "+l)
	}
	for _, b := range said.Bad {
		out.Why = append(out.Why, "The proof says: "+b)
	}
	for _, e := range r.Timeline {
		out.Timeline = append(out.Timeline, incident.Event{At: instantOf(e.At), Who: e.Who, What: e.What, Why: e.Why})
	}
	for _, d := range r.Decisions {
		out.Decided = append(out.Decided, incident.Decision{What: d.What, By: d.By, Why: d.Why, At: instantOf(d.At)})
	}
	for _, l := range said.Lines {
		out.Checks = append(out.Checks, incident.Check{Name: l.Name, Expected: l.Expected, Actual: l.Actual, Result: l.Result})
	}
	for _, c := range r.Commands {
		out.Commands = append(out.Commands, incident.Command{For: c.For, Run: c.Run})
	}
	out.Summary = summaryOf(out, said, r.Evidence)
	return out
}

// summaryOf is the one sentence that people read who read one.
func summaryOf(r incident.Report, said report.Said, evidence string) string {
	lost := "What was lost in each partition the report does not say"
	if n := r.Records(); n > 0 {
		lost = gap.Plural(n, "record") + " had been lost"
	}
	switch r.Verdict {
	case "pass":
		return fmt.Sprintf("%s. All that was compared is there: %s at %s, %s.", lost, said.Title, evidence, said.Level)
	case "fail":
		return fmt.Sprintf("%s, and the data differ: %s. %s.", lost, said.Title, said.Meaning)
	}
	return fmt.Sprintf("%s, and nobody can say whether they are back: %s. %s.", lost, said.Title, said.Meaning)
}

// instantOf is a time of a report's document, zero for none.
func instantOf(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return t
}
