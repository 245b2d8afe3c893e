package ui

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"backstitch/cluster/client"
)

// TestTheSearchFindsWhatHasAName or an id, by its beginning, and leads to the one thing that is called exactly so.
func TestTheSearchFindsWhatHasAName(t *testing.T) {
	h := site(t, &canned{answers: world()}, holed(3, 48), nil)
	for typed, want := range map[string][]string{
		"refill":    {"/ui/jobs/bs-abc", "/ui/jobs/bs-old"},
		"ORDERS":    {"/ui/jobs/bs-abc", "/ui/datasets/default/orders", "/ui/scans/bs-scan"},
		"night":     {"/ui/flows/fl-1"},
		"bs-":       {"/ui/jobs/bs-abc", "/ui/datasets/default/orders/plans/bs-plan", "/ui/scans/bs-scan"},
		"g-51c9":    {"/ui/scans/bs-scan/findings/g-51c9.1", "/ui/scans/bs-scan/findings/g-51c9.3"},
		"rders":     nil, // in the middle of a word nobody looks
		"<b>":       nil,
		"%zz&q=abc": nil,
	} {
		w := get(t, h, "/ui/search?"+"q="+strings.NewReplacer("<", "%3C", ">", "%3E", "%", "%25", "&", "%26", "=", "%3D").Replace(typed))
		body := w.Body.String()
		for _, to := range want {
			if w.Code != http.StatusOK || !strings.Contains(body, `<td><a href="`+to+`"`) {
				t.Errorf("%q: does not lead to %s", typed, to)
			}
		}
		if want == nil && (!strings.Contains(body, "Nothing is called so") || strings.Contains(body, "<b>")) {
			t.Errorf("%q: got %s", typed, body)
		}
	}
	for typed, to := range map[string]string{"bs-abc": "/ui/jobs/bs-abc", "BS-PLAN": "/ui/datasets/default/orders/plans/bs-plan", "g-51c9.2": "/ui/scans/bs-scan/findings/g-51c9.2", "default/orders": "/ui/datasets/default/orders"} {
		if w := get(t, h, "/ui/search?q="+typed); w.Code != http.StatusSeeOther || w.Header().Get("Location") != to {
			t.Errorf("%q: got %d to %q, want %q", typed, w.Code, w.Header().Get("Location"), to)
		}
	}
}

// TestTheSearchIsBounded: so many rows of a kind, how many more there are, and what is called exactly so among the first.
func TestTheSearchIsBounded(t *testing.T) {
	answers := world()
	var jobs client.Jobs
	for n := range 3 * searchRows {
		jobs.Jobs = append(jobs.Jobs, client.Job{ID: fmt.Sprintf("bs-%03d", n), State: "succeeded"})
	}
	jobs.Jobs = append(jobs.Jobs, client.Job{ID: "bs-0", State: "succeeded"})
	answers["GET /v1/jobs"] = jobs
	h := site(t, &canned{answers: answers}, Found{}, nil)
	if body := get(t, h, "/ui/search?q=bs-0").Header().Get("Location"); body != "/ui/jobs/bs-0" {
		t.Errorf("led to %q", body)
	}
	body := get(t, h, "/ui/search?q=bs-").Body.String()
	if got := strings.Count(body, `<td><a href="/ui/jobs/`); got != searchRows || !strings.Contains(body, fmt.Sprintf("%d more; type more of it", 2*searchRows+1)) {
		t.Errorf("%d rows", got)
	}
}
