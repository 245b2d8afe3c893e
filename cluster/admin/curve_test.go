package admin

import (
	"net/http"
	"testing"
	"time"

	"backstitch/cluster"
	"backstitch/cluster/client"
	"backstitch/cluster/curve"
	"backstitch/fsm"
)

// TestTheCurveOfAJobIsShown as this node has seen it; of a job that there is not there is none, seen or not.
func TestTheCurveOfAJobIsShown(t *testing.T) {
	node := upgraded(t)
	h := api(t, node)
	node.do(t, fsm.SubmitJob{ID: "bs-abc", Name: "orders.refill", Namespace: "default", Recipe: []byte("{}"), Slices: 1})
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.FixedZone("", 3600))
	var got client.Curve
	if w := ask(t, h, "GET", "/v1/jobs/bs-abc/curve", "", "", &got); w.Code != http.StatusOK || got.Points == nil || len(got.Points) != 0 || got.Node != "node-a" {
		t.Errorf("nothing was seen: got %d %+v", w.Code, got)
	}
	node.curve = []curve.Point{{At: at, Dealt: 3, Written: 2, Bytes: 7, Cap: 1 << 20, Peak: true}, {At: at.Add(time.Minute), Dealt: 4, Written: 3, Bytes: 9, Rest: true}}
	if w := ask(t, h, "GET", "/v1/jobs/orders.refill/curve", "", "", &got); w.Code != http.StatusOK || got.Job != "bs-abc" || len(got.Points) != 2 {
		t.Fatalf("got %d %+v", w.Code, got)
	}
	want := []client.CurvePoint{{At: at.UTC(), Dealt: 3, Written: 2, Bytes: 7, CapPerSec: 1 << 20, Peak: true}, {At: at.Add(time.Minute).UTC(), Dealt: 4, Written: 3, Bytes: 9, Rest: true}}
	for i, p := range got.Points {
		if p != want[i] {
			t.Errorf("point %d: got %+v, want %+v", i, p, want[i])
		}
	}
	if w := ask(t, h, "GET", "/v1/jobs/bs-none/curve", "", "", nil); w.Code != http.StatusNotFound {
		t.Errorf("no such job: got %d", w.Code)
	}
}

// TestWhoLedIsShown by name, also a node that the book has forgotten, and that nobody did.
func TestWhoLedIsShown(t *testing.T) {
	node := upgraded(t)
	h := api(t, node)
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	node.led = []cluster.Led{{Leader: "n1", Term: 2, Since: at}, {Term: 3, Since: at.Add(time.Second)}, {Leader: "n9", Term: 3, Since: at.Add(2 * time.Second)}}
	var got client.Cluster
	if w := ask(t, h, "GET", "/v1/cluster", "", "", &got); w.Code != http.StatusOK || len(got.Leaders) != 3 {
		t.Fatalf("got %d %+v", w.Code, got.Leaders)
	}
	a, b, c := got.Leaders[0], got.Leaders[1], got.Leaders[2]
	if a.Leader == nil || a.Leader.Name != "node-a" || b.Leader != nil || b.Term != 3 || c.Leader == nil || c.Leader.Name != "n9" || !c.Since.Equal(at.Add(2*time.Second)) {
		t.Errorf("got %+v %+v %+v", a, b, c)
	}
}
