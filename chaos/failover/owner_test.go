//go:build failover

package failover

import (
	"testing"
	"time"

	"backstitch/chaos/testbed"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestOwner measures to the first record that the broker has of a new owner. When a reader of committed data sees it depends
// on the job's commit interval, one second by default; that is printed too.
func TestOwner(t *testing.T) {
	s := start(t)
	s.startJob(t, *rounds)
	written := read(t, s.sandbox.Broker, kgo.ReadUncommitted())
	committed := read(t, s.sandbox.Broker, kgo.ReadCommitted())
	everywhere := map[int32]bool{}
	for p := range int32(partitions) {
		everywhere[p] = true
	}
	// A lane has to have been read under its present owner, or that one's first record would pass for a takeover.
	testbed.Eventually(t, time.Minute, "records of the first owners", func() bool {
		for _, by := range committed.writers(everywhere) {
			if by == (producer{}) {
				return false
			}
		}
		return true
	})
	var writes, commits []time.Duration
	for round := range *rounds {
		s.settled(t)
		slices := s.Slices(t, jobName)
		leader, victim := s.Leader(t), s.Busiest(slices, s.Nodes)
		lanes := map[int32]bool{}
		for _, sl := range slices {
			if sl.Status == "leased" && sl.OwnerName == victim.Name {
				lanes[sl.Partition] = true
			}
		}
		victim.Kill()
		at := time.Now()
		before, beforeCommitted := written.writers(lanes), committed.writers(lanes)
		testbed.Eventually(t, time.Minute, "records by new owners in all lanes", func() bool {
			_, all := committed.takenOver(beforeCommitted)
			return all
		})
		write, _ := written.takenOver(before)
		commit, _ := committed.takenOver(beforeCommitted)
		writes, commits = append(writes, write.Sub(at)), append(commits, commit.Sub(at))
		t.Logf("kill %2d: %s (leads: %t, %d lanes), new records written after %s, committed after %s", round+1, victim.Name,
			victim == leader, len(lanes), writes[round].Round(time.Millisecond), commits[round].Round(time.Millisecond))
		s.Start(t, victim)
		s.Ready(t, victim)
	}
	if job := s.Job(t, jobName); job.State != "running" {
		t.Fatalf("the job is %s: it ended in the middle of the measurement", job.State)
	}
	report(t, "owner-commit", commits, ownerMedian, ownerP99)
	report(t, "owner", writes, ownerMedian, ownerP99)
}
