//go:build failover

package failover

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
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
	jobName    = "failover"
	topicName  = "events"
)

// The sandbox is slowed down so that the job outlives all kills: pace bytes per second, at most perRound seconds per kill.
const (
	pace      = 2 << 20
	perRound  = 12
	extraTime = 60
)

// site is three agents and a sandbox.
type site struct {
	*testbed.Fleet
	sandbox testbed.Sandbox
	dir     string
}

func start(t *testing.T) site {
	t.Helper()
	dir := t.ArtifactDir()
	sandbox := testbed.StartSandbox(t, dir)
	return site{Fleet: testbed.StartFleet(t, dir, 3, sandbox.Broker, sandbox.Endpoint), sandbox: sandbox, dir: dir}
}

// startJob archives a topic, empties it, and starts the job that fills it again, slowed down so that it lasts.
func (s site) startJob(t *testing.T, rounds int) {
	t.Helper()
	records := int64(pace) * int64(perRound*rounds+extraTime) / recordSize
	topic := testbed.Topic{Broker: s.sandbox.Broker, Name: topicName, Partitions: partitions}
	topic.Create(t)
	topic.Produce(t, traffic.Noise(1, records, partitions, recordSize), func(int64, traffic.Event) bool { return true })
	archive := "s3://" + s.sandbox.Bucket + "/archive"
	s.Must(t, "archive", topicName, archive, "--kafka", testbed.KafkaConnection, "--s3", testbed.S3Connection, "-q")
	topic.Drop(t)
	topic.Create(t)
	spec, plan := filepath.Join(s.dir, "spec.yaml"), filepath.Join(s.dir, "plan")
	text := fmt.Sprintf(`apiVersion: backstitch.dev/v1
kind: Recovery
metadata:
  name: %s
spec:
  source:
    s3:
      connection: %s
      bucket: %s
      prefix: archive
  target:
    kafka:
      connection: %s
      topic: %s
  slices:
    bytes: 64GiB
    records: 1000000000
`, jobName, testbed.S3Connection, s.sandbox.Bucket, testbed.KafkaConnection, topicName)
	if err := os.WriteFile(spec, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s.Must(t, "plan", "-f", spec, "--out", plan, "-q")
	s.sandbox.Pace(t, pace)
	s.Must(t, "run", plan, "--detach", "--yes", "-q")
	testbed.Eventually(t, time.Minute, "every partition to be written", func() bool {
		written := 0
		for _, sl := range s.Slices(t, jobName) {
			if sl.Kind == "fill" && sl.Progress.Written > 0 {
				written++
			}
		}
		return written == partitions
	})
}

// settled waits until every node is up and some node owns each lane.
func (s site) settled(t *testing.T) {
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
		for name, n := range testbed.Owned(s.Slices(t, jobName)) {
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
