package ui

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"backstitch/cluster/client"
)

// proof shows what was compared with what, and what was not.
func (v *visit) proof() error {
	p, err := v.c.Proof(v.r.Context(), v.r.PathValue("proof"))
	if err != nil {
		return err
	}
	members, err := v.c.Members(v.r.Context())
	if err != nil {
		return err
	}
	named := func(id string) string {
		for _, m := range members {
			if m.ID == id {
				return m.Name
			}
		}
		return id
	}
	p.By = named(p.By)
	for i := range p.Comparisons {
		p.Comparisons[i].ReadBy = named(p.Comparisons[i].ReadBy)
	}
	list, paging := cut(v, p.Comparisons)
	body := struct {
		client.Proof
		Rows                 []client.Comparison
		Paging               Paging
		Expected, Actual     int64
		Missing, Extra       int64
		Quarantined, Renewed int64 // Renewed are in the target twice because of the job
		NotChecked           []string
	}{Proof: p, Rows: list, Paging: paging}
	for _, c := range p.Comparisons {
		body.Expected += c.Expected.Records
		body.Actual += c.Actual.Records
		body.Missing += c.Missing
		body.Extra += c.Extra
		body.Quarantined += c.Quarantined
		body.Renewed += c.IntroducedDuplicates
	}
	doc, err := v.c.Report(v.r.Context(), p.ID)
	if err != nil {
		return err
	}
	if body.NotChecked, err = notChecked(doc); err != nil {
		return err
	}
	return v.show("proof.html", "Proof "+p.ID, "jobs", false, body)
}

// notChecked is what a report says that nobody has looked at. Every report says something: what is in no list was not forgotten.
func notChecked(document []byte) ([]string, error) {
	var doc struct {
		Report struct {
			NotChecked  []string `json:"notChecked"`
			Comparisons []struct {
				NotChecked []string `json:"notChecked"`
			} `json:"comparisons"`
		} `json:"report"`
	}
	if err := json.Unmarshal(document, &doc); err != nil {
		return nil, fmt.Errorf("read a report: %w", err)
	}
	out := doc.Report.NotChecked
	for _, c := range doc.Report.Comparisons {
		for _, n := range c.NotChecked {
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	return out, nil
}

func (v *visit) reportDocument() error {
	doc, err := v.c.Report(v.r.Context(), v.r.PathValue("proof"))
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "application/json")
	v.w.Header().Set("Content-Disposition", `attachment; filename="`+url.PathEscape(v.r.PathValue("proof"))+`.json"`)
	return v.send(doc)
}

// reportPage is the report as its one file, which is also what may be printed and sent.
func (v *visit) reportPage() error {
	doc, err := v.c.Report(v.r.Context(), v.r.PathValue("proof"))
	if err != nil {
		return err
	}
	report, err := v.Insight.Report(doc)
	if err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.Header().Set("Content-Security-Policy", reportPolicy)
	return v.send(report.HTML)
}

func (v *visit) send(body []byte) error {
	v.w.WriteHeader(http.StatusOK)
	if _, err := v.w.Write(body); err != nil {
		v.Logger.Debug("page not sent", "err", err)
	}
	return nil
}
