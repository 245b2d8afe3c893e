package admin

import (
	"context"
	"net/http"
	"testing"
	"time"

	"backstitch/cluster"
	"backstitch/cluster/client"
	"backstitch/cluster/inject"
)

// stagingNode takes one fault and keeps it.
type stagingNode struct {
	*fakeNode
	got     inject.Fault
	healed  []string
	refuses bool
}

func (s *stagingNode) Environment() cluster.Environment { return cluster.Staging }
func (s *stagingNode) Hurt(_ context.Context, f inject.Fault) (inject.Active, error) {
	s.got = f
	return inject.Active{Fault: f, ID: "f-1"}, f.Validate()
}
func (s *stagingNode) Hurts() ([]inject.Active, error) {
	return []inject.Active{{Fault: s.got, ID: "f-1", Hits: 3}}, nil
}
func (s *stagingNode) Heal(id, _ string) (int, error) { s.healed = append(s.healed, id); return 1, nil }
func (s *stagingNode) RefusesAPI() bool               { return s.refuses }

func TestAProductionNodeForbidsFaults(t *testing.T) {
	h := api(t, newFake(t))
	for _, r := range []struct{ method, path, body string }{
		{http.MethodGet, "/v1/chaos/faults", ""},
		{http.MethodPost, "/v1/chaos/faults", `{"kind":"crash","ttl":"1s"}`},
		{http.MethodDelete, "/v1/chaos/faults", ""},
		{http.MethodDelete, "/v1/chaos/faults/f-1", ""},
	} {
		var p client.Problem
		if w := ask(t, h, r.method, r.path, "", r.body, &p); w.Code != http.StatusForbidden || p.Code != cluster.CodeProtected || p.Next == "" {
			t.Errorf("%s %s: got %d %+v, want 403 with %s and what to do", r.method, r.path, w.Code, p, cluster.CodeProtected)
		}
	}
}

func TestAStagingNodeTakesFaultsAsTheyAreAsked(t *testing.T) {
	node := &stagingNode{fakeNode: newFake(t)}
	h := api(t, node)
	var out client.ActiveFault
	w := ask(t, h, http.MethodPost, "/v1/chaos/faults", "", `{"kind":"delay-rpc","peers":["node-b"],"delay":"50ms","ttl":"20s"}`, &out)
	if w.Code != http.StatusOK || out.ID != "f-1" || node.got.Delay != 50*time.Millisecond || node.got.TTL != 20*time.Second ||
		len(node.got.Peers) != 1 || node.got.By == "" {
		t.Errorf("got %d %+v, and the node was told %+v", w.Code, out, node.got)
	}
	for _, body := range []string{
		`{"kind":"burn","ttl":"1s"}`, `{"kind":"pause"}`, `{"kind":"pause","ttl":"soon"}`, `{"kind":"pause","ttl":"1h"}`, `{"kind":"pause","ttl":"1s","more":1}`,
	} {
		var p client.Problem
		if w := ask(t, h, http.MethodPost, "/v1/chaos/faults", "", body, &p); w.Code != http.StatusUnprocessableEntity || p.Code != client.CodeInvalid {
			t.Errorf("%s: got %d %s, want 422 with %s", body, w.Code, p.Code, client.CodeInvalid)
		}
	}
	ask(t, h, http.MethodDelete, "/v1/chaos/faults", "", "", nil)
	ask(t, h, http.MethodDelete, "/v1/chaos/faults/f-1", "", "", nil)
	if len(node.healed) != 2 || node.healed[0] != "" || node.healed[1] != "f-1" {
		t.Errorf("healed %q, want all and then one", node.healed)
	}
}

func TestANodeThatRefusesOnPurposeStillHasItsButton(t *testing.T) {
	h := api(t, &stagingNode{fakeNode: newFake(t), refuses: true})
	for path, want := range map[string]int{
		"/v1/jobs": http.StatusServiceUnavailable, "/v1/cluster": http.StatusServiceUnavailable, "/v1/chaos/faults": http.StatusOK, "/metrics": http.StatusOK,
		"/healthz/live": http.StatusOK,
	} {
		if w := ask(t, h, http.MethodGet, path, "", "", nil); w.Code != want {
			t.Errorf("%s: got %d, want %d", path, w.Code, want)
		}
	}
}
