//go:build chaos

package staging

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"backstitch/chaos/report"
	"backstitch/chaos/testbed"
	"backstitch/chaos/traffic"
)

const (
	partitions = 6
	recordSize = 1000
	pace       = 4 << 20 // bytes per second that the broker takes in while a job runs
	seconds    = 20      // that a job lasts at that pace
	archived   = "events"
)

// site is three agents and a sandbox, with an archive that jobs fill their topics from.
type site struct {
	*testbed.Fleet
	sandbox testbed.Sandbox
	dir     string
}

func start(t *testing.T, environment string) site {
	t.Helper()
	dir := t.ArtifactDir()
	sandbox := testbed.StartSandbox(t, dir)
	seats := make([]testbed.Seat, 3)
	for i := range seats {
		seats[i].Env = []string{"BACKSTITCH_ENVIRONMENT=" + environment}
	}
	f := testbed.NewFleet(t, testbed.Layout{Dir: dir, Seats: seats, Broker: sandbox.Broker, Endpoint: sandbox.Endpoint})
	f.StartAll(t)
	s := site{Fleet: f, sandbox: sandbox, dir: dir}
	topic := testbed.Topic{Broker: sandbox.Broker, Name: archived, Partitions: partitions}
	topic.Create(t)
	topic.Produce(t, traffic.Noise(1, pace*seconds/recordSize, partitions, recordSize), func(int64, traffic.Event) bool { return true })
	s.Must(t, "archive", archived, "s3://"+sandbox.Bucket+"/archive", "--kafka", testbed.KafkaConnection, "--s3", testbed.S3Connection, "-q")
	topic.Drop(t)
	return s
}

// job starts a slow job that fills an empty topic of the same name, and returns once it writes.
func (s site) job(t *testing.T, name string) testbed.Topic {
	t.Helper()
	s.sandbox.Pace(t, 0)
	topic := testbed.Topic{Broker: s.sandbox.Broker, Name: name, Partitions: partitions}
	topic.Create(t)
	spec, plan := filepath.Join(s.dir, name+".yaml"), filepath.Join(s.dir, name+".plan")
	text := fmt.Sprintf(`apiVersion: backstitch.dev/v1
kind: Recovery
metadata:
  name: %s
spec:
  source:
    s3: {connection: %s, bucket: %s, prefix: archive, topic: %s}
  target:
    kafka: {connection: %s, topic: %s}
`, name, testbed.S3Connection, s.sandbox.Bucket, archived, testbed.KafkaConnection, name)
	if err := os.WriteFile(spec, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s.Must(t, "plan", "-f", spec, "--out", plan, "-q")
	s.sandbox.Pace(t, pace)
	s.Must(t, "run", plan, "--detach", "--yes", "-q")
	testbed.Eventually(t, time.Minute, "the job to write", func() bool {
		return s.Job(t, name).State == "running" && len(testbed.Owned(s.Slices(t, name))) > 0
	})
	return topic
}

// supervise starts every node again that ends, as systemd would, until the test ends.
func (s site) supervise(t *testing.T) (restarts func() int) {
	t.Helper()
	n := 0
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-stop:
				return
			}
			for _, node := range s.Nodes {
				if !node.Running() {
					n++
					s.Start(t, node)
				}
			}
		}
	}()
	ended := false
	restarts = func() int {
		if !ended {
			ended = true
			close(stop)
			<-done
		}
		return n
	}
	t.Cleanup(func() { restarts() })
	return restarts
}

func (s site) chaos(t *testing.T, story, job string, more ...string) testbed.Result {
	t.Helper()
	return s.Run(t, append([]string{"chaos", "run", story, "--job", job, "--max-duration", "4m", "--dir", filepath.Join(s.dir, "runs"),
		"--connections", filepath.Join(s.dir, "connections.yaml"), "--seed", "7", "--yes"}, more...)...)
}

func TestAStagingClusterKeepsItsPromiseAndABrokenOneIsFound(t *testing.T) {
	s := start(t, "staging")
	restarts := s.supervise(t)
	s.job(t, "kept")
	if got := s.chaos(t, "kill-leader", "kept"); got.Status != 0 {
		t.Fatalf("exit status %d, want 0\n%s\n%s", got.Status, got.Stdout, got.Stderr)
	}
	if n := restarts(); n == 0 {
		t.Error("nobody was killed")
	}
	runs, err := report.List(filepath.Join(s.dir, "runs"))
	if err != nil || len(runs) != 1 || runs[0].Verdict.Outcome != report.Kept || runs[0].Head.Seed != 7 {
		t.Fatalf("evidence: %+v, %v", runs, err)
	}

	// Somebody else deletes what the job has written already: the run has to see it in the data.
	loseHead(t, s.job(t, "altered"), 50)
	got := s.chaos(t, "partition-minority", "altered")
	if got.Status != 4 || !strings.Contains(got.Stderr, "BST-E4017") {
		t.Errorf("exit status %d, want 4 and BST-E4017\n%s\n%s", got.Status, got.Stdout, got.Stderr)
	}
	for _, n := range s.Nodes {
		if now, err := s.Ask(t, n).Faults(t.Context()); err != nil || len(now.Faults) > 0 {
			t.Errorf("%s has faults after the run: %v, %v", n.Name, now, err)
		}
	}
}

// loseHead deletes the oldest n records of the first partition, once they are there.
func loseHead(t *testing.T, topic testbed.Topic, n int64) {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(topic.Broker))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	admin := kadm.NewClient(c)
	testbed.Eventually(t, time.Minute, "records to delete", func() bool {
		ends, err := admin.ListEndOffsets(t.Context(), topic.Name)
		end, ok := ends.Lookup(topic.Name, 0)
		return err == nil && ok && end.Offset > n
	})
	var upTo kadm.Offsets
	upTo.AddOffset(topic.Name, 0, n, -1)
	resp, err := admin.DeleteRecords(t.Context(), upTo)
	if err == nil {
		err = resp.Error()
	}
	if err != nil {
		t.Fatalf("delete records: %v", err)
	}
	starts, err := admin.ListStartOffsets(t.Context(), topic.Name)
	if at, _ := starts.Lookup(topic.Name, 0); err != nil || at.Offset < n {
		t.Fatalf("the topic begins at %d after deletion up to %d: %v", at.Offset, n, err)
	}
}

func TestAProductionClusterIsNotTouched(t *testing.T) {
	s := start(t, "production")
	s.job(t, "safe")
	got := s.chaos(t, "kill-leader", "safe")
	if got.Status != 12 || !strings.Contains(got.Stderr, "BST-E4016") {
		t.Errorf("exit status %d, want 12 and BST-E4016\n%s", got.Status, got.Stderr)
	}
	for _, n := range s.Nodes {
		if !n.Running() {
			t.Errorf("%s has ended", n.Name)
		}
	}
	if _, err := os.Stat(filepath.Join(s.dir, "runs")); !os.IsNotExist(err) {
		t.Errorf("a run that was refused left something: %v", err)
	}
}
