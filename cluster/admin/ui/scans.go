package ui

import (
	"encoding/json"

	"backstitch/cluster/client"
)

// scans lists the scans that are kept.
func (v *visit) scans() error {
	all, err := v.c.Scans(v.r.Context())
	if err != nil {
		return err
	}
	schedules, err := v.c.ScanSchedules(v.r.Context())
	if err != nil {
		return err
	}
	list, paging := cut(v, all)
	return v.show("scans.html", "Scans", "scans", true, struct {
		Rows      []client.Scan
		Paging    Paging
		Schedules []client.ScanSchedule
	}{list, paging, schedules[:min(len(schedules), pageRows)]})
}

// scan shows one, with its heatmap and what it has found.
func (v *visit) scan() error {
	m, err := v.mapOf(v.r.PathValue("scan"))
	if err != nil {
		return err
	}
	return v.show("scan.html", "Scan "+m.ID, "scans", !m.Terminal(), m)
}

// heatmap is what the picture is drawn from: runs, not cells.
func (v *visit) heatmap() error {
	m, err := v.mapOf(v.r.PathValue("scan"))
	if err != nil {
		return err
	}
	rows := m.Rows
	if rows == nil {
		rows = []Row{}
	}
	v.w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(v.w).Encode(struct {
		Timed   bool  `json:"timed"`
		From    int64 `json:"from"`
		Width   int64 `json:"width"`
		Columns int   `json:"columns"`
		Rows    []Row `json:"rows"`
	}{m.Timed, m.From, m.Width, m.Columns, rows})
}

// finding shows why one says what it says, and what can be done.
func (v *visit) finding() error {
	kept, err := v.c.ScanFindings(v.r.Context(), v.r.PathValue("scan"))
	if err != nil {
		return err
	}
	found, err := v.Insight.Found(kept)
	if err != nil {
		return err
	}
	body := struct {
		Finding
		Scan  client.Scan
		Text  string
		Plans []waitingPlan
	}{Scan: kept.Scan}
	id := v.r.PathValue("finding")
	for _, f := range found.Findings {
		if f.ID == id {
			body.Finding = f
		}
	}
	if body.Text, err = v.Insight.Explain(kept, id); err != nil {
		return notFound(err, "finding")
	}
	if body.Plans, err = v.plansOf(kept.Scan); err != nil {
		return err
	}
	return v.show("finding.html", "Gap "+id, "scans", false, body)
}

// plansOf are the plans of a scan's dataset that wait, or were made of that scan.
func (v *visit) plansOf(s client.Scan) ([]waitingPlan, error) {
	if s.Dataset == "" {
		return nil, nil
	}
	datasets, err := v.c.Datasets(v.r.Context())
	if err != nil {
		return nil, err
	}
	var out []waitingPlan
	for _, d := range datasets {
		if len(about([]client.Scan{s}, d)) == 0 {
			continue
		}
		for _, p := range d.Plans {
			if p.Scan == s.ID || p.State == "waiting" {
				out = append(out, waitingPlan{d, p})
			}
		}
	}
	return out, nil
}

func (v *visit) cancelScan() (string, error) {
	id := v.r.PathValue("scan")
	_, err := v.c.CancelScan(v.r.Context(), id, v.reason())
	return "/ui/scans/" + id, err
}
