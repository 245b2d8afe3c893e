//go:build failover

package failover

import (
	"fmt"
	"testing"
	"time"

	"backstitch/chaos/testbed"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestOwner measures to the first record that the broker has of a new owner. When readers of committed data see it depends on
// how fast the broker takes a first commit, and this one is slowed down; that is printed and not judged.
func TestOwner(t *testing.T) {
	s := start(t)
	s.archive(t)
	var writes, commits []time.Duration
	for job := 0; len(writes) < *rounds; job++ {
		topic := s.startJob(t, fmt.Sprintf("owner-%d", job))
		written, stopWritten := read(t, topic, kgo.ReadUncommitted())
		committed, stopCommitted := read(t, topic, kgo.ReadCommitted())
		everyLaneIsRead(t, committed)
		for range min(killsPerJob, *rounds-len(writes)) {
			write, commit := s.killOwner(t, topic.Name, written, committed)
			writes, commits = append(writes, write), append(commits, commit)
			t.Logf("kill %2d: new records written after %s, committed after %s", len(writes), write.Round(time.Millisecond), commit.Round(time.Millisecond))
		}
		stopWritten()
		stopCommitted()
		s.endJob(t, topic)
	}
	fmt.Printf("failover owner-commit %s\n", Summarize(commits))
	report(t, "owner", writes, ownerMedian, ownerP99)
}

// everyLaneIsRead waits for records of the first owners: the first record of an owner who was there before would pass for a
// takeover.
func everyLaneIsRead(t *testing.T, r *reader) {
	t.Helper()
	everywhere := map[int32]bool{}
	for p := range int32(partitions) {
		everywhere[p] = true
	}
	testbed.Eventually(t, time.Minute, "records of the first owners", func() bool {
		for _, by := range r.writers(everywhere) {
			if by == (producer{}) {
				return false
			}
		}
		return true
	})
}

// killOwner kills the busiest owner, waits until all its lanes are written by others, and starts it again.
func (s site) killOwner(t *testing.T, job string, written, committed *reader) (write, commit time.Duration) {
	t.Helper()
	s.settled(t, job)
	slices := s.Slices(t, job)
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
	t.Logf("SIGKILL %s, %d lanes, leader: %t", victim.Name, len(lanes), victim == leader)
	first, _ := written.takenOver(before)
	firstCommitted, _ := committed.takenOver(beforeCommitted)
	s.Start(t, victim)
	s.Ready(t, victim)
	return first.Sub(at), firstCommitted.Sub(at)
}
