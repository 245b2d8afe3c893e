package admin

import (
	"net/http"
	"testing"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/fsm/flow"
	"backstitch/partition"
)

// latest is a fake node at the newest cluster version.
func latest(t testing.TB) *fakeNode {
	t.Helper()
	f := newFake(t)
	f.do(t, fsm.PutMember{Member: fsm.Member{ID: partition.NodeID("n1"), Name: "node-a", Instance: [16]byte{1}, Role: fsm.RoleVoter, Weight: 1, MaxOp: fsm.MaxOp}})
	return f
}

// Who hears of a flow is in its answer, with how far they have been told.
func TestFlowsWhoseEndpointsHear(t *testing.T) {
	f := latest(t)
	h := api(t, f)
	body := func(id, endpoints string) string {
		return `{"id":"` + id + `","name":"outage","namespace":"default","document":{},"annotations":{"ticket":"INC-1"},"endpoints":[` + endpoints + `],
			"steps":[{"name":"ask","kind":"manual","needs":[],"timeoutNanos":0,"retry":{"attempts":1,"initialNanos":0,"maxNanos":0,"on":[]},"body":{"prompt":"?"}}]}`
	}
	bus := `{"name":"bus","format":"cloudevents","url":"https://bus/x","on":["waiting","failed"]}`
	f.do(t, fsm.RaiseVersion{Version: 7})
	if w := ask(t, h, "POST", "/v1/flows", "", body("fl-a", bus), nil); w.Code != http.StatusConflict {
		t.Errorf("at version 7: got %d %s, want a conflict", w.Code, w.Body)
	}
	f.do(t, fsm.RaiseVersion{Version: fsm.LatestVersion})
	for name, endpoints := range map[string]string{
		"a word that there is not": `{"name":"bus","format":"cloudevents","url":"https://bus/x","on":["reopened"]}`,
		"a word of datasets":       `{"name":"bus","format":"cloudevents","url":"https://bus/x","on":["found"]}`,
		"two of one name":          bus + "," + bus,
	} {
		if w := ask(t, h, "POST", "/v1/flows", "", body("fl-a", endpoints), nil); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: got %d %s, want 422", name, w.Code, w.Body)
		}
	}
	var got client.Flow
	if w := ask(t, h, "POST", "/v1/flows", "", body("fl-a", bus), &got); w.Code != http.StatusOK || len(got.Endpoints) != 1 || len(got.Deliveries) != 1 || got.Deliveries[0].Waiting != 0 {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	f.do(t, fsm.BeginStep{Flow: "fl-a", Step: "ask", Attempt: 1, Token: "t", Wait: true, Why: "?"})
	got = client.Flow{}
	if ask(t, h, "GET", "/v1/flows/fl-a", "", "", &got); len(got.Deliveries) != 1 || got.Deliveries[0].Waiting != 1 || len(got.Endpoints) != 1 || len(got.Endpoints[0].On) != 2 {
		t.Errorf("got %+v, want one notice that waits", got)
	}
}

func TestFlows(t *testing.T) {
	f := latest(t)
	h := api(t, f)
	good := `{"id":"fl-a","name":"outage","namespace":"default","document":{"a":1},"reason":"INC-1","steps":[
		{"name":"ask","kind":"manual","needs":[],"timeoutNanos":0,"retry":{"attempts":2,"initialNanos":1,"maxNanos":2,"on":["transient"]},"body":{"prompt":"?"}},
		{"name":"tell","kind":"http","needs":["ask"],"mayFail":true,"timeoutNanos":5,"retry":{"attempts":1,"initialNanos":0,"maxNanos":0,"on":[]},"body":{"method":"POST","url":"https://bi/x"}}]}`
	if w := ask(t, h, "POST", "/v1/flows", "k1", good, nil); w.Code != http.StatusConflict {
		t.Errorf("at version 1: got %d %s, want a conflict", w.Code, w.Body)
	}
	f.do(t, fsm.RaiseVersion{Version: 7})
	var got client.Flow
	reads := `{"id":"fl-r","name":"reads","namespace":"","document":{},"steps":[{"name":"a","kind":"consumers","needs":[],"timeoutNanos":1,"retry":{"attempts":1,"initialNanos":0,"maxNanos":0,"on":[]},
		"body":{"kafka":"main","topic":"orders","groups":["billing"],"until":"begun"}}]}`
	if w := ask(t, h, "POST", "/v1/flows", "", reads, nil); w.Code != http.StatusConflict {
		t.Errorf("a wait at version 7: got %d %s, want a conflict", w.Code, w.Body)
	}
	f.do(t, fsm.RaiseVersion{Version: fsm.LatestVersion})
	if w := ask(t, h, "POST", "/v1/flows", "", reads, nil); w.Code != http.StatusOK {
		t.Errorf("a wait: got %d %s", w.Code, w.Body)
	}
	f.do(t, fsm.BeginStep{Flow: "fl-r", Step: "a", Attempt: 1, Token: "t"})
	f.do(t, fsm.NoteStep{Flow: "fl-r", Step: "a", Attempt: 1, Text: "billing is 7 behind"})
	if ask(t, h, "GET", "/v1/flows/fl-r", "", "", &got); got.Steps[0].Progress != "billing is 7 behind" {
		t.Errorf("got %+v, want how far it is", got.Steps[0])
	}
	f.do(t, fsm.CancelFlow{ID: "fl-r"})
	got = client.Flow{}
	if w := ask(t, h, "POST", "/v1/flows", "k2", good, &got); w.Code != http.StatusOK || got.State != "running" || len(got.Steps) != 2 || !got.Steps[1].MayFail || got.Why != "INC-1" {
		t.Fatalf("got %d %+v", w.Code, got)
	}
	if w := ask(t, h, "POST", "/v1/flows", "k3", good, &got); w.Code != http.StatusOK {
		t.Errorf("the same again: got %d", w.Code)
	}
	for name, body := range map[string]string{
		"a cycle": `{"id":"fl-b","name":"x","namespace":"","document":{},"steps":[{"name":"a","kind":"manual","needs":["a"],"timeoutNanos":0,"retry":{"attempts":1,"initialNanos":0,"maxNanos":0,"on":[]},"body":{"prompt":"?"}}]}`,
		"a gate without a proof": `{"id":"fl-b","name":"x","namespace":"","document":{},"steps":[{"name":"a","kind":"manual","needs":[],"timeoutNanos":0,"retry":{"attempts":1,"initialNanos":0,"maxNanos":0,"on":[]},"body":{"prompt":"?"}},
			{"name":"b","kind":"verify","needs":["a"],"gate":"a","timeoutNanos":0,"retry":{"attempts":1,"initialNanos":0,"maxNanos":0,"on":[]},"body":{}}]}`,
		"a kind that is not built": `{"id":"fl-b","name":"x","namespace":"","document":{},"steps":[{"name":"a","kind":"shell","needs":[],"timeoutNanos":0,"retry":{"attempts":1,"initialNanos":0,"maxNanos":0,"on":[]},"body":{}}]}`,
		"a metadata header":        `{"id":"fl-b","name":"x","namespace":"","document":{},"steps":[{"name":"a","kind":"http","needs":[],"timeoutNanos":0,"retry":{"attempts":1,"initialNanos":0,"maxNanos":0,"on":[]},"body":{"method":"POST","url":"https://bi","headers":[{"name":"Host","value":"x"}]}}]}`,
	} {
		if w := ask(t, h, "POST", "/v1/flows", "", body, nil); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: got %d %s, want 422", name, w.Code, w.Body)
		}
	}
	f.do(t, fsm.BeginStep{Flow: "fl-a", Step: "ask", Attempt: 1, Token: "t", Wait: true, Why: "?"})
	if w := ask(t, h, "POST", "/v1/flows/outage/steps/ask/approve", "", `{"attempt":2}`, nil); w.Code != http.StatusConflict {
		t.Errorf("another attempt: got %d", w.Code)
	}
	if w := ask(t, h, "POST", "/v1/flows/outage/steps/gone/approve", "", `{"attempt":1}`, nil); w.Code != http.StatusNotFound {
		t.Errorf("no such step: got %d", w.Code)
	}
	if w := ask(t, h, "POST", "/v1/flows/outage/steps/ask/approve", "", `{"attempt":1,"reason":"well"}`, &got); w.Code != http.StatusOK || got.Steps[0].State != "succeeded" || got.Steps[0].By == "" {
		t.Errorf("approved: got %d %+v", w.Code, got)
	}
	for verb, want := range map[string]string{"pause": "paused"} {
		if w := ask(t, h, "POST", "/v1/flows/fl-a/"+verb, "", `{}`, &got); w.Code != http.StatusOK || got.State != want {
			t.Errorf("%s: got %d %s", verb, w.Code, got.State)
		}
	}
	ask(t, h, "POST", "/v1/flows/fl-a/resume", "", `{}`, &got)
	if got.State != "running" {
		t.Errorf("resumed: got %s", got.State)
	}
	if w := ask(t, h, "POST", "/v1/flows/fl-a/retry", "", `{}`, nil); w.Code != http.StatusConflict {
		t.Errorf("retry of one that runs: got %d", w.Code)
	}
	f.do(t, fsm.BeginStep{Flow: "fl-a", Step: "tell", Attempt: 1, Token: "t"})
	f.do(t, fsm.SettleStep{Flow: "fl-a", Step: "tell", Attempt: 1, Status: flow.Broken, Class: flow.Throttled, Why: "429"})
	f.do(t, fsm.FinishFlow{ID: "fl-a"})
	ask(t, h, "GET", "/v1/flows/outage", "", "", &got)
	if got.State != "succeeded" || got.Lost != 1 || got.Steps[1].Class != "throttled" || string(got.Document) != `{"a":1}` {
		t.Errorf("at its end: got %+v", got)
	}
	var list client.Flows
	if ask(t, h, "GET", "/v1/flows", "", "", &list); len(list.Flows) != 2 || list.Flows[0].Document != nil {
		t.Errorf("list: got %+v", list)
	}
	if w := ask(t, h, "GET", "/v1/flows/gone", "", "", nil); w.Code != http.StatusNotFound {
		t.Errorf("no such flow: got %d", w.Code)
	}
}

// A program that its node does not allow is refused when the flow is handed in, and not when its turn comes.
func TestFlowsWithPrograms(t *testing.T) {
	f := latest(t)
	h := api(t, f)
	f.do(t, fsm.RaiseVersion{Version: fsm.LatestVersion})
	flowOf := func(program string) string {
		return `{"id":"fl-a","name":"outage","namespace":"","document":{},"steps":[{"name":"a","kind":"exec","needs":[],"timeoutNanos":0,"retry":{"attempts":1,"initialNanos":0,"maxNanos":0,"on":[]},
			"body":{"node":"node-a","program":"` + program + `","timeoutNanos":1}}]}`
	}
	var p client.Problem
	if w := ask(t, h, "POST", "/v1/flows", "", flowOf("other"), &p); w.Code != http.StatusUnprocessableEntity || p.Code != "BST-E1212" || p.Next != "exec.allow" {
		t.Errorf("not allowed: got %d %s", w.Code, w.Body)
	}
	if w := ask(t, h, "POST", "/v1/flows", "", flowOf("reload"), nil); w.Code != http.StatusOK {
		t.Errorf("allowed: got %d %s", w.Code, w.Body)
	}
}

// A flow with edges back is handed in with them, says which steps they are, and that it is at them.
func TestFlowsWithUndo(t *testing.T) {
	f := latest(t)
	h := api(t, f)
	step := func(name, kind, body, needs string) string {
		return `{"name":"` + name + `","kind":"` + kind + `","needs":[` + needs + `],"timeoutNanos":0,"retry":{"attempts":1,"initialNanos":0,"maxNanos":0,"on":[]},"body":` + body + `}`
	}
	flowOf := func(undo string) string {
		return `{"id":"fl-a","name":"outage","namespace":"","document":{},"steps":[` + step("a", "recovery", `{}`, "") + "," + step("b", "manual", `{"prompt":"?"}`, `"a"`) + "," +
			step("undo-a", "rollback", `{"step":"a"}`, "") + `],"undo":[` + undo + `]}`
	}
	good := flowOf(`{"step":"a","by":"undo-a"}`)
	f.do(t, fsm.RaiseVersion{Version: 7})
	if w := ask(t, h, "POST", "/v1/flows", "", good, nil); w.Code != http.StatusConflict {
		t.Errorf("at version 7: got %d %s, want a conflict", w.Code, w.Body)
	}
	f.do(t, fsm.RaiseVersion{Version: fsm.LatestVersion})
	for name, undo := range map[string]string{"no edge": "", "of another step": `{"step":"b","by":"undo-a"}`, "by a step that is not there": `{"step":"a","by":"undo-a"},{"step":"b","by":"gone"}`} {
		if w := ask(t, h, "POST", "/v1/flows", "", flowOf(undo), nil); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: got %d %s, want 422", name, w.Code, w.Body)
		}
	}
	var got client.Flow
	if w := ask(t, h, "POST", "/v1/flows", "", good, &got); w.Code != http.StatusOK || got.Steps[2].Undoes != "a" || got.RollingBack {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	f.do(t, fsm.BeginStep{Flow: "fl-a", Step: "a", Attempt: 1, Token: "t"})
	f.do(t, fsm.SettleStep{Flow: "fl-a", Step: "a", Attempt: 1, Status: flow.Succeeded})
	f.do(t, fsm.BeginStep{Flow: "fl-a", Step: "b", Attempt: 1, Token: "t", Wait: true})
	f.do(t, fsm.SettleStep{Flow: "fl-a", Step: "b", Attempt: 1, Status: flow.Broken, Class: flow.Refused})
	if ask(t, h, "GET", "/v1/flows/fl-a", "", "", &got); !got.RollingBack || got.State != "running" {
		t.Errorf("at its edges back: got %+v", got)
	}
	f.do(t, fsm.BeginStep{Flow: "fl-a", Step: "undo-a", Attempt: 1, Token: "t"})
	f.do(t, fsm.SettleStep{Flow: "fl-a", Step: "undo-a", Attempt: 1, Status: flow.Succeeded})
	f.do(t, fsm.FinishFlow{ID: "fl-a"})
	got = client.Flow{}
	if ask(t, h, "GET", "/v1/flows/fl-a", "", "", &got); got.RollingBack || got.State != "rolled-back" || !got.Terminal() {
		t.Errorf("at its end: got %+v", got)
	}
}
