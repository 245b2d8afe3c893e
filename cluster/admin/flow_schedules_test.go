package admin

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"backstitch/cluster/client"
	"backstitch/fsm"
)

const nightly = `{"cron":"30 2 * * *","timezone":"Europe/Berlin","flow":{"name":"nightly","namespace":"payments","document":{},
	"endpoints":[{"name":"bus","format":"cloudevents","url":"https://bus/x","on":["waiting","failed"]}],
	"steps":[{"name":"ask","kind":"manual","needs":[],"timeoutNanos":0,"retry":{"attempts":1,"initialNanos":0,"maxNanos":0,"on":[]},"body":{"prompt":"?"}}]}}`

// A schedule is put, paused, resumed and removed; what can not be meant, or would write without limits, is refused.
func TestFlowSchedules(t *testing.T) {
	f := latest(t)
	h := api(t, f)
	f.do(t, fsm.RaiseVersion{Version: 7})
	if w := ask(t, h, "POST", "/v1/flow-schedules", "", nightly, nil); w.Code != http.StatusConflict {
		t.Errorf("at version 7: got %d %s, want a conflict", w.Code, w.Body)
	}
	f.do(t, fsm.RaiseVersion{Version: fsm.LatestVersion})
	for name, body := range map[string]string{
		"a zone that there is not": strings.Replace(nightly, "Berlin", "Berlinn", 1),
		"a line that is none":      strings.Replace(nightly, "30 2", "30 25", 1),
		"twice when":               strings.Replace(nightly, `{"cron"`, `{"every":"1h","cron"`, 1),
		"plans without limits":     strings.NewReplacer(`"manual"`, `"recovery"`, `{"prompt":"?"}`, `{}`).Replace(nightly),
		"a step of no kind":        strings.Replace(nightly, `{"prompt":"?"}`, `{"promt":"?"}`, 1),
	} {
		if w := ask(t, h, "POST", "/v1/flow-schedules", "", body, nil); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: got %d %s, want 422", name, w.Code, w.Body)
		}
	}
	var got client.FlowSchedule
	if w := ask(t, h, "POST", "/v1/flow-schedules", "", nightly, &got); w.Code != http.StatusOK || got.Next == nil || got.Timezone != "Europe/Berlin" || len(got.Endpoints) != 1 {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	if berlin, err := time.LoadLocation("Europe/Berlin"); err != nil || got.Next.In(berlin).Format("15:04") != "02:30" {
		t.Errorf("next at %v, want half past two in Berlin (%v)", got.Next, err)
	}
	var list client.FlowSchedules
	if ask(t, h, "GET", "/v1/flow-schedules", "", "", &list); len(list.Schedules) != 1 || list.Schedules[0].Name != "nightly" {
		t.Errorf("got %+v", list)
	}
	got = client.FlowSchedule{}
	if w := ask(t, h, "POST", "/v1/flow-schedules/payments/nightly/pause", "", `{}`, &got); w.Code != http.StatusOK || !got.Paused || got.Next != nil {
		t.Errorf("pause: got %d %+v", w.Code, got)
	}
	got = client.FlowSchedule{}
	if w := ask(t, h, "POST", "/v1/flow-schedules/payments/nightly/resume", "", `{}`, &got); w.Code != http.StatusOK || got.Paused || got.Next == nil {
		t.Errorf("resume: got %d %+v", w.Code, got)
	}
	now := got.Next.UnixNano()
	run := fsm.FlowRunID("payments/nightly", now)
	if r, err := f.Propose(t.Context(), fsm.Envelope{Actor: "leader:n1", UnixNanos: now + 1}, fsm.BeginFlow{Flow: fsm.SubmitFlow{ID: run}, Schedule: "payments/nightly", DueUnixNanos: now, NextUnixNanos: now + int64(time.Hour)}); err != nil || r.Code != fsm.OK {
		t.Fatal(r, err)
	}
	var flow client.Flow
	if w := ask(t, h, "GET", "/v1/flows/nightly", "", "", &flow); w.Code != http.StatusOK || flow.ID != string(run) || flow.Schedule != "payments/nightly" || flow.DueAt == nil || len(flow.Endpoints) != 1 {
		t.Errorf("by the name of the schedule: got %d %+v, want its newest run", w.Code, flow)
	}
	for _, verb := range []string{"pause", "resume"} {
		if w := ask(t, h, "POST", "/v1/flow-schedules/payments/weekly/"+verb, "", `{}`, nil); w.Code != http.StatusNotFound {
			t.Errorf("%s of none: got %d", verb, w.Code)
		}
	}
	if w := ask(t, h, "DELETE", "/v1/flow-schedules/payments/nightly", "", "", nil); w.Code != http.StatusOK {
		t.Errorf("remove: got %d %s", w.Code, w.Body)
	}
	if w := ask(t, h, "DELETE", "/v1/flow-schedules/payments/nightly", "", "", nil); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "backstitch flow schedule list") {
		t.Errorf("remove again: got %d %s", w.Code, w.Body)
	}
}
