package admin

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/partition"
)

// TestADatasetIsScannedNow: each target once, however often the request is repeated, and none while one of its pair runs. The orders are the dataset's, so that
// the policy knows what was compared.
func TestADatasetIsScannedNow(t *testing.T) {
	node := upgraded(t)
	h := api(t, node)
	two := func(d *client.PutDataset) {
		d.Targets = append(d.Targets, client.Place{Namespace: "file", Name: "/c"})
		other := d.Orders[0]
		other.Pair = "q"
		d.Orders = append(d.Orders, other)
	}
	var made client.Dataset
	if w := ask(t, h, "POST", "/v1/datasets", "", datasetBody(t, two), &made); w.Code != http.StatusOK {
		t.Fatalf("put: %d %s", w.Code, w.Body)
	}
	if made.NextScanAt == nil || !made.NextScanAt.After(made.ChangedAt) {
		t.Errorf("it is scanned next at %v, want after %v", made.NextScanAt, made.ChangedAt)
	}
	scan := func(key string) []client.DatasetScan {
		t.Helper()
		var out client.DatasetScans
		if w := ask(t, h, "POST", "/v1/datasets/default/orders/scans", key, `{"reason":"INC-1"}`, &out); w.Code != http.StatusOK {
			t.Fatalf("scan: %d %s", w.Code, w.Body)
		}
		if len(out.Scans) != 2 || out.Scans[0].Pair != "p" || out.Scans[1].Pair != "q" || out.Scans[0].Dataset != "orders" {
			t.Fatalf("got %+v, want one of each target", out.Scans)
		}
		return out.Scans
	}
	first := scan("k1")
	if first[0].Before || first[1].Before || first[0].State != "running" || len(scansIn(t, h)) != 2 {
		t.Errorf("got %+v", first)
	}
	if again := scan("k1"); again[0].ID != first[0].ID || again[0].Before || again[1].ID != first[1].ID {
		t.Errorf("the same request again: got %+v", again)
	}
	if _, err := node.Propose(t.Context(), fsm.Envelope{}, fsm.CancelJob{ID: partition.JobID(first[1].ID)}); err != nil {
		t.Fatal(err)
	}
	second := scan("k2")
	if second[0].ID != first[0].ID || !second[0].Before || second[1].ID == first[1].ID || second[1].Before || len(scansIn(t, h)) != 3 {
		t.Errorf("while one runs: got %+v", second)
	}
	for range 2 { // without a key nothing is taken for a repetition
		if _, err := node.Propose(t.Context(), fsm.Envelope{}, fsm.CancelJob{ID: partition.JobID(second[1].ID)}); err != nil {
			t.Fatal(err)
		}
		before := second[1].ID
		if second = scan(""); second[1].ID == before || second[1].Before {
			t.Errorf("without a key: got %+v", second)
		}
	}
	var trail client.AuditRecords
	if ask(t, h, "GET", "/v1/audit", "", "", &trail); !strings.Contains(fmt.Sprint(trail), "INC-1") {
		t.Errorf("the trail does not say why: %+v", trail)
	}
}

func TestADatasetThatCanNotBeScanned(t *testing.T) {
	h := api(t, upgraded(t))
	var p client.Problem
	if w := ask(t, h, "POST", "/v1/datasets/default/none/scans", "", `{}`, &p); w.Code != http.StatusNotFound || p.Code != client.CodeNotFound {
		t.Errorf("of none: %d %+v", w.Code, p)
	}
	bare := func(d *client.PutDataset) { d.Orders, d.Every = nil, "" }
	if w := ask(t, h, "POST", "/v1/datasets", "", datasetBody(t, bare), nil); w.Code != http.StatusOK {
		t.Fatalf("put: %d %s", w.Code, w.Body)
	}
	if w := ask(t, h, "POST", "/v1/datasets/default/orders/scans", "", `{}`, &p); w.Code != http.StatusUnprocessableEntity || p.Code != client.CodeInvalid || p.Next == "" {
		t.Errorf("without scans: %d %+v", w.Code, p)
	}
}
