//go:build real

package realtest

import (
	"strings"
	"testing"

	"backstitch/chaos/check"
	"backstitch/chaos/testbed"
	"backstitch/chaos/traffic"
)

const (
	storeJob  = "flights-in-s3"
	storeUpto = 10_000 // records of each partition
)

// intoStore refills an empty prefix of the object store from the archive, kills an owner in the middle, and lets a stranger count.
func intoStore(t *testing.T, fleet *testbed.Fleet, dir, endpoint string) {
	t.Helper()
	truth, seen := traffic.Truth{}, map[int32]int64{}
	for e, err := range flights(t) {
		if err != nil {
			t.Fatal(err)
		}
		if seen[e.Partition]++; seen[e.Partition] <= storeUpto {
			truth[e.ID()]++
		}
	}
	_, plan := fleet.Plan(t, dir, testbed.Spec{
		Name: storeJob, Source: testbed.InS3(bucketName, "kafka"), Target: testbed.InS3(bucketName, "refill", "topic: flights"),
		Upto: storeUpto, CommitRecords: 100, SliceRecords: 3000,
	})
	fleet.Submit(t, plan)
	kill(t, fleet, storeJob)
	wait := fleet.Must(t, "wait", storeJob, "--timeout", "3m")
	t.Logf("wait said: %s", strings.TrimSpace(wait.Stdout))

	found, err := check.Store(t.Context(), testbed.Client(endpoint), bucketName, "refill/flights/")
	if err != nil {
		t.Fatal(err)
	}
	missing, surplus := truth.Difference(found.Events)
	if missing != 0 || surplus != 0 || found.Disorder != 0 {
		t.Errorf("object store: %d records are missing, %d are too many and %d out of order, want none", missing, surplus, found.Disorder)
	}
	if want := int64(partitions * storeUpto); found.Records != want || found.Refilled != want {
		t.Errorf("object store: got %d records of which %d are refilled, want %d", found.Records, found.Refilled, want)
	}
	fleet.Must(t, "verify", storeJob, "-q")
}
