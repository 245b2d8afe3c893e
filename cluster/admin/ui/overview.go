package ui

import (
	"slices"
	"time"

	"backstitch/cluster/client"
)

// overview is what a person wants to know first, and nothing else.
type overview struct {
	Cluster  client.Cluster
	Missing  int64 // records that the newest scan of each pair has missed
	Unknown  int64 // findings of them about which nothing can be said
	Scanned  int   // pairs
	AtRisk   []client.Job
	Verified *client.Job // the newest that was proved
	Under    []client.Job
	Waiting  []waitingPlan
	Asked    []client.Request // that wait for a second person
}

// waitingPlan is a plan that waits for a person.
type waitingPlan struct {
	Dataset client.Dataset
	Plan    client.DatasetPlan
}

func (v *visit) overview() error {
	var o overview
	var err error
	if o.Cluster, err = v.c.Cluster(v.r.Context()); err != nil {
		return err
	}
	scans, err := v.c.Scans(v.r.Context())
	if err != nil {
		return err
	}
	for _, s := range newest(scans) {
		o.Scanned++
		o.Missing += s.Counts.Missing
		o.Unknown += s.Counts.Unknown
	}
	jobs, _, err := v.c.Jobs(v.r.Context(), client.Blocking{})
	if err != nil {
		return err
	}
	for i, j := range jobs {
		if !j.Terminal() {
			o.Under = append(o.Under, j)
		}
		if d := j.Deadline; d != nil && !j.Terminal() && (d.State == "at-risk" || d.State == "missed") {
			o.AtRisk = append(o.AtRisk, j)
		}
		if j.Verdict == "pass" && j.FinishedAt != nil && (o.Verified == nil || j.FinishedAt.After(*o.Verified.FinishedAt)) {
			o.Verified = &jobs[i]
		}
	}
	datasets, err := v.c.Datasets(v.r.Context())
	if err != nil {
		return err
	}
	for _, d := range datasets {
		for _, p := range d.Plans {
			if p.State == "waiting" {
				o.Waiting = append(o.Waiting, waitingPlan{d, p})
			}
		}
	}
	asked, err := unless(v.c.Requests(v.r.Context()))
	if err != nil {
		return err
	}
	for _, r := range asked {
		if r.SaidBy == "" && r.Until.After(v.Clock()) && len(o.Asked) < pageRows {
			o.Asked = append(o.Asked, r)
		}
	}
	o.Waiting = o.Waiting[:min(len(o.Waiting), pageRows)]
	o.Under = o.Under[:min(len(o.Under), pageRows)]
	return v.show("overview.html", "Overview", "overview", true, o)
}

// newest are the newest scans that succeeded, one of each pair: what an older one missed may be filled since.
func newest(scans []client.Scan) []client.Scan {
	ended := func(s client.Scan) time.Time {
		if s.FinishedAt == nil {
			return time.Time{}
		}
		return *s.FinishedAt
	}
	of := map[string]client.Scan{}
	for _, s := range scans {
		if old, ok := of[s.Pair]; s.State == "succeeded" && (!ok || ended(s).After(ended(old))) {
			of[s.Pair] = s
		}
	}
	var out []client.Scan
	for _, s := range of {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b client.Scan) int { return ended(b).Compare(ended(a)) })
	return out
}

// sayYes is a second person's yes to what somebody else wants to do. The API refuses it from the same one.
func (v *visit) sayYes() (string, error) {
	_, err := v.c.ApproveRequest(v.r.Context(), v.r.PathValue("request"), v.reason())
	return Prefix, err
}
