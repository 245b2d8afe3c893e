package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"backstitch/cluster/client"
	"backstitch/cluster/conductor"
	"backstitch/replay/spec"
)

// flowSubmission is the flow of a file as the cluster keeps it.
func flowSubmission(file string, where *places) (client.SubmitFlow, error) {
	sub, _, err := flowOrders(file, where)
	return sub, err
}

// What a file says is what is handed in, with its defaults; what it names is read from beside it.
func TestFlowSubmission(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text, err := spec.Init("flow")
	if err != nil {
		t.Fatal(err)
	}
	file := write("flow.yaml", text)
	if _, err := flowSubmission(file, &places{}); err == nil {
		t.Error("a flow whose recovery is not there was taken")
	}
	write("ORDERS.yaml", "apiVersion: backstitch.dev/v1\nkind: Flow\n")
	var coded interface{ ErrorCode() string }
	if _, err := flowSubmission(file, &places{}); !errors.As(err, &coded) || coded.ErrorCode() != spec.CodeNoRecovery {
		t.Errorf("a step that uses a flow: got %v", err)
	}
	recovery, err := spec.Init("dir")
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range []string{"sla: {recoverWithin: 6h}", `schedule: {blackout: [{cron: "0 2 * * *", duration: 1h}]}`} {
		write("ORDERS.yaml", recovery+"  "+more+"\n")
		got, err := flowSubmission(file, &places{})
		if err != nil {
			t.Errorf("a step whose recovery has %s: %v", more, err)
			continue
		}
		for level, taken := range map[uint32]bool{7: false, 8: true} { // a leader of an older program would start the job without
			c, err := client.New(client.Config{Addresses: []string{api{"GET /v1/cluster": client.Cluster{ID: "c-1", Level: level}}.serve(t)}, Retry: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			if err := keepsTerms(t.Context(), c, got); (err == nil) != taken || err != nil && !client.HasCode(err, client.CodeNeedsVersion) {
				t.Errorf("%s at cluster version %d: %v", more, level, err)
			}
			c.Close()
		}
	}
	write("ORDERS.yaml", recovery)
	got, err := flowSubmission(file, &places{})
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, s := range got.Steps {
		kinds = append(kinds, s.Kind)
	}
	if len(kinds) != 4 || kinds[0] != conductor.Recovery || kinds[1] != conductor.HTTP || kinds[3] != conductor.Manual {
		t.Fatalf("got kinds %q", kinds)
	}
	if s := got.Steps[1]; s.Gate != "fill-orders" || s.TimeoutNanos != 90*60e9 || s.Retry.Attempts != 5 || s.Retry.InitialNanos != 2e9 || len(s.Retry.On) != 2 {
		t.Errorf("rebuild-silver: got %+v", s)
	}
	if s := got.Steps[2]; !s.MayFail || s.Retry.Attempts != 2 || s.Retry.MaxNanos != 300e9 || s.TimeoutNanos != 60e9 ||
		string(s.Body) != `{"method":"POST","url":"https://HOST/refresh","headers":[{"name":"Authorization","secret":"env:BACKSTITCH_NOTIFY_BI"}]}` {
		t.Errorf("warm-cache: got %+v with %s", s, s.Body)
	}
}

// A step that rolls a job back is not in the file, and comes behind those that are.
func TestFlowSubmissionWithUndo(t *testing.T) {
	dir := t.TempDir()
	recovery, err := spec.Init("dir")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a.yaml": recovery, "flow.yaml": `apiVersion: backstitch.dev/v1
kind: Flow
metadata: {name: outage, annotations: {ticket: INC-1}}
spec:
  retry: {attempts: 3}
  notify: [{name: pager, format: alertmanager, url: "https://am"}]
  steps:
    - {name: fill, uses: {file: a.yaml}, undo: {rollback: true}}
    - {name: read, needs: [fill], waitForConsumers: {kafka: main, topic: orders, groups: [billing]}, undo: {step: stop}}
    - {name: stop, manual: {prompt: "?"}}
`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := flowSubmission(filepath.Join(dir, "flow.yaml"), &places{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Undo) != 2 || got.Undo[0] != (client.FlowUndo{Step: "fill", By: "undo-fill"}) || got.Undo[1] != (client.FlowUndo{Step: "read", By: "stop"}) {
		t.Errorf("edges: got %+v", got.Undo)
	}
	if n := got.Endpoints; len(n) != 1 || n[0].Name != "pager" || len(n[0].On) != 7 || n[0].On[0] != "waiting" || got.Annotations["ticket"] != "INC-1" {
		t.Errorf("endpoints: got %+v with %v", n, got.Annotations)
	}
	if s := got.Steps[3]; s.Name != "undo-fill" || s.Kind != conductor.RollBack || string(s.Body) != `{"step":"fill"}` || s.TimeoutNanos != 3600e9 || s.Retry.Attempts != 3 || len(s.Retry.On) != 2 {
		t.Errorf("undo-fill: got %+v with %s", s, s.Body)
	}
	if s := got.Steps[1]; s.Kind != conductor.WaitConsumers || s.TimeoutNanos != 3600e9 || string(s.Body) != `{"kafka":"main","topic":"orders","groups":["billing"],"until":"begun"}` {
		t.Errorf("read: got %+v with %s", s, s.Body)
	}
}

// A flow with a schedule is handed in as one; a recovery that would look at the same range at each run is refused where its file says so.
func TestFlowSubmissionWithSchedule(t *testing.T) {
	dir := t.TempDir()
	recovery, err := spec.Init("dir")
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a.yaml", recovery)
	write("flow.yaml", `apiVersion: backstitch.dev/v1
kind: Flow
metadata: {name: nightly, namespace: payments}
spec:
  schedule: {cron: "30 2 * * *", timezone: Europe/Berlin}
  limits: {maxRecords: 1000, maxBytes: 1GiB}
  steps:
    - {name: fill, uses: {file: a.yaml}}
`)
	file := filepath.Join(dir, "flow.yaml")
	sub, got, err := flowOrders(file, &places{})
	if err != nil || got == nil || got.Cron != "30 2 * * *" || got.Timezone != "Europe/Berlin" || got.MaxRecords != 1000 || got.MaxBytes != 1<<30 || got.Every != "" || got.Flow.Name != "nightly" || len(got.Flow.Steps) != 1 || sub.ID != "" {
		t.Fatalf("got %+v, %v", got, err)
	}
	write("a.yaml", recovery+"  range: {from: \"2026-11-01T00:00:00Z\", to: \"2026-11-02T00:00:00Z\"}\n")
	var wrong *spec.Error
	if _, _, err := flowOrders(file, &places{}); !errors.As(err, &wrong) || wrong.ErrorCode() != spec.CodeTogether {
		t.Fatalf("a range that stands still: %v", err)
	}
	p, last := wrong.Problems[0], strings.Count(recovery, "\n")+1
	if p.Path != "spec.range.to" || p.Line != last || !strings.Contains(p.Excerpt, "^") || p.Column != strings.Index("  range: {from: \"2026-11-01T00:00:00Z\", to: \"", "to: ")+len("to: ")+1 {
		t.Errorf("got %s at %d:%d\n%s", p.Path, p.Line, p.Column, p.Excerpt)
	}
}

// Lists say when a schedule runs next, and what was skipped.
func TestFlowSchedulesText(t *testing.T) {
	at := time.Date(2026, 11, 28, 2, 30, 0, 0, time.UTC)
	var b strings.Builder
	if err := flowSchedulesText(&b, []client.FlowSchedule{
		{Namespace: "payments", Name: "nightly", Cron: "30 2 * * *", Timezone: "Europe/Berlin", Next: &at, Last: "fl-a", LastState: "running", Runs: 3, Skipped: 2, SkippedAt: &at, SkippedFor: "fl-a"},
		{Namespace: "payments", Name: "hourly", Every: "1h", Paused: true},
	}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"cron 30 2 * * *, Europe/Berlin", stamp(at), "fl-a running", "2, " + stamp(at) + " while fl-a ran", "every 1h", "paused"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
}

// A list of flows has the schedules, for programs, too; one of a node that knows none has the flows.
func TestFlowListHasSchedules(t *testing.T) {
	flows := client.Flows{Flows: []client.Flow{{ID: "fl-a", Name: "outage", State: "running"}}}
	for _, answers := range []api{
		{"GET /v1/flows": flows, "GET /v1/flow-schedules": client.FlowSchedules{Schedules: []client.FlowSchedule{{Namespace: "payments", Name: "nightly", Every: "6h"}}}},
		{"GET /v1/flows": flows},
	} {
		addr, has := answers.serve(t), len(answers) == 2
		for output, want := range map[string]string{"json": `"name": "nightly"`, "text": "payments/nightly"} {
			stdout, stderr, status := invoke(t, nil, "flow", "list", "--addr", addr, "-o", output)
			if status != 0 || !strings.Contains(stdout, "fl-a") || strings.Contains(stdout, want) != has {
				t.Errorf("%s, with schedules %t: exit status %d\n%s%s", output, has, status, stdout, stderr)
			}
		}
	}
}

func TestFlowOutcomes(t *testing.T) {
	for _, row := range []struct {
		flow client.Flow
		exit int
	}{
		{client.Flow{State: "succeeded"}, 0},
		{client.Flow{State: "succeeded", Lost: 1}, client.ExitPartly},
		{client.Flow{State: "failed", Lost: 0}, client.ExitFailed},
		{client.Flow{State: "cancelled"}, client.ExitFailed},
		{client.Flow{State: "rolled-back"}, client.ExitRolledBack},
		{client.Flow{State: "rollback-failed"}, client.ExitHalfBack},
	} {
		got := 0
		var f *failure
		if err := flowOutcome(row.flow); errors.As(err, &f) {
			got = f.Exit
		}
		if got != row.exit {
			t.Errorf("%s without %d: got status %d, want %d", row.flow.State, row.flow.Lost, got, row.exit)
		}
	}
}
