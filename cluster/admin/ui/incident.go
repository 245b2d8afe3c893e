package ui

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"backstitch/cluster/admin/ui/incident"
	"backstitch/cluster/client"
)

// The incident report of a job: one page that may be printed, and the same as Markdown. Once there is a proof it is made of the proof's report. While
// people still wait for one it is made of the book, and says that nothing is proved.

// causeRows is how many sentences of a scan about what it found an incident repeats.
const causeRows = 12

func (v *visit) incidentOf(id string) (incident.Report, client.Job, error) {
	ctx := v.r.Context()
	j, _, err := v.c.Job(ctx, id, client.Blocking{})
	if err != nil {
		return incident.Report{}, j, err
	}
	proofs, err := v.c.Proofs(ctx, j.ID)
	if err != nil {
		return incident.Report{}, j, err
	}
	var out incident.Report
	if len(proofs) > 0 {
		doc, err := v.c.Report(ctx, proofs[0].ID)
		if err != nil {
			return out, j, err
		}
		report, err := v.Insight.Report(doc)
		if err != nil {
			return out, j, err
		}
		out = report.Report
	} else if out, err = v.unproved(j); err != nil {
		return out, j, err
	}
	if d := j.Deadline; d != nil {
		out.Facts = append(out.Facts, incident.Fact{Name: "Deadline", Value: strings.TrimSpace(d.At.UTC().Format("2006-01-02 15:04:05") + " UTC, " + d.State + ". " + d.Why)})
	}
	causes, err := v.causes(j)
	out.Why = append(causes, out.Why...)
	return out, j, err
}

// unproved is what the book says of a job that has no proof.
func (v *visit) unproved(j client.Job) (incident.Report, error) {
	ctx := v.r.Context()
	done := dealtWith(j.Progress)
	out := incident.Report{
		Title: j.Namespace + "/" + j.Name, Job: j.ID,
		Summary: fmt.Sprintf("%s records are to be put back; %s are dealt with, and nothing is proved yet. The job is %s.", count(j.Records), count(done), j.State),
		Facts: []incident.Fact{
			{Name: "Job", Value: j.ID}, {Name: "State", Value: strings.TrimSpace(j.State + " " + j.Why)}, {Name: "Submitted", Value: j.CreatedAt.UTC().Format("2006-01-02 15:04:05") + " UTC by " + j.CreatedBy},
			{Name: "Written", Value: fmt.Sprintf("%s of %s records; %s there already, %s in quarantine", count(j.Progress.Written), count(j.Records), count(j.Progress.Suppressed), count(j.Progress.Quarantined))},
		},
		Commands: []incident.Command{{For: "the job and its slices", Run: "backstitch status " + j.ID}, {For: "to wait for the proof", Run: "backstitch wait " + j.ID}, {For: "the report, once it is there", Run: "backstitch report show " + j.ID}},
		Unseen:   []string{"everything: nobody has compared the target with the reference since the job began"},
	}
	states, _, err := v.c.Slices(ctx, j.ID, client.Blocking{})
	if err != nil {
		return out, err
	}
	for _, l := range lanes(states) {
		out.Lost = append(out.Lost, incident.Loss{Partition: fmt.Sprintf("p%02d", l.Partition), Records: l.Records, Back: -1, State: fmt.Sprintf("%d %% dealt with", percent(l.Done, l.Records))})
	}
	events, err := v.events(j.ID)
	for _, e := range slices.Backward(events) {
		what := strings.ReplaceAll(e.Name, "-", " ")
		if e.Result != "ok" {
			what += ": refused, " + e.Result
		}
		out.Timeline = append(out.Timeline, incident.Event{At: e.At, Who: e.Actor, What: what, Why: e.Reason})
	}
	return out, err
}

// causes are what the scan says of which the job's plan was made, while it is kept: sentences about findings, the largest first.
func (v *visit) causes(j client.Job) ([]string, error) {
	datasets, err := unless(v.c.Datasets(v.r.Context()))
	if err != nil {
		return nil, err
	}
	scan := ""
	for _, d := range datasets {
		for _, p := range d.Plans {
			if p.Job == j.ID && p.State == "started" {
				scan = p.Scan
			}
		}
	}
	if scan == "" {
		return nil, nil
	}
	kept, err := v.c.ScanFindings(v.r.Context(), scan)
	if client.HasCode(err, client.CodeNotFound) || client.HasCode(err, client.CodeForbidden) || err == nil && !kept.Scan.Surveyed {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found, err := v.Insight.Found(kept)
	if err != nil {
		return nil, err
	}
	sorted := slices.Clone(found.Findings)
	slices.SortStableFunc(sorted, func(a, b Finding) int { return cmp.Compare(b.Count, a.Count) })
	var out []string
	for _, f := range sorted[:min(len(sorted), causeRows)] {
		out = append(out, fmt.Sprintf("%s, partition %d: %s records %s. %s", f.ID, f.Partition, f.Records(), f.Kind, f.Reason))
	}
	if more := len(sorted) - len(out); more > 0 {
		out = append(out, fmt.Sprintf("%d more findings: backstitch gaps list --scan %s", more, scan))
	}
	return out, nil
}

func (v *visit) incident() error {
	r, j, err := v.incidentOf(v.r.PathValue("job"))
	if err != nil {
		return err
	}
	body := incidentPage{Report: r, ID: j.ID, State: cmp.Or(r.Verdict, j.State), All: r.Records()}
	if from, to := r.Span(); !to.IsZero() {
		body.Span = &between{from, to}
	}
	return v.show("incident.html", "Incident "+j.ID, "jobs", false, body)
}

// incidentPage is the report of one job.
type incidentPage struct {
	incident.Report
	ID    string
	State string   // by which the page looks
	All   int64    // records that were lost
	Span  *between // when they were made, nil where nobody knows
}

// between is a stretch of time.
type between struct{ From, To time.Time }

func (v *visit) incidentMarkdown() error {
	r, j, err := v.incidentOf(v.r.PathValue("job"))
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/markdown; charset=utf-8")
	v.w.Header().Set("Content-Disposition", `attachment; filename="incident-`+url.PathEscape(j.ID)+`.md"`)
	return v.send(r.Markdown())
}
