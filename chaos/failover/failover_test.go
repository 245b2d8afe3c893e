//go:build failover

package failover

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"backstitch/chaos/testbed"
	"backstitch/chaos/traffic"
)

var (
	rounds = flag.Int("rounds", 20, "kills per kind")
	judged = flag.Bool("judge", true, "fail when a figure is above its bar")
)

// The bars, for three nodes at default settings.
const (
	ownerMedian, ownerP99   = 3 * time.Second, 6 * time.Second
	leaderMedian, leaderP99 = 1200 * time.Millisecond, 3 * time.Second
	pauses                  = 5
)

// One lane per partition; two lanes per node leave room on two nodes for the lanes of the third.
const (
	partitions = 6
	recordSize = 1000
)

// The sandbox is slowed down to pace bytes per second, so that a job outlives its kills. A job takes few of them and the next
// one begins anew: all that is written is kept in memory.
const (
	pace        = 12 << 20
	killsPerJob = 4
	perKill     = 8  // seconds of the job
	extra       = 20 // seconds of the job
)

// site is three agents and a sandbox.
type site struct{ testbed.Site }

func start(t *testing.T) site {
	t.Helper()
	return site{testbed.StartSite(t, t.ArtifactDir(), partitions, make([]testbed.Seat, 3)...)}
}

// archive makes the archive that jobs fill their topics from.
func (s site) archive(t *testing.T) {
	t.Helper()
	records := int64(pace * (perKill*killsPerJob + extra) / recordSize)
	s.Archive(t, traffic.Noise(1, records, partitions, recordSize), func(traffic.Event) {})
}

// startJob starts the job that fills an empty topic, with a slice a partition, and returns once every partition is being written.
// The job and the topic have the same name.
func (s site) startJob(t *testing.T, name string) testbed.Topic {
	t.Helper()
	topic := s.Fill(t, testbed.Spec{Name: name, SliceBytes: "64GiB", SliceRecords: 1_000_000_000}, pace)
	testbed.Eventually(t, time.Minute, "every partition to be written", func() bool {
		written := 0
		for _, sl := range s.Slices(t, name) {
			if sl.Kind == "fill" && sl.Progress.Written > 0 {
				written++
			}
		}
		return written == partitions
	})
	return topic
}

// endJob cancels a job that is still running and forgets what it wrote.
func (s site) endJob(t *testing.T, topic testbed.Topic) {
	t.Helper()
	if job := s.Job(t, topic.Name); job.State != "running" {
		t.Fatalf("job %s is %s: it ended in the middle of the measurement", topic.Name, job.State)
	}
	if _, err := s.Client.Cancel(t.Context(), topic.Name, "measured"); err != nil {
		t.Fatal(err)
	}
	s.Sandbox.Pace(t, 0)
	topic.Drop(t)
}

// settled waits until every node is up and some node owns each lane.
func (s site) settled(t *testing.T, job string) {
	t.Helper()
	testbed.Eventually(t, time.Minute, "every lane to have an owner that lives", func() bool {
		members, err := s.Client.Members(t.Context())
		if err != nil {
			return false
		}
		alive := map[string]bool{}
		for _, m := range members {
			alive[m.Name] = m.Alive
		}
		if s.Leader(t) == nil || len(alive) < len(s.Nodes) {
			return false
		}
		owned := 0
		for name, n := range testbed.Owned(s.Slices(t, job)) {
			if alive[name] {
				owned += n
			}
		}
		for _, n := range s.Nodes {
			if !alive[n.Name] {
				return false
			}
		}
		return owned == partitions
	})
}

// report prints a line and holds the figures against their bars.
func report(t *testing.T, what string, times []time.Duration, median, p99 time.Duration) {
	t.Helper()
	s := Summarize(times)
	fmt.Printf("failover %s %s\n", what, s)
	if *judged && (s.Median >= median || s.P99 >= p99) {
		t.Errorf("%s: got %s, want a median below %s and a 99th percentile below %s", what, s, median, p99)
	}
}
