package main

import (
	"encoding/json"
	"strings"
	"testing"

	"backstitch/replay/gap/delivered"
)

// An archive of some partitions lacks the others, and the topic has them still.
func TestASinkThatLeavesPartitionsOut(t *testing.T) {
	p := newPlace(t)
	from := []string{"gaps", "sink", "orders", "--kafka", "kafka", "--s3", "s3", "--detailed-exitcode"}
	p.invoke(0, "archive", "orders", "s3://demo/whole", "--kafka", "kafka", "--s3", "s3")
	stdout, _ := p.invoke(0, append(from, "--archive", "s3://demo/whole", "--grace", "0s")...)
	if !strings.Contains(stdout, "all that could be compared are in the archive") {
		t.Errorf("got %s", stdout)
	}
	p.invoke(0, "archive", "orders", "s3://demo/part", "--kafka", "kafka", "--s3", "s3", "--partitions", "0-2")
	stdout, _ = p.invoke(8, append(from, "--archive", "s3://demo/part", "--grace", "0s", "-o", "json")...)
	var rep delivered.Report
	if err := json.Unmarshal([]byte(stdout), &rep); err != nil {
		t.Fatal(err)
	}
	for _, f := range rep.Findings {
		if f.Runbook == "" || f.Runbook != f.Kind.Page() {
			t.Errorf("finding %s, %s: runbook %q", f.ID, f.Kind, f.Runbook)
		}
	}
	for _, part := range rep.Partitions {
		if archived := part.Partition <= 2; archived != (part.Missing == 0) || part.Records == 0 {
			t.Errorf("got %+v, want it complete: %t", part, archived)
		}
	}
	everyIDIsExplained(t, p.invoke, "sink", []string{"orders", "--kafka", "kafka", "--s3", "s3", "--archive", "s3://demo/part", "--grace", "0s"},
		"missing from the archive", "in no object", "no: every object of the partition was read", "yes: the topic has them")
	// Without a record that is due there is no pass.
	_, stderr := p.invoke(5, "gaps", "sink", "orders", "--kafka", "kafka", "--s3", "s3", "--archive", "s3://demo/part", "--partitions", "3", "--grace", "9999h")
	if !strings.Contains(stderr, "BST-E4041") {
		t.Errorf("got %s", stderr)
	}
	p.invoke(2, "gaps", "sink", "orders", "--kafka", "kafka", "--s3", "s3", "--archive", "s3://demo/part", "--range", "@-1h:end")
}
