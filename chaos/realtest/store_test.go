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
	truth, counted := traffic.Truth{}, map[int32]int64{}
	for e, err := range flights(t) {
		if err != nil {
			t.Fatal(err)
		}
		if counted[e.Partition]++; counted[e.Partition] <= storeUpto {
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

	seen, err := check.Store(t.Context(), check.Bucket{Client: testbed.Client(endpoint), Name: bucketName, Prefix: "refill/"}, "flights", partitions)
	if err != nil {
		t.Fatal(err)
	}
	found, err := check.Topic(check.Made{Truth: truth}, seen)
	if err != nil {
		t.Fatal(err)
	}
	more, takeovers, err := check.Fencing(seen)
	if err != nil || takeovers == 0 {
		t.Errorf("object store: %d takeovers, %v: nothing was shown about fencing", takeovers, err)
	}
	for _, f := range append(found, more...) {
		t.Errorf("object store: %s", f)
	}
	if want := int64(partitions * storeUpto); seen.Refilled() != want {
		t.Errorf("object store: got %d refilled records, want %d", seen.Refilled(), want)
	}
	fleet.Must(t, "verify", storeJob, "-q")
}
