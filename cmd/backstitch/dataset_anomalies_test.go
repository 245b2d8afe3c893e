package main

import (
	"strings"
	"testing"
	"time"

	"backstitch/cluster/client"
	"backstitch/replay/spec"
)

func unusualDataset() datasetUnusual {
	at := time.Date(2026, 11, 20, 4, 0, 0, 0, time.UTC)
	return datasetUnusual{Dataset: "default/orders",
		Hours: []client.DatasetHours{{Topic: "orders", To: &at, Hours: 400, Records: 70_000, Places: 6, Judged: 6, Notes: []string{"2 partitions one by one"}}},
		Anomalies: []client.DatasetAnomaly{{ID: "an-7f3k", Topic: "orders", About: "source web-3", Off: 751, Since: at.Add(-3 * time.Hour), Until: at,
			Reason: "nothing since then", Cause: "it was switched off", Scan: "bs-7f3k2m"}}}
}

func unusualText(t *testing.T, d datasetUnusual) string {
	t.Helper()
	var b strings.Builder
	if err := d.text(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWhatIsUnusualOfADataset(t *testing.T) {
	d := unusualDataset()
	text := unusualText(t, d)
	for _, want := range []string{
		"orders   70,000 records of 400 hours, up to 2026-11-20T04:00:00Z; 6 of 6 measures are judged", "anomaly  source web-3", "751", "an-7f3k", "nothing since then",
		"Likely: it was switched off.", "Scan bs-7f3k2m looks into it.", "2 partitions one by one", "need not be lost",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in:\n%s", want, text)
		}
	}
	if d.Anomalies[0].Over = true; !strings.Contains(unusualText(t, d), "Nothing is unusual.") {
		t.Errorf("over: %s", unusualText(t, d))
	}
	// What was not judged, or not counted, is never said to be usual.
	d.Hours[0].Judged = 0
	if text := unusualText(t, d); !strings.Contains(text, "Nothing was judged yet.") || !strings.Contains(text, "336 are needed") || d.unjudged() != 1 {
		t.Errorf("not judged: %s", text)
	}
	d.Hours[0].Judged, d.Hours[0].Failures, d.Hours[0].Failure = 6, 2, "the broker is gone"
	if text := unusualText(t, d); !strings.Contains(text, "the newest 2 looks failed: the broker is gone") || d.unjudged() != 1 {
		t.Errorf("failed: %s", text)
	}
	if none := (datasetUnusual{Dataset: "default/orders"}); !strings.Contains(unusualText(t, none), "Nothing of default/orders is counted") || none.unjudged() != 1 {
		t.Errorf("nothing: %s", unusualText(t, none))
	}
}

// TestADatasetBringsWhatIsCounted is from the spec to what the cluster is told.
func TestADatasetBringsWhatIsCounted(t *testing.T) {
	d, err := spec.ParseDataset("orders.yaml", []byte(`apiVersion: backstitch.dev/v1
kind: Dataset
metadata: {name: orders}
spec:
  reference: {dir: {path: /a}}
  targets: [{kafka: {brokers: "h:1", topic: orders}}]
  anomalies: {source: key, scan: true}
  notify: [{name: pager, format: alertmanager, url: "https://am"}]
`), spec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	put, err := datasetSubmission(d.WithDefaults())
	if err != nil {
		t.Fatal(err)
	}
	if w := put.Watch; w == nil || !w.Scan || len(w.Topics) != 1 || w.Topics[0].MaxBytes != 512<<10 || !strings.Contains(string(w.Topics[0].Recipe), `"source":"key"`) {
		t.Errorf("got %+v", put.Watch)
	}
	if on := strings.Join(put.Endpoints[0].On, ","); on != "succeeded,failed,found,anomaly,usual" {
		t.Errorf("hears of %s", on)
	}
	d.Spec.Anomalies, d.Spec.Notify[0].On = nil, nil
	if put, err = datasetSubmission(d.WithDefaults()); err != nil || put.Watch != nil || strings.Join(put.Endpoints[0].On, ",") != "succeeded,failed,found" {
		t.Errorf("without: %+v, %v, %v", put.Watch, put.Endpoints, err)
	}
}
