package main

import (
	"encoding/json"
	"testing"

	"backstitch/replay/gap"
	"backstitch/replay/gap/objects"
)

// A copy of a part of an archive lacks the rest of it, and a store is asked for what it knows.
func TestBucketsOfAStoreAreCompared(t *testing.T) {
	p := newPlace(t)
	p.invoke(0, "archive", "orders", "s3://demo/whole", "--kafka", "kafka", "--s3", "s3")
	p.invoke(0, "archive", "orders", "s3://demo/part", "--kafka", "kafka", "--s3", "s3", "--partitions", "0-2")
	for _, more := range [][]string{nil, {"--versions"}, {"--deep"}} {
		args := append([]string{"gaps", "buckets", "s3://demo/whole/orders", "s3://demo/part/orders", "--s3", "s3", "--detailed-exitcode", "-o", "json"}, more...)
		stdout, _ := p.invoke(8, args...)
		var rep objects.Report
		if err := json.Unmarshal([]byte(stdout), &rep); err != nil {
			t.Fatal(err)
		}
		for _, f := range rep.Findings {
			if f.Runbook == "" || f.Runbook != f.Kind.Page() {
				t.Errorf("finding %s, %s: runbook %q", f.ID, f.Kind, f.Runbook)
			}
		}
		lost := rep.Reference.Objects - rep.Target.Objects
		if lost < 1 || rep.Kinds[gap.Missing] != lost || rep.Equal != rep.Target.Objects || rep.By["md5"] != rep.Equal || rep.Evidence != "E2" {
			t.Errorf("%v: got %s, want %d missing and the rest equal by md5", more, stdout, lost)
		}
	}
	everyIDIsExplained(t, p.invoke, "buckets", []string{"s3://demo/whole/orders", "s3://demo/part/orders", "--s3", "s3"},
		"missing from the target", "no: both listings came to their end", "yes: copy from the reference")
	p.invoke(0, "gaps", "buckets", "s3://demo/whole", "s3://demo/whole", "--s3", "s3", "--detailed-exitcode")
	p.invoke(10, "gaps", "buckets", "s3://demo/whole", "s3://elsewhere/whole", "--s3", "s3")
}
