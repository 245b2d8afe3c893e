package admin

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"backstitch/cluster/client"
	"backstitch/cluster/quota"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/share"
)

func TestABudgetIsPutShownAndTakenAway(t *testing.T) {
	node := upgraded(t)
	node.do(t, fsm.SubmitJob{ID: "bs-a", Name: "orders", Recipe: []byte("{}"), Locks: []string{"kafka:c/orders/0"}, Slices: 1, PlanHash: [32]byte{1}})
	node.holdings = []quota.Holding{
		{Node: "n1", Want: share.Want{Scope: "job/bs-a", Has: share.Share{5500, share.More, share.More}, Wants: share.Share{share.More, 1, 1}, Lanes: 2}},
		{Node: "n9", Want: share.Want{Scope: "job/bs-a", Has: share.Share{9000, share.More, share.More}, Wants: share.Share{1000, 1, 1}, Lanes: 1}},
		{Node: "n1", Want: share.Want{Scope: "cluster", Has: share.Share{1, 1, 1}}},
	}
	node.paces = []quota.Pace{
		{Node: "n1", Pace: share.Pace{Job: "bs-a", Rate: 5, Floor: 1, Binds: true, Hurts: true, Kind: "lag", Why: "lag of group billing grew"}},
		{Node: "n1", Pace: share.Pace{Job: "bs-other", Rate: 5}},
	}
	h := api(t, node)
	var b client.Budgets
	put := client.PutBudget{Scope: "job/orders", Rate: client.Rate{Bytes: 20 << 20}, Reason: "INC-1"}
	if w := ask(t, h, "POST", "/v1/budgets", "k1", text(t, put), &b); w.Code != http.StatusOK || len(b.Budgets) != 1 {
		t.Fatalf("put: %d %s", w.Code, w.Body)
	}
	got := b.Budgets[0]
	if got.Scope != "job/bs-a" || got.Rate != put.Rate || got.Why != "INC-1" {
		t.Errorf("budget: %+v", got)
	}
	want := []client.NodePart{
		{Node: "node-a", Lanes: 2, May: map[string]float64{"bytes": 5.5}, Held: []string{"bytes"}},
		{Node: "n9", Lanes: 1, May: map[string]float64{"bytes": 9}, Held: []string{}},
	}
	if diff := cmp.Diff(got.Nodes, want); diff != "" {
		t.Errorf("parts (-got +want):\n%s", diff)
	}
	var of client.Budgets
	if ask(t, h, "GET", "/v1/budgets?job=orders", "", "", &of); len(of.Budgets) != 1 {
		t.Errorf("budgets of the job: %+v", of)
	}
	held := []client.Pace{{Job: "bs-a", Node: "node-a", BytesPerSecond: 5, Floor: 1, Binds: true, Hurts: true, Signal: "lag", Why: "lag of group billing grew"}}
	if diff := cmp.Diff(of.Feedback, held); diff != "" {
		t.Errorf("what holds the job back (-got +want):\n%s", diff)
	}
	node.do(t, fsm.PutBudget{Scope: fsm.ScopeTarget("kafka:c"), Rate: partition.Rate{Bytes: 1}})
	node.do(t, fsm.PutBudget{Scope: fsm.ScopeTarget("kafka:d"), Rate: partition.Rate{Bytes: 1}})
	if ask(t, h, "GET", "/v1/budgets?job=orders", "", "", &of); len(of.Budgets) != 2 || of.Budgets[1].Scope != "target/kafka:c" {
		t.Errorf("budgets of the job: %+v", of)
	}
	node.do(t, fsm.PutBudget{Scope: fsm.ScopeTarget("kafka:c")})
	node.do(t, fsm.PutBudget{Scope: fsm.ScopeTarget("kafka:d")})
	var p client.Problem
	for _, c := range []struct {
		scope, code string
		status      int
	}{{"node/a", client.CodeInvalid, http.StatusUnprocessableEntity}, {"job/none", client.CodeNotFound, http.StatusNotFound}} {
		bad := client.PutBudget{Scope: c.scope, Rate: client.Rate{Bytes: 1}}
		if w := ask(t, h, "POST", "/v1/budgets", "", text(t, bad), &p); w.Code != c.status || p.Code != c.code {
			t.Errorf("%s: %d %+v", c.scope, w.Code, p)
		}
	}
	if ask(t, h, "POST", "/v1/budgets", "", text(t, client.PutBudget{Scope: "job/bs-a"}), &b); len(b.Budgets) != 0 {
		t.Errorf("left after taking away: %+v", b.Budgets)
	}
}

func TestAPriorityIsSet(t *testing.T) {
	node := upgraded(t)
	node.do(t, fsm.SubmitJob{ID: "bs-a", Name: "orders", Recipe: []byte("{}"), Slices: 1, PlanHash: [32]byte{1}})
	h := api(t, node)
	var j client.Job
	if w := ask(t, h, "POST", "/v1/jobs/orders/priority", "", text(t, client.SetPriority{Priority: 90}), &j); w.Code != http.StatusOK || j.Priority != 90 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	node.do(t, fsm.CancelJob{ID: "bs-a"})
	var p client.Problem
	if w := ask(t, h, "POST", "/v1/jobs/orders/priority", "", text(t, client.SetPriority{Priority: 91}), &p); w.Code != http.StatusConflict || p.Code != client.CodeWrongState {
		t.Errorf("%d %+v", w.Code, p)
	}
}

func TestBudgetsAreOfALaterVersion(t *testing.T) {
	node := newFake(t)
	h := api(t, node)
	var p client.Problem
	if w := ask(t, h, "POST", "/v1/budgets", "", text(t, client.PutBudget{Scope: "cluster", Rate: client.Rate{Bytes: 1}}), &p); w.Code != http.StatusConflict || p.Code != client.CodeNeedsVersion {
		t.Errorf("%d %+v", w.Code, p)
	}
}
