package main

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/scan"
	"backstitch/replay/throttle"
)

// kept is what a cluster has after scanning what a spec names: the agent's scanner does it, and nothing between it and the book.
func (p *place) kept(file string) client.ScanFindings {
	p.t.Helper()
	env := map[string]string{}
	for _, kv := range siteEnv {
		name, value, _ := strings.Cut(kv, "=")
		env[name] = value
	}
	a := &app{getenv: func(name string) string { return env[name] }}
	where := &places{file: p.connections}
	if err := where.load(a); err != nil {
		p.t.Fatal(err)
	}
	r, err := readSpec(file, where)
	if err != nil {
		p.t.Fatal(err)
	}
	order, err := scan.Order(r)
	if err != nil {
		p.t.Fatal(err)
	}
	s := scan.New(func(pace *throttle.Limiter) recovery.Clients {
		c := where.openConfig()
		c.Pace = pace
		return reach.New(c)
	}, gap.DefaultConfig(), time.Now)
	work := fsm.Work{Recipe: order.Recipe, Slice: partition.Slice{ID: partition.SliceID{Job: "bs-abc"}}, RateBytes: 1 << 30}
	survey, err := s.Survey(p.ctx, work)
	if err != nil {
		p.t.Fatal(err)
	}
	out := client.ScanFindings{Recipe: order.Recipe, Header: survey.Header, Scan: client.Scan{
		ID: "bs-abc", Name: order.Name, Pair: order.Pair, State: "succeeded", Surveyed: true, Partitions: uint32(len(survey.Partitions)),
	}}
	work.Survey = survey.Header
	for _, x := range survey.Partitions {
		work.Slice.Partition = x.Partition
		part, _, err := s.Scan(p.ctx, work, func(int64, int64) {})
		if err != nil {
			p.t.Fatal(err)
		}
		out.Scan.Done++
		out.Scan.Counts.Missing += part.Counts.Missing
		out.Scan.Counts.Compared += part.Counts.Compared
		out.Parts = append(out.Parts, client.ScanPart{Partition: x.Partition, Body: part.Body})
	}
	return out
}

// What the cluster has kept of a scan is shown as a scan of now is, by every verb and in every form.
func TestGapsShowWhatAScanHasKept(t *testing.T) {
	p, loss, file := broken(t)
	found := p.kept(file)
	if found.Scan.Counts.Missing != loss.Total(p.set) {
		t.Errorf("got %d missing, want %d", found.Scan.Counts.Missing, loss.Total(p.set))
	}
	answers := api{"GET /v1/scans/bs-abc/findings": found}
	addr := answers.serve(t)
	same := func(want int, args ...string) {
		t.Helper()
		direct, _ := p.invoke(want, append(args, "-f", file, "-q")...)
		kept, _ := p.invoke(want, append(args, "--scan", "bs-abc", "--addr", addr, "-q")...)
		direct = strings.ReplaceAll(direct, "-f "+file+" --connections "+p.connections, "--scan bs-abc") // what is to be typed next
		direct = strings.ReplaceAll(direct, "-f "+file, "--scan bs-abc")
		if kept != direct {
			t.Errorf("%v --scan:\n%s\nwant\n%s", args, kept, direct)
		}
	}
	same(client.ExitWork, "gaps", "list", "-o", "json", "--detailed-exitcode")
	same(0, "gaps", "heatmap", "--all")
	same(0, "gaps", "list", "-o", "jsonl")
	names, _ := p.invoke(0, "gaps", "list", "-f", file, "-q", "-o", "name")
	id, _, _ := strings.Cut(names, "\n")
	same(0, "gaps", "explain", id)

	// A plan looks anew, at what the scan was told to compare.
	plan := func(args ...string) string {
		out, _ := p.invoke(0, append([]string{"plan", "--addr", addr, "-q"}, args...)...)
		for line := range strings.Lines(out) {
			if strings.Contains(line, "to write") {
				return line
			}
		}
		return ""
	}
	if got, want := plan("--scan", "bs-abc"), plan("-f", file); got != want || want == "" {
		t.Errorf("plan --scan: got %q, want %q", got, want)
	}

	for _, verb := range []string{"gaps list", "plan"} {
		for _, twice := range [][]string{{"-f", file}, {"--registry", "http://registry:8081"}, {"--kafka", "h:1"}, {"orders"}} {
			args := slices.Concat(strings.Fields(verb), twice, []string{"--scan", "bs-abc", "--addr", addr})
			if _, stderr := p.invoke(client.ExitUsage, args...); !strings.Contains(stderr, "--scan") {
				t.Errorf("%v: %s", args, stderr)
			}
		}
	}
	found.Scan.Done--
	answers["GET /v1/scans/bs-abc/findings"] = found
	if _, stderr := p.invoke(client.ExitConflict, "gaps", "list", "--scan", "bs-abc", "--addr", addr, "-q"); !strings.Contains(stderr, "not compared everything") {
		t.Errorf("half a scan: %s", stderr)
	}
}

func TestScanVerbs(t *testing.T) {
	dir := t.TempDir()
	done := client.Scan{ID: "bs-abc", Name: "orders-gap", Pair: "topic orders <- archive", State: "succeeded", Surveyed: true, Partitions: 2, Done: 2,
		Counts: client.ScanCounts{Compared: 10, Missing: 3}}
	answers := api{
		"POST /v1/scans": done, "GET /v1/scans/bs-abc": done, "GET /v1/scans": client.Scans{Scans: []client.Scan{done}},
		"POST /v1/scan-schedules": client.ScanSchedule{Name: "orders-gap", Every: "1h"}, "GET /v1/scan-schedules": client.ScanSchedules{},
		"DELETE /v1/scan-schedules/orders-gap": client.Done{}, "POST /v1/scans/bs-abc/cancel": done,
	}
	addr := answers.serve(t)
	run := func(want int, args ...string) string {
		t.Helper()
		stdout, stderr, got := invoke(t, nil, append(args, "--addr", addr, "-q")...)
		if got != want {
			t.Fatalf("%v: exit status %d, want %d\n%s%s", args, got, want, stdout, stderr)
		}
		return stdout
	}
	pair := []string{"orders", "--kafka", "127.0.0.1:9092", "--archive", filepath.Join(dir, "archive")}
	start := append([]string{"scan", "run"}, pair...)
	run(0, append(start, "--wait", "--rate", "20MiB")...)
	run(client.ExitWork, append(start, "--wait", "--detailed-exitcode")...)
	if out := run(0, "scan", "status", "bs-abc"); !strings.Contains(out, "2 of 2 done") || !strings.Contains(out, "gaps heatmap --scan bs-abc") {
		t.Errorf("status:\n%s", out)
	}
	done.Problem = "topic orders is not there"
	answers["GET /v1/scans/bs-abc"] = done
	if out := run(0, "scan", "status", "bs-abc"); !strings.Contains(out, done.Problem) {
		t.Errorf("status does not say what went wrong:\n%s", out)
	}
	if out := run(0, "scan", "list", "-o", "name"); out != "bs-abc\n" {
		t.Errorf("list: %q", out)
	}
	run(0, "scan", "cancel", "bs-abc")
	run(0, append(append([]string{"scan", "schedule"}, pair...), "--every", "1h")...)
	run(client.ExitUsage, append(append([]string{"scan", "schedule"}, pair...), "--every", "1h", "--range", "@-2h:-1h")...)
	run(0, "scan", "schedules")
	run(0, "scan", "unschedule", "orders-gap")
	run(client.ExitUsage, "scan", "run", "orders")
	run(client.ExitUsage, append(start, "--rate", "20")...) // nobody knows twenty of what
	for state, want := range map[string]int{"failed": client.ExitFailed, "cancelled": client.ExitFailed} {
		ended := done
		ended.State = state
		answers["GET /v1/scans/bs-abc"] = ended
		run(want, append(start, "--wait")...)
	}
	nothing := done
	nothing.State, nothing.Counts = "failed", client.ScanCounts{}
	answers["GET /v1/scans/bs-abc"] = nothing
	run(client.ExitIndeterminate, append(start, "--wait")...)
	var s client.Scan
	if err := json.Unmarshal([]byte(run(0, "scan", "status", "bs-abc", "-o", "json")), &s); err != nil || s.State != "failed" {
		t.Errorf("status -o json: %+v, %v", s, err)
	}
}
