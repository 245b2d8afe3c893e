package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"backstitch/cluster/client"
	"backstitch/cluster/notify"
	"backstitch/fsm"
	"backstitch/partition"
)

// upgraded is a node whose cluster has the newest version.
func upgraded(t *testing.T) *fakeNode {
	t.Helper()
	node := newFake(t)
	for _, cmd := range []fsm.Command{
		fsm.PutMember{Member: fsm.Member{ID: "n1", Name: "node-a", Instance: [16]byte{1}, Role: fsm.RoleVoter, MaxOp: fsm.MaxOp}},
		fsm.RaiseVersion{Version: fsm.LatestVersion},
	} {
		if r, err := node.Propose(t.Context(), fsm.Envelope{}, cmd); err != nil || r.Code != fsm.OK {
			t.Fatalf("%T: %v, %v", cmd, r, err)
		}
	}
	return node
}

func datasetBody(t *testing.T, change func(*client.PutDataset)) string {
	t.Helper()
	d := client.PutDataset{
		Namespace: "default", Name: "orders", Document: json.RawMessage(`{"a":1}`), Annotations: map[string]string{"owner": "ann", "b": "c"},
		Reference: client.Place{Namespace: "file", Name: "/a"}, Targets: []client.Place{{Namespace: "file", Name: "/b"}},
		Endpoints: []client.DatasetEndpoint{{Name: "bus", Format: "cloudevents", URL: "https://bus", On: []string{"failed", "found"}}},
		Orders:    []client.ScanOrder{{Name: "orders.scan", Namespace: "default", Dataset: "orders", Pair: "p", Recipe: json.RawMessage(`{}`)}},
		Every:     "1h",
	}
	if change != nil {
		change(&d)
	}
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDatasets(t *testing.T) {
	h := api(t, upgraded(t))
	var made, shown client.Dataset
	if w := ask(t, h, "POST", "/v1/datasets", "", datasetBody(t, nil), &made); w.Code != http.StatusOK {
		t.Fatalf("put: %d %s", w.Code, w.Body)
	}
	if made.Every != "1h" || !made.Scannable || len(made.Deliveries) != 1 || strings.Join(made.Endpoints[0].On, ",") != "failed,found" || made.Annotations["owner"] != "ann" {
		t.Errorf("got %+v", made)
	}
	if w := ask(t, h, "POST", "/v1/datasets", "", datasetBody(t, nil), &shown); w.Code != http.StatusOK || shown.Index != made.Index {
		t.Errorf("the same again: %d, index %d, want %d", w.Code, shown.Index, made.Index)
	}
	var schedules client.ScanSchedules
	if ask(t, h, "GET", "/v1/scan-schedules", "", "", &schedules); len(schedules.Schedules) != 1 || schedules.Schedules[0].Order.Dataset != "orders" {
		t.Errorf("schedules: got %+v", schedules)
	}
	var all client.Datasets
	if ask(t, h, "GET", "/v1/datasets", "", "", &all); len(all.Datasets) != 1 {
		t.Errorf("list: got %+v", all)
	}

	other := func(d *client.PutDataset) { d.Document = json.RawMessage(`{"a":2}`) }
	var p client.Problem
	if w := ask(t, h, "POST", "/v1/datasets", "", datasetBody(t, other), &p); w.Code != http.StatusConflict || p.Code != client.CodeCheckIndex {
		t.Errorf("over a version that was not seen: %d %+v", w.Code, p)
	}
	seen := func(d *client.PutDataset) { other(d); d.Seen = made.Index }
	if w := ask(t, h, "POST", "/v1/datasets", "", datasetBody(t, seen), &shown); w.Code != http.StatusOK || string(shown.Document) != `{"a":2}` {
		t.Errorf("over the version that was seen: %d %+v", w.Code, shown)
	}
	if w := ask(t, h, "DELETE", fmt.Sprintf("/v1/datasets/default/orders?seen=%d", made.Index), "", "", &p); w.Code != http.StatusConflict || p.Code != client.CodeCheckIndex {
		t.Errorf("delete of an old version: %d %+v", w.Code, p)
	}
	if w := ask(t, h, "DELETE", fmt.Sprintf("/v1/datasets/default/orders?seen=%d", shown.Index), "", "", nil); w.Code != http.StatusOK {
		t.Errorf("delete: %d %s", w.Code, w.Body)
	}
	for method, path := range map[string]string{"GET": "/v1/datasets/default/orders", "DELETE": "/v1/datasets/default/orders?seen=1"} {
		if w := ask(t, h, method, path, "", "", &p); w.Code != http.StatusNotFound || p.Code != client.CodeNotFound {
			t.Errorf("%s of what is gone: %d %+v", method, w.Code, p)
		}
	}
}

func TestDatasetsThatAreRefused(t *testing.T) {
	h := api(t, upgraded(t))
	for name, change := range map[string]func(*client.PutDataset){
		"a format":    func(d *client.PutDataset) { d.Endpoints[0].Format = "slack" },
		"a kind":      func(d *client.PutDataset) { d.Endpoints[0].On = []string{"exploded"} },
		"a URL":       func(d *client.PutDataset) { d.Endpoints[0].URL = "ftp://bus" },
		"a secret":    func(d *client.PutDataset) { d.Endpoints[0].Token = "hunter2" },
		"two rules":   func(d *client.PutDataset) { d.Cron = "0 3 * * *" },
		"a length":    func(d *client.PutDataset) { d.Every = "often" },
		"a cron line": func(d *client.PutDataset) { d.Every, d.Cron = "", "often" },
		"a name":      func(d *client.PutDataset) { d.Name = "a.b" },
	} {
		var p client.Problem
		if w := ask(t, h, "POST", "/v1/datasets", "", datasetBody(t, change), &p); w.Code != http.StatusUnprocessableEntity || p.Code != client.CodeInvalid ||
			strings.Contains(w.Body.String(), "hunter2") {
			t.Errorf("%s: %d %+v", name, w.Code, p)
		}
	}
	var p client.Problem
	if w := ask(t, api(t, newFake(t)), "POST", "/v1/datasets", "", datasetBody(t, nil), &p); w.Code != http.StatusConflict || p.Code != client.CodeNeedsVersion {
		t.Errorf("in an older cluster: %d %+v", w.Code, p)
	}
}

func alertBody(alerts ...string) string {
	return `{"version":"4","groupKey":"g","status":"firing","receiver":"backstitch","something":"new","alerts":[` + strings.Join(alerts, ",") + `]}`
}

func alertText(status, dataset, fingerprint, since string) string {
	labels := `"alertname":"KafkaSinkRebalanced","namespace":"kube-system"`
	if dataset != "" {
		labels += `,"backstitch_dataset":"` + dataset + `"`
	}
	return `{"status":"` + status + `","labels":{` + labels + `},"annotations":{},"startsAt":"` + since + `","endsAt":"0001-01-01T00:00:00Z","generatorURL":"","fingerprint":"` + fingerprint + `"}`
}

// TestOwnAlertsStartNothing takes what a cluster raises, as an Alertmanager hands it on whose rules have put the label of a dataset onto all.
func TestOwnAlertsStartNothing(t *testing.T) {
	h := api(t, upgraded(t))
	if w := ask(t, h, "POST", "/v1/datasets", "", datasetBody(t, nil), nil); w.Code != http.StatusOK {
		t.Fatalf("put: %d %s", w.Code, w.Body)
	}
	raised, err := notify.Encode(fsm.Endpoint{Name: "r", Format: fsm.FormatAlertWebhook}, notify.Event{Cluster: "another", Dataset: "orders", Kind: fsm.NoticeFailed, Time: time.Unix(1, 0).UTC()})
	if err != nil {
		t.Fatal(err)
	}
	body := strings.ReplaceAll(string(raised.Body), `"labels":{`, `"labels":{"backstitch_dataset":"orders",`)
	var out client.TriggerResults
	if w := ask(t, h, "POST", "/v1/triggers/alertmanager", "", body, &out); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if len(out.Alerts) != 1 || out.Alerts[0].Result != "own" || len(scansIn(t, h)) != 0 {
		t.Errorf("got %+v and %d scans, want one alert that starts none", out.Alerts, len(scansIn(t, h)))
	}
	// A Prometheus raises what the rules of deploy/alerts say, and calls itself the generator.
	rule := strings.ReplaceAll(alertText("firing", "orders", "f9", "2026-11-20T02:00:00Z"), `"backstitch_dataset":`, `"alertname":"BackstitchGapDetected","backstitch_dataset":`)
	if w := ask(t, h, "POST", "/v1/triggers/alertmanager", "", alertBody(rule), &out); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if len(out.Alerts) != 1 || out.Alerts[0].Result != "own" || len(scansIn(t, h)) != 0 {
		t.Errorf("got %+v and %d scans, want one alert of a rule that starts none", out.Alerts, len(scansIn(t, h)))
	}
}

func scansIn(t *testing.T, h http.Handler) []client.Scan {
	t.Helper()
	var all client.Scans
	if w := ask(t, h, "GET", "/v1/scans", "", "", &all); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return all.Scans
}

// TestAlertsStartScans: once for each fingerprint and beginning, and never two of one pair at a time.
func TestAlertsStartScans(t *testing.T) {
	node := upgraded(t)
	h := api(t, node)
	if w := ask(t, h, "POST", "/v1/datasets", "", datasetBody(t, nil), nil); w.Code != http.StatusOK {
		t.Fatalf("put: %d %s", w.Code, w.Body)
	}
	const first, later = "2026-11-20T02:00:00Z", "2026-11-20T09:00:00+01:00"
	post := func(alerts ...string) []client.Triggered {
		t.Helper()
		var out client.TriggerResults
		if w := ask(t, h, "POST", "/v1/triggers/alertmanager", "", alertBody(alerts...), &out); w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return out.Alerts
	}
	got := post(alertText("resolved", "orders", "f0", first), alertText("firing", "", "f1", first))
	if got[0].Result != "resolved" || got[1].Result != "unlabelled" || len(scansIn(t, h)) != 0 {
		t.Fatalf("what is over, and what is about nothing: got %+v and %d scans", got, len(scansIn(t, h)))
	}
	got = post(alertText("firing", "orders", "f1", first))
	all := scansIn(t, h)
	if got[0].Result != "started" || len(all) != 1 || all[0].ID != got[0].Scans[0] || all[0].Dataset != "orders" {
		t.Fatalf("got %+v and %+v", got, all)
	}
	if got = post(alertText("firing", "default/orders", "f1", first)); got[0].Result != "known" || len(scansIn(t, h)) != 1 {
		t.Errorf("the same again: got %+v and %d scans", got, len(scansIn(t, h)))
	}
	if got = post(alertText("firing", "orders", "f2", first)); got[0].Result != "running" || got[0].Scans[0] != all[0].ID || len(scansIn(t, h)) != 1 {
		t.Errorf("another alert while it runs: got %+v and %d scans", got, len(scansIn(t, h)))
	}
	if _, err := node.Propose(t.Context(), fsm.Envelope{}, fsm.CancelJob{ID: partition.JobID(all[0].ID)}); err != nil {
		t.Fatal(err)
	}
	if got = post(alertText("firing", "orders", "f1", first)); got[0].Result != "known" || len(scansIn(t, h)) != 1 {
		t.Errorf("the same after the scan has ended: got %+v and %d scans", got, len(scansIn(t, h)))
	}
	if got = post(alertText("firing", "orders", "f1", later)); got[0].Result != "started" || len(scansIn(t, h)) != 2 {
		t.Errorf("it fires anew: got %+v and %d scans", got, len(scansIn(t, h)))
	}
}

func TestTriggersThatAreRefused(t *testing.T) {
	h := api(t, upgraded(t))
	ask(t, h, "POST", "/v1/datasets", "", datasetBody(t, func(d *client.PutDataset) { d.Orders, d.Every = nil, "" }), nil)
	const since = "2026-11-20T02:00:00Z"
	for name, body := range map[string]string{
		"no JSON":            `hello`,
		"two payloads":       alertBody(alertText("resolved", "", "f", since)) + alertBody(),
		"another version":    `{"version":"3","alerts":[` + alertText("firing", "", "f", since) + `]}`,
		"no alerts":          alertBody(),
		"a status":           alertBody(alertText("pending", "", "f", since)),
		"no fingerprint":     alertBody(alertText("firing", "", "", since)),
		"no beginning":       alertBody(alertText("firing", "", "f", "0001-01-01T00:00:00Z")),
		"no such dataset":    alertBody(alertText("firing", "nothing", "f", since)),
		"without scans":      alertBody(alertText("firing", "orders", "f", since)),
		"a name of a stream": alertBody(alertText("firing", "a/b/c", "f", since)),
	} {
		var p client.Problem
		if w := ask(t, h, "POST", "/v1/triggers/alertmanager", "", body, &p); w.Code != http.StatusUnprocessableEntity || p.Code != client.CodeInvalid || p.Title == "" {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	var p client.Problem
	big := alertBody(alertText("firing", strings.Repeat("x", maxTrigger), "f", since))
	if w := ask(t, h, "POST", "/v1/triggers/alertmanager", "", big, &p); w.Code != http.StatusRequestEntityTooLarge || p.Code != client.CodeTooLarge {
		t.Errorf("too large: %d %s", w.Code, w.Body.String()[:min(w.Body.Len(), 300)])
	}
	if n := len(scansIn(t, h)); n != 0 {
		t.Errorf("got %d scans, want none", n)
	}
}

// FuzzDecodeAlerts: nothing that a stranger posts crashes the decoder, and what it lets through is within its bounds.
func FuzzDecodeAlerts(f *testing.F) {
	f.Add([]byte(alertBody(alertText("firing", "orders", "f", "2026-11-20T02:00:00Z"))))
	f.Add([]byte(`{"version":"4","alerts":[{}]}`))
	f.Add([]byte(`[[[[`))
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := decodeAlerts(data)
		if err != nil {
			return
		}
		if len(g.Alerts) == 0 || len(g.Alerts) > maxTriggerAlerts {
			t.Errorf("got %d alerts", len(g.Alerts))
		}
		for _, a := range g.Alerts {
			_ = a.dataset()
			if a.Fingerprint == "" || a.StartsAt.IsZero() {
				t.Errorf("got %+v", a)
			}
		}
	})
}
