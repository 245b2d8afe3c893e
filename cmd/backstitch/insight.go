package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"backstitch/cluster/admin/ui"
	"backstitch/cluster/client"
	"backstitch/replay/engine"
	"backstitch/replay/gap"
	"backstitch/replay/recovery"
	"backstitch/replay/report"
	"backstitch/replay/scan"
)

// insight reads for the web page what scans, plans and reports hold. Its texts are those that commands print.
type insight struct{}

var _ ui.Insight = insight{}

// keptScan is what a scan has kept.
func keptScan(kept client.ScanFindings) (*gap.Report, error) {
	bodies := make([][]byte, 0, len(kept.Parts))
	for _, p := range kept.Parts {
		bodies = append(bodies, p.Body)
	}
	rep, err := scan.Report(kept.Header, bodies)
	if err != nil {
		return nil, fmt.Errorf("read what scan %s has kept: %w", kept.Scan.ID, err)
	}
	return rep, nil
}

// Found is ui.Insight's.
func (insight) Found(kept client.ScanFindings) (ui.Found, error) {
	rep, err := keptScan(kept)
	if err != nil {
		return ui.Found{}, err
	}
	r, err := scan.Spec(kept.Recipe)
	if err != nil {
		return ui.Found{}, err
	}
	h := rep.Heatmap
	out := ui.Found{Dataset: rep.Dataset, Timed: rep.Columns == "time", From: h.From, Width: h.Width, Columns: h.N, NotChecked: rep.NotChecked}
	if err := recovery.Judge(r, rep); err != nil {
		out.Refused = err.Error()
	}
	for _, row := range h.Rows {
		r := ui.Row{Partition: row.Partition}
		for _, s := range row.Spans {
			r.Spans = append(r.Spans, ui.Span{Letter: s.Letter, N: s.N})
		}
		out.Rows = append(out.Rows, r)
	}
	for _, f := range rep.Findings {
		out.Findings = append(out.Findings, ui.Finding{
			ID: f.ID, Kind: string(f.Kind), Partition: f.Partition, From: f.Range.From, To: f.Range.To, Count: f.Count, Bytes: f.Bytes,
			FirstMs: f.FirstMs, LastMs: f.LastMs, Reason: f.Reason, Recoverable: f.Recoverable, HeldBy: f.HeldBy, UntilMs: f.UntilMs, Runbook: f.Kind.Page(),
		})
	}
	return out, nil
}

// Explain is ui.Insight's.
func (insight) Explain(kept client.ScanFindings, finding string) (string, error) {
	rep, err := keptScan(kept)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = gap.Explain(&out, rep, finding)
	if errors.Is(err, gap.ErrNoFinding) {
		err = errors.Join(ui.ErrNoFinding, err)
	}
	return out.String(), err
}

// Plan is ui.Insight's.
func (insight) Plan(doc client.PlanDocument) (string, error) {
	p, err := recovery.Unpack("plan "+doc.Plan.ID, doc.Document, "")
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = p.WriteText(&out, recovery.RenderOptions{})
	return out.String(), err
}

// Report is ui.Insight's.
func (insight) Report(document []byte) (ui.Report, error) {
	f, err := report.Decode("report", document)
	if err != nil {
		return ui.Report{}, err
	}
	page, err := f.HTML()
	return ui.Report{HTML: page, Report: incidentOf(f)}, err
}

// Apart is ui.Insight's.
func (insight) Apart(recipe []byte) (ui.Apart, error) {
	var r recovery.Recipe
	if err := json.Unmarshal(recipe, &r); err != nil {
		return ui.Apart{}, fmt.Errorf("read the recipe of a job: %w", err)
	}
	out := ui.Apart{More: r.AsideMore, Places: r.Left}
	for _, x := range r.Aside {
		out.Records = append(out.Records, client.Poison{Partition: x.Partition, Offset: int64(x.Offset), Code: x.Code, Reason: engine.Reason(x.Code, x.Rule)})
	}
	if r.LeftMore > 0 {
		out.Places = append(out.Places, fmt.Sprintf("and %s more places", gap.Count(r.LeftMore)))
	}
	return out, nil
}
