package ui

import (
	"errors"
	"net/http"
	"strings"

	"backstitch/cluster/client"
)

// datasets lists what the cluster looks after.
func (v *visit) datasets() error {
	all, err := v.c.Datasets(v.r.Context())
	if err != nil {
		return err
	}
	scans, err := v.c.Scans(v.r.Context())
	if err != nil {
		return err
	}
	type row struct {
		client.Dataset
		Scan *client.Scan // the newest that succeeded
	}
	var rows []row
	for _, d := range all {
		r := row{Dataset: d}
		if of := newest(about(scans, d)); len(of) > 0 {
			r.Scan = &of[0]
		}
		rows = append(rows, r)
	}
	list, paging := cut(v, rows)
	return v.show("datasets.html", "Datasets", "datasets", true, struct {
		Rows   []row
		Paging Paging
	}{list, paging})
}

// about are the scans of a dataset.
func about(scans []client.Scan, d client.Dataset) []client.Scan {
	var out []client.Scan
	for _, s := range scans {
		if s.Dataset == d.Namespace+"/"+d.Name || s.Dataset == d.Name && s.Namespace == d.Namespace {
			out = append(out, s)
		}
	}
	return out
}

// dataset shows one, with the heatmap of its newest scan.
func (v *visit) dataset() error {
	d, err := v.c.Dataset(v.r.Context(), v.r.PathValue("namespace"), v.r.PathValue("name"))
	if err != nil {
		return err
	}
	scans, err := v.c.Scans(v.r.Context())
	if err != nil {
		return err
	}
	body := struct {
		client.Dataset
		Scans   []client.Scan
		Maps    []scanMap
		Waiting *client.DatasetPlan
	}{Dataset: d}
	body.Scans = about(scans, d)
	for _, s := range newest(body.Scans) {
		m, err := v.mapOf(s.ID)
		if err != nil {
			return err
		}
		body.Maps = append(body.Maps, m)
	}
	body.Scans = body.Scans[:min(len(body.Scans), pageRows)]
	for i, p := range d.Plans {
		if p.State == "waiting" {
			body.Waiting = &d.Plans[i]
			break
		}
	}
	return v.show("dataset.html", d.Namespace+"/"+d.Name, "datasets", true, body)
}

// scanDataset scans it now.
func (v *visit) scanDataset() (string, error) {
	_, err := v.c.ScanDataset(v.r.Context(), v.r.PathValue("namespace"), v.r.PathValue("name"), v.reason())
	return strings.TrimSuffix(v.r.URL.Path, "/scan"), err
}

// plan shows a plan as the command line does, with what decides about it.
func (v *visit) plan() error {
	namespace, name := v.r.PathValue("namespace"), v.r.PathValue("name")
	doc, err := v.c.DatasetPlan(v.r.Context(), namespace, name, v.r.PathValue("plan"))
	if err != nil {
		return err
	}
	body := struct {
		client.DatasetPlan
		Namespace, Name, Text string
	}{doc.Plan, namespace, name, ""}
	if len(doc.Document) > 0 {
		if body.Text, err = v.Insight.Plan(doc); err != nil {
			return err
		}
	}
	return v.show("plan.html", "Plan "+doc.Plan.ID, "datasets", doc.Plan.State == "making", body)
}

// decidePlan says yes or no to the plan that the page has shown, and to no other.
func (v *visit) decidePlan() (string, error) {
	namespace, name, id := v.r.PathValue("namespace"), v.r.PathValue("name"), v.r.PathValue("plan")
	d := client.Decision{SHA256: v.r.PostFormValue("sha256"), Reason: v.reason()}
	var now client.DatasetPlan
	var err error
	switch v.r.PathValue("verb") {
	case "approve":
		now, err = v.c.ApprovePlan(v.r.Context(), namespace, name, id, d)
	case "reject":
		now, err = v.c.RejectPlan(v.r.Context(), namespace, name, id, d)
	default:
		err = errNoPage
	}
	if err != nil {
		return "", err
	}
	if now.Job != "" && now.State == "started" {
		return "/ui/jobs/" + now.Job, nil
	}
	return strings.TrimSuffix(v.r.URL.Path, "/"+v.r.PathValue("verb")), nil
}

// notFound makes an error of the data side's.
func notFound(err error, what string) error {
	if errors.Is(err, ErrNoFinding) {
		return &client.Error{Problem: client.Problem{Title: "no such " + what, Status: http.StatusNotFound, Code: client.CodeNotFound, Detail: err.Error(), Next: "other data give other ids: look at the newest scan"}}
	}
	return err
}
