//go:build chaos

package disaster

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"backstitch/chaos/testbed"
	"backstitch/chaos/traffic"
	"backstitch/cluster/client"
)

const (
	partitions = 6
	records    = 30_000
	recordSize = 1000
	pace       = 2 << 20 // bytes a second, so that a job is in the middle of its work when the cluster is lost
	patience   = time.Minute
)

// TestAMajorityIsLostForGood: two of three machines are gone with their disks, in the middle of a job.
func TestAMajorityIsLostForGood(t *testing.T) {
	dir := t.ArtifactDir()
	s := testbed.StartSite(t, dir, partitions, make([]testbed.Seat, 3)...)
	truth := map[int32][]traffic.ID{}
	s.Archive(t, traffic.Noise(1, records, partitions, recordSize), func(e traffic.Event) {
		truth[e.Partition] = append(truth[e.Partition], e.ID())
	})
	exact := func(topic testbed.Topic) {
		t.Helper()
		seen := topic.Committed(t)
		for p := range int32(partitions) {
			if d := traffic.Difference(seen[p], truth[p]); d != "" {
				t.Errorf("%s: partition %d: %s", topic.Name, p, d)
			}
		}
	}

	before := s.Fill(t, testbed.Spec{Name: "before"}, 0)
	s.Must(t, "wait", "before", "--timeout", "1m")
	snapshot := filepath.Join(dir, "book.snap")
	s.Must(t, "cluster", "snapshot", "save", snapshot)

	after := s.Fill(t, testbed.Spec{Name: "after", CommitRecords: 200, SliceRecords: 2500}, pace)
	testbed.Eventually(t, patience, "a job in the middle of its work", func() bool {
		written := s.Job(t, "after").Progress.Written
		return written > 1000
	})
	for _, n := range s.Nodes[:2] {
		n.Kill()
		if err := os.RemoveAll(s.DataDir(n)); err != nil {
			t.Fatal(err)
		}
	}
	last := s.Nodes[2]
	testbed.Eventually(t, patience, "the last node to know that it is alone", func() bool {
		return s.Run(t, "cluster", "status", "--addr", last.API).Status == client.ExitNoLeader
	})
	if status := last.Terminate(20 * time.Second); status != 0 {
		t.Errorf("%s ended with %d", last.Name, status)
	}
	s.Sandbox.Pace(t, 0)

	// As the document says: the directory that is left is kept, and a new cluster begins with empty ones.
	anew := filepath.Join(dir, "anew")
	if err := os.Mkdir(anew, 0o700); err != nil {
		t.Fatal(err)
	}
	next := testbed.Site{Sandbox: s.Sandbox, Dir: anew, Partitions: partitions,
		Fleet: testbed.NewFleet(t, testbed.Layout{Dir: anew, Seats: make([]testbed.Seat, 3), Broker: s.Sandbox.Broker, Endpoint: s.Sandbox.Endpoint})}
	next.StartAll(t)
	next.Must(t, "cluster", "snapshot", "verify", snapshot)
	next.Must(t, "cluster", "snapshot", "restore", snapshot, "--confirm", filepath.Base(snapshot))
	next.Healthy(t)

	if job := next.Job(t, "before"); job.State != "succeeded" || job.Verdict != "pass" {
		t.Errorf("the job of before is %s, %s", job.State, job.Verdict)
	}
	report := filepath.Join(dir, "before.json")
	next.Must(t, "report", "export", "before", report)
	next.Must(t, "report", "verify", report)
	if got := next.Run(t, "status", "after").Status; got != client.ExitNotFound {
		t.Errorf("a job that began after the snapshot: status %d, want %d", got, client.ExitNotFound)
	}
	exact(before)

	spec := testbed.Spec{Name: "again", Source: testbed.InS3(s.Sandbox.Bucket, "archive", "topic: events"), Target: testbed.InKafka("after")}
	_, plan := next.Plan(t, anew, spec)
	next.Submit(t, plan)
	next.Must(t, "wait", "again", "--timeout", "2m") // what the lost nodes had open in Kafka ends by its time-out, a minute
	if job := next.Job(t, "again"); job.Records == 0 || job.Records >= records {
		t.Errorf("the new plan was of %d records of %d: the job before had written some and not all", job.Records, records)
	}
	next.Must(t, "verify", "again", "-q")
	exact(after)
}
