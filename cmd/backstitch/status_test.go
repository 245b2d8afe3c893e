package main

import (
	"strings"
	"testing"
	"time"

	"backstitch/cluster/client"
	"backstitch/replay/recovery"
	"backstitch/replay/spec"
)

// Status says how many records a job left out as repetitions, and nothing of it where the job was not to.
func TestStatusSaysWhatWasLeftOut(t *testing.T) {
	job := client.Job{ID: "bs-a", Namespace: "growth", Name: "clicks", State: "running", PlanHash: strings.Repeat("a", 64)}
	dedupe := &recovery.Dedupe{Key: []spec.KeyPart{"value.id"}, WindowMs: 3_600_000, Left: []recovery.Repeated{{Records: 1204}, {Partition: 7, Unkeyed: 3}}}
	const want = "\n  dedupe       by value.id within 1h, 1,204 records left out as repetitions, 3 kept without a key\n"
	for _, d := range []*recovery.Dedupe{dedupe, nil} {
		var b strings.Builder
		if err := jobText(&b, job, recovery.Recipe{Dedupe: d}, client.Budgets{}, nil, nil, time.UnixMilli(0)); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(b.String(), want); got != (d != nil) || d == nil && strings.Contains(b.String(), "dedupe") {
			t.Errorf("asked for %v:\n%s\nsays %q: %t", d, b.String(), want, got)
		}
	}
}

// Status says what a job writes late, and nothing of it where the job was not to.
func TestStatusSaysWhatIsLate(t *testing.T) {
	job := client.Job{ID: "bs-a", Namespace: "growth", Name: "clicks", State: "running", PlanHash: strings.Repeat("a", 64)}
	for want, l := range map[string]*recovery.Late{
		"": nil,
		"\n  late         by timestamp, 10m allowed: 1,204 records, by up to 3h2m0.004s, 3 without an event time\n": {Time: "timestamp", AllowedMs: 600_000,
			Parts: []recovery.LatePart{{Records: 1203, MostMs: 10_920_004}, {Partition: 7, Records: 1, MostMs: 5, Untimed: 3}}},
		"\n  late         by value.at, 0s allowed: none\n":                           {Time: "value.at"},
		"\n  late         by value.at, 0s allowed: 1 record, by up to 25,567 days\n": {Time: "value.at", Parts: []recovery.LatePart{{Records: 1, MostMs: 2_208_902_400_001}}},
	} {
		var b strings.Builder
		if err := jobText(&b, job, recovery.Recipe{Late: l}, client.Budgets{}, nil, nil, time.UnixMilli(0)); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), want) || l == nil && strings.Contains(b.String(), "  late ") {
			t.Errorf("asked for %+v:\n%s\nwant %q", l, b.String(), want)
		}
	}
}

// What holds a job back is told where people look for how far it is: the limits that it falls under, and what feedback leaves it.
func TestStatusSaysWhatHoldsAJobBack(t *testing.T) {
	var b strings.Builder
	held := client.Budgets{
		Budgets: []client.Budget{{Scope: "job/bs-a", Rate: client.Rate{Bytes: 20 << 20}, Jobs: []string{"bs-a"}, Nodes: []client.NodePart{{Node: "n1"}}}},
		Feedback: []client.Pace{
			{Job: "bs-a", Node: "n1", BytesPerSecond: 3251 << 10, Binds: true, Hurts: true, Why: "lag of group billing grew by 12,000 (limit 10,000)"},
			{Job: "bs-a", Node: "n2", BytesPerSecond: 1 << 20, Why: "it began slowly, and nobody has suffered yet"},
		},
	}
	if err := jobText(&b, client.Job{ID: "bs-a", State: "running"}, recovery.Recipe{}, held, nil, nil, time.UnixMilli(0)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"  feedback     held to 3.2 MiB/s on n1: lag of group billing grew by 12,000 (limit 10,000)\n",
		"  feedback     would be held to 1.0 MiB/s on n2: it began slowly, and nobody has suffered yet\n",
		"  limit        20 MiB/s of job/bs-a: does not bind on 1 node\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("status does not say %q:\n%s", want, b.String())
		}
	}
}

// Slices that nobody takes since disks are full are told with the disks; where all have an owner, or there is room, nothing is said of any.
func TestStatusSaysWhichDisksLeaveSlicesToWait(t *testing.T) {
	full := client.Cluster{Disks: []client.Disk{
		{Node: "n1", Bytes: 100, Used: 97, Level: "hard"}, {Node: "n2", Bytes: 100, Used: 86, Level: "soft"}, {Node: "n3", Bytes: 100, Used: 10, Level: "room"},
	}}
	const want = "\n  disks        97 % max (n1)   no new work for n2   no work at all for n1   (free space there: backstitch doctor)\n"
	for _, row := range []struct {
		state, slice string
		cluster      any
		says         bool
	}{
		{"running", "waiting", full, true},
		{"running", "waiting", client.Cluster{Disks: full.Disks[2:]}, false},
		{"running", "waiting", client.Problem{Status: 503}, false},
		{"running", "leased", full, false},
		{"cancelled", "waiting", full, false},
	} {
		addr := api{
			"GET /v1/jobs/bs-abc": client.Job{ID: "bs-abc", State: row.state, PlanHash: strings.Repeat("a", 64)}, "GET /v1/cluster": row.cluster,
			"GET /v1/jobs/bs-abc/slices": client.SliceStates{Slices: []client.SliceState{{ID: "bs-abc/0", Status: row.slice}}},
		}.serve(t)
		stdout, stderr, status := invoke(t, nil, "status", "bs-abc", "--addr", addr)
		if status != 0 || strings.Contains(stdout, want) != row.says || !row.says && strings.Contains(stdout, "disk") {
			t.Errorf("%+v: exit status %d\n%s%s\nsays %q: want %t", row, status, stdout, stderr, want, row.says)
		}
		stdout, _, _ = invoke(t, nil, "status", "bs-abc", "--addr", addr, "-o", "json")
		if strings.Contains(stdout, `"fullDisks"`) != row.says || strings.Contains(stdout, `"n3"`) {
			t.Errorf("%+v in JSON:\n%s", row, stdout)
		}
	}
}
