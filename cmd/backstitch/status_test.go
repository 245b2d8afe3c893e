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
		if err := jobText(&b, job, d, nil, nil, time.UnixMilli(0)); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(b.String(), want); got != (d != nil) || d == nil && strings.Contains(b.String(), "dedupe") {
			t.Errorf("asked for %v:\n%s\nsays %q: %t", d, b.String(), want, got)
		}
	}
}
