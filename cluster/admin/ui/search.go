package ui

import (
	"net/http"
	"slices"
	"strings"

	"backstitch/cluster/client"
)

// The search finds what has an id or a name: jobs, flows, datasets, plans, scans and findings. It looks at lists that the book has anyway, shows so
// many of a kind and says when there are more, and looks for findings in the newest scans alone.

const (
	searchRows  = 20
	searchScans = 12 // whose findings are looked at
	maxQuery    = 128
)

// hit is one thing that was found.
type hit struct {
	ID, Name, State, To string
}

// hits are those of a kind.
type hits struct {
	Kind string
	Rows []hit
	More int
}

// add keeps what was found. What is called exactly so stands first, however much begins so too.
func (h *hits) add(s said, found hit) {
	if strings.EqualFold(found.ID, string(s)) {
		h.Rows = slices.Insert(h.Rows, 0, found)
	} else {
		h.Rows = append(h.Rows, found)
	}
	if len(h.Rows) > searchRows {
		h.Rows = h.Rows[:searchRows]
		h.More++
	}
}

// said is a text that somebody looks for, and matches what has it at its beginning, or behind a slash or a dot, whatever its case.
type said string

func (s said) matches(names ...string) bool {
	for _, n := range names {
		n = strings.ToLower(n)
		if strings.HasPrefix(n, string(s)) || strings.Contains(n, "/"+string(s)) || strings.Contains(n, "."+string(s)) || strings.Contains(n, "-"+string(s)) {
			return true
		}
	}
	return false
}

// search shows what was found. Who types the whole id of one thing is led there.
func (v *visit) search() error {
	typed := strings.TrimSpace(v.r.URL.Query().Get("q"))
	if len(typed) > maxQuery {
		typed = typed[:maxQuery]
	}
	var found []hits
	if typed != "" {
		var err error
		if found, err = v.find(said(strings.ToLower(strings.ToValidUTF8(typed, "")))); err != nil {
			return err
		}
	}
	n := 0
	var exact []hit
	for _, h := range found {
		if n += len(h.Rows); strings.EqualFold(h.Rows[0].ID, typed) {
			exact = append(exact, h.Rows[0])
		}
	}
	if len(exact) == 1 {
		http.Redirect(v.w, v.r, exact[0].To, http.StatusSeeOther)
		return nil
	}
	return v.show("search.html", "Search", "", false, struct {
		Typed string
		Found []hits
		N     int
	}{typed, found, n})
}

func (v *visit) find(s said) ([]hits, error) {
	ctx := v.r.Context()
	jobs, flows, datasets, plans, scans, findings := hits{Kind: "Jobs"}, hits{Kind: "Flows"}, hits{Kind: "Datasets"}, hits{Kind: "Plans"}, hits{Kind: "Scans"}, hits{Kind: "Findings"}
	allJobs, _, err := v.c.Jobs(ctx, client.Blocking{})
	if err != nil {
		return nil, err
	}
	for _, j := range allJobs {
		if s.matches(j.ID, j.Namespace+"/"+j.Name) {
			jobs.add(s, hit{j.ID, j.Namespace + "/" + j.Name, j.State, address("jobs", j.ID)})
		}
	}
	allFlows, err := v.c.Flows(ctx)
	if err != nil {
		return nil, err
	}
	for _, f := range allFlows {
		if s.matches(f.ID, f.Namespace+"/"+f.Name) {
			flows.add(s, hit{f.ID, f.Namespace + "/" + f.Name, f.State, address("flows", f.ID)})
		}
	}
	allDatasets, err := v.c.Datasets(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range allDatasets {
		name := d.Namespace + "/" + d.Name
		if s.matches(name) {
			datasets.add(s, hit{name, name, d.Policy.Act, address("datasets", d.Namespace, d.Name)})
		}
		for _, p := range d.Plans {
			if s.matches(p.ID) {
				plans.add(s, hit{p.ID, name, p.State, address("datasets", d.Namespace, d.Name, "plans", p.ID)})
			}
		}
	}
	allScans, err := v.c.Scans(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range allScans {
		if s.matches(c.ID, c.Namespace+"/"+c.Name, c.Pair) {
			scans.add(s, hit{c.ID, c.Pair, c.State, address("scans", c.ID)})
		}
	}
	if strings.HasPrefix(string(s), "g-") { // a finding has no other name, and to find one is dear
		if findings, err = v.findings(s, newest(allScans)); err != nil {
			return nil, err
		}
	}
	all := []hits{jobs, flows, datasets, plans, scans, findings}
	return slices.DeleteFunc(all, func(h hits) bool { return len(h.Rows) == 0 }), nil
}

func (v *visit) findings(s said, scans []client.Scan) (hits, error) {
	out := hits{Kind: "Findings"}
	for _, c := range scans[:min(len(scans), searchScans)] {
		kept, err := v.c.ScanFindings(v.r.Context(), c.ID)
		if err != nil || !kept.Scan.Surveyed {
			if client.HasCode(err, client.CodeNotFound) || err == nil { // it was forgotten meanwhile
				continue
			}
			return out, err
		}
		f, err := v.Insight.Found(kept)
		if err != nil {
			return out, err
		}
		for _, g := range f.Findings {
			if s.matches(g.ID) {
				out.add(s, hit{g.ID, c.Pair, g.Kind, address("scans", c.ID, "findings", g.ID)})
			}
		}
	}
	return out, nil
}
