package ui

import (
	"net/http"
	"strings"
	"testing"

	"backstitch/cluster/client"
)

// TestAnIncidentIsWhatTheProofSays once there is one, with the causes that the scan knows, and before that says that nothing is proved.
func TestAnIncidentIsWhatTheProofSays(t *testing.T) {
	answers := world()
	d := answers["GET /v1/datasets"].(client.Datasets)
	d.Datasets[0].Plans = []client.DatasetPlan{{ID: "bs-plan", Scan: "bs-scan", State: "started", Job: "bs-old"}}
	h := site(t, &canned{answers: answers}, holed(14, 48), nil)
	for path, want := range map[string][]string{
		"/ui/jobs/bs-old/incident": {
			"<strong>pass</strong>", "30 records, made between 2026-11-20 08:00:00 UTC and 2026-11-20 10:00:00 UTC.", "g-51c9.1, partition 0: 10 records missing. 10 records in a row",
			"2 more findings: backstitch gaps list --scan bs-scan", "what consumers made of the records", `href="/ui/jobs/bs-old/incident.md"`, "backstitch report show r-1",
		},
		"/ui/jobs/bs-abc/incident": {
			"<strong>not proved</strong>", "100 records are to be put back; 43 are dealt with, and nothing is proved yet.", "nobody may say that the records are back", "43 % dealt with", "pause job",
			"at-risk", "nobody has compared the target",
		},
	} {
		body := get(t, h, path).Body.String()
		for _, w := range want {
			if !strings.Contains(body, w) {
				t.Errorf("%s does not say %q", path, w)
			}
		}
	}
	w := get(t, h, "/ui/jobs/bs-old/incident.md")
	if body := w.Body.String(); w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/markdown; charset=utf-8" || w.Header().Get("Content-Disposition") != `attachment; filename="incident-bs-old.md"` ||
		!strings.HasPrefix(body, "# Incident: default/orders.refill\n") || !strings.Contains(body, "g-51c9.1, partition 0") || strings.Contains(body, "<script") {
		t.Errorf("got %d %v %s", w.Code, w.Header(), body)
	}
}

// TestAnIncidentSaysWhatItsVisitorMaySee: who may not read the trail gets the page without it.
func TestAnIncidentSaysWhatItsVisitorMaySee(t *testing.T) {
	answers := world()
	forbidden := client.Problem{Title: "not allowed", Status: http.StatusForbidden, Code: client.CodeForbidden}
	answers["GET /v1/audit"], answers["GET /v1/datasets"] = forbidden, forbidden
	w := get(t, site(t, &canned{answers: answers}, Found{}, nil), "/ui/jobs/bs-abc/incident")
	if body := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(body, "None that you may see.") || strings.Contains(body, "pause job") {
		t.Errorf("got %d %s", w.Code, body)
	}
}
