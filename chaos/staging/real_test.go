//go:build chaos

package staging

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"backstitch/chaos/check"
	"backstitch/chaos/report"
	"backstitch/chaos/testbed"
	"backstitch/chaos/traffic"
)

const (
	partitions = 6
	recordSize = 1000
	commit     = 500     // records, so that each lane commits about every second
	pace       = 4 << 20 // bytes per second that the broker takes in while a job runs
	seconds    = 20      // that a job lasts at that pace
)

// site is three agents and a sandbox, with an archive that jobs fill their topics from.
type site struct {
	testbed.Site
	truth traffic.Truth // of the archive
}

func start(t *testing.T, environment string) site {
	t.Helper()
	seats := make([]testbed.Seat, 3)
	for i := range seats {
		seats[i].Env = []string{"BACKSTITCH_ENVIRONMENT=" + environment}
	}
	s := site{testbed.StartSite(t, t.ArtifactDir(), partitions, seats...), traffic.Truth{}}
	s.Archive(t, traffic.Noise(1, pace*seconds/recordSize, partitions, recordSize), func(e traffic.Event) { s.truth[e.ID()]++ })
	return s
}

// job starts a slow job that fills an empty topic of the same name, and returns once it writes.
func (s site) job(t *testing.T, name string) testbed.Topic {
	t.Helper()
	topic := s.Fill(t, testbed.Spec{Name: name, CommitRecords: commit}, pace)
	testbed.Eventually(t, time.Minute, "the job to write", func() bool {
		return s.Job(t, name).State == "running" && len(testbed.Owned(s.Slices(t, name))) > 0
	})
	return topic
}

// restartAfter is longer than a lease: work has to move, and not only to stand still until its owner is back.
const restartAfter = 6 * time.Second

// supervise starts every node again that ends, as systemd would, until the test ends.
func (s site) supervise(t *testing.T) (restarts func() int) {
	t.Helper()
	n := 0
	gone := map[*testbed.Node]time.Time{}
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
				switch since, known := gone[node]; {
				case node.Running():
				case !known:
					gone[node] = time.Now()
				case time.Since(since) > restartAfter:
					n++
					delete(gone, node)
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
	return s.Run(t, append([]string{"chaos", "run", story, "--job", job, "--max-duration", "4m", "--dir", filepath.Join(s.Dir, "runs"),
		"--connections", filepath.Join(s.Dir, "connections.yaml"), "--seed", "7", "--yes"}, more...)...)
}

func TestAStagingClusterKeepsItsPromise(t *testing.T) {
	s := start(t, "staging")
	restarts := s.supervise(t)
	for _, story := range []string{"kill-leader", "kill-owner"} {
		s.job(t, story)
		if got := s.chaos(t, story, story); got.Status != 0 {
			t.Fatalf("%s: exit status %d, want 0\n%s\n%s", story, got.Status, got.Stdout, got.Stderr)
		}
	}
	if n := restarts(); n < 2 {
		t.Errorf("%d nodes were killed, want 2", n)
	}
	runs, err := report.List(filepath.Join(s.Dir, "runs"))
	if err != nil || len(runs) != 2 {
		t.Fatalf("evidence: %+v, %v", runs, err)
	}
	for _, run := range runs {
		if run.Verdict.Outcome != report.Kept || run.Head.Seed != 7 {
			t.Errorf("evidence: %+v", run)
		}
		if run.Head.Scenario == "kill-owner" && len(run.Verdict.Figures.FailoverMs) != 1 {
			t.Errorf("failover: got %v, want one", run.Verdict.Figures.FailoverMs)
		}
		if err := report.Publish(os.Stdout, run.Verdict.Figures); err != nil {
			t.Error(err)
		}
	}
}

// Somebody else deletes and alters what the job has committed already: the run has to see both in the data. That they are gone is
// established by a reader that shares nothing with the program.
func TestABrokenPromiseIsFound(t *testing.T) {
	s := start(t, "staging")
	topic := s.job(t, "hurt")
	const n = 50
	deleteHead(t, topic, 0, n)
	alter(t, topic, deleteHead(t, topic, 1, n))
	got := s.chaos(t, "partition-minority", "hurt")

	seen, err := check.Read(t.Context(), topic.Name, kgo.SeedBrokers(topic.Broker))
	if err != nil {
		t.Fatal(err)
	}
	if lost, surplus := s.truth.Difference(seen.Truth()); lost != 2*n || surplus != n {
		t.Fatalf("the topic lacks %d records and has %d others, want %d and %d: nothing was put to the test", lost, surplus, 2*n, n)
	}
	for _, want := range []string{"BST-E4017", "partition 0: 50 missing", "partition 1: 50 missing", "value differs"} {
		if !strings.Contains(got.Stderr, want) {
			t.Errorf("no %q", want)
		}
	}
	if got.Status != 4 || t.Failed() {
		t.Errorf("exit status %d, want 4\n%s\n%s", got.Status, got.Stdout, got.Stderr)
	}
	s.unhurt(t)
}

func (s site) unhurt(t *testing.T) {
	t.Helper()
	for _, n := range s.Nodes {
		if now, err := s.Ask(t, n).Faults(t.Context()); err != nil || len(now.Faults) > 0 {
			t.Errorf("%s has faults after the run: %v, %v", n.Name, now, err)
		}
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
	if _, err := os.Stat(filepath.Join(s.Dir, "runs")); !os.IsNotExist(err) {
		t.Errorf("a run that was refused left something: %v", err)
	}
}
