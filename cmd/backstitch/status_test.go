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
		if err := jobText(&b, job, recovery.Recipe{Dedupe: d}, nil, nil, time.UnixMilli(0)); err != nil {
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
		if err := jobText(&b, job, recovery.Recipe{Late: l}, nil, nil, time.UnixMilli(0)); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), want) || l == nil && strings.Contains(b.String(), "  late ") {
			t.Errorf("asked for %+v:\n%s\nwant %q", l, b.String(), want)
		}
	}
}
