package admin

import (
	"encoding/json"
	"net/http"
	"testing"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/partition"
)

// TestCountedHoursAreShown puts a dataset that is counted, and reads how far, and what is unusual: what goes on first.
func TestCountedHoursAreShown(t *testing.T) {
	node := upgraded(t)
	h := api(t, node)
	counted := func(d *client.PutDataset) {
		d.Endpoints[0].On = []string{"anomaly", "usual"}
		d.Watch = &client.DatasetWatch{Scan: true, Topics: []client.CountedTopic{{Target: 0, Topic: "orders", Recipe: json.RawMessage(`{"version":1}`), RateBytes: 5, MaxBytes: 1 << 17}}}
	}
	var made client.Dataset
	if w := ask(t, h, "POST", "/v1/datasets", "", datasetBody(t, counted), &made); w.Code != http.StatusOK {
		t.Fatalf("put: %d %s", w.Code, w.Body)
	}
	if len(made.Hours) != 1 || made.Hours[0].Topic != "orders" || made.Hours[0].To != nil || made.Hours[0].MaxBytes != 1<<17 {
		t.Errorf("before the first look: got %+v", made.Hours)
	}
	look := func(base, last int64, unusual ...fsm.Unusual) {
		t.Helper()
		node.do(t, fsm.SaveBaseline{Dataset: "default/orders", Node: "n1", Base: base, Look: &fsm.Look{FirstHour: base + 1, LastHour: last, Hours: last - base, Records: 10, Places: 4, Judged: 3,
			Notes: []string{"n"}, State: []byte("abc"), Unusual: unusual}})
	}
	fewer := fsm.Unusual{About: "records", SinceHour: 490_001, UntilHour: 490_003, Off: 70, Hour: 490_002, From: 90, To: 110, Seen: 3, Season: "Fridays", Reason: "fewer", Cause: "c"}
	silent := fsm.Unusual{About: "source a", SinceHour: 490_003, UntilHour: 490_004, Off: 7, Hour: 490_003, Reason: "nothing"}
	look(0, 490_002, fewer)
	look(490_002, 490_003, silent)
	var shown client.Dataset
	if w := ask(t, h, "GET", "/v1/datasets/default/orders", "", "", &shown); w.Code != http.StatusOK || len(shown.Anomalies) != 2 {
		t.Fatalf("show: %d %+v", w.Code, shown.Anomalies)
	}
	a, b := shown.Anomalies[0], shown.Anomalies[1]
	if a.About != "source a" || a.Over || b.About != "records" || !b.Over || a.Runbook == "" || b.To != 110 || b.Seen != 3 || a.Scan == "" || !a.Since.Equal(hourTime(490_003)) {
		t.Errorf("got %+v", shown.Anomalies)
	}
	// The second began while the scan of the first ran. Once that has ended, the leader begins another one.
	scan := func() (id partition.JobID) {
		view := node.Machine.View()
		defer view.Close()
		got, err := view.Unscanned()
		if err != nil || len(got) != 1 {
			t.Fatalf("unscanned: %+v, %v", got, err)
		}
		node.do(t, fsm.SubmitScan{ID: got[0].Scan, Order: &got[0].Order})
		return got[0].Scan
	}
	if a.Scan != b.Scan {
		t.Errorf("scan %s looks into it, want %s that runs", a.Scan, b.Scan)
	}
	node.do(t, fsm.CancelJob{ID: partition.JobID(a.Scan)})
	after := scan()
	if w := ask(t, h, "GET", "/v1/datasets/default/orders", "", "", &shown); w.Code != http.StatusOK || shown.Anomalies[0].Scan != string(after) || shown.Anomalies[1].Scan != b.Scan {
		t.Errorf("show: %d %+v, want scan %s", w.Code, shown.Anomalies, after)
	}
	if x := shown.Hours[0]; x.Bytes != 3 || x.Judged != 3 || x.Records != 20 || x.To == nil || !x.To.Equal(hourTime(490_004)) || x.By != "n1" {
		t.Errorf("got %+v", x)
	}
	// Without a watch nothing is counted, and nothing is said to be.
	plain := func(d *client.PutDataset) { d.Seen = shown.Index }
	var without client.Dataset
	if w := ask(t, h, "POST", "/v1/datasets", "", datasetBody(t, plain), &without); w.Code != http.StatusOK || len(without.Hours)+len(without.Anomalies) != 0 {
		t.Errorf("without: %d %+v %+v", w.Code, without.Hours, without.Anomalies)
	}
}
