//go:build chaos && linux

package crashpoints

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"backstitch/chaos/report"
	"backstitch/chaos/testbed"
	"backstitch/chaos/traffic"
	"backstitch/cluster/client"
	"backstitch/storage/failpoint"
)

const (
	partitions = 6
	records    = 36_000
	recordSize = 1000
	pace       = 6 << 20 // bytes per second that the broker takes in while a node is asked to end in the middle of its work
	slowJobs   = 4       // at most; one is over before somebody has died at each point of giving up work, now and then
	limit      = 90 * time.Second
	grace      = 15 * time.Second // for a node that is asked to end
)

// TestEveryPoint dies at every point of the table.
func TestEveryPoint(t *testing.T) {
	dir := t.ArtifactDir()
	build(t, dir)
	began := time.Now()
	sandbox := testbed.StartSandbox(t, dir)
	s := newStorm(t, dir, sandbox.Broker, sandbox.Endpoint)

	truth := s.archive(t, sandbox, []failpoint.Point{failpoint.ArchiveBeforePut, failpoint.ArchiveAfterPut})
	// A fleet is made and refills a topic, an object store and a directory, while it dies of nearly everything.
	s.until(t, limit, "a leader", func() bool { return s.leads(t) != nil })
	target := filepath.Join(dir, "target")
	if err := os.Mkdir(target, 0o755); err != nil {
		t.Fatal(err)
	}
	back := testbed.Topic{Broker: sandbox.Broker, Name: "back", Partitions: partitions}
	back.Create(t)
	s.submit(t, "back", sandbox.Bucket, testbed.InKafka("back"), []failpoint.Point{failpoint.PlanWritten})
	s.finish(t, "back")
	s.submit(t, "stored", sandbox.Bucket, testbed.InS3(sandbox.Bucket, "refilled", "topic: stored"), nil)
	s.finish(t, "stored")
	s.submit(t, "kept", sandbox.Bucket, testbed.InDir(target, "topic: kept"), nil)
	s.finish(t, "kept")

	// Slow jobs, in the middle of which nodes are asked to end. There is little left to die of, so that they get to work.
	jobs, topics := []string{"back", "stored", "kept"}, []testbed.Topic{back}
	for n := 1; n <= slowJobs && s.drains(); n++ {
		handed := testbed.Topic{Broker: sandbox.Broker, Name: fmt.Sprintf("handed-%d", n), Partitions: partitions}
		handed.Create(t)
		sandbox.Pace(t, pace)
		s.submit(t, handed.Name, sandbox.Bucket, testbed.InKafka(handed.Name), nil)
		s.handOver(t, handed.Name)
		sandbox.Pace(t, 0)
		s.finish(t, handed.Name)
		jobs, topics = append(jobs, handed.Name), append(topics, handed)
	}

	// The book is saved, and restored until nobody is left to die of it.
	book := filepath.Join(dir, "book.snap")
	s.run(t, limit, []failpoint.Point{failpoint.SnapshotSaved}, "cluster", "snapshot", "save", book, "-q")
	for range 8 {
		s.run(t, limit, nil, "cluster", "snapshot", "restore", book, "--confirm", filepath.Base(book), "-q")
		if len(s.todo) == 0 {
			break
		}
		leader := s.leads(t) // another leads next, so that its points are met by somebody who is armed
		if leader != nil {
			s.end(t, leader)
		}
		s.until(t, limit, "a leader", func() bool { return s.leads(t) != nil })
	}

	// Quiet: all serve, and a stranger judges.
	s.armed = false
	for _, n := range s.Nodes {
		if n.Running() {
			s.end(t, n)
		}
		s.start(t, n)
	}
	for _, n := range s.Nodes {
		s.Ready(t, n)
	}
	for _, job := range jobs {
		s.finish(t, job)
		s.judge(t, job)
	}
	for _, topic := range topics {
		s.topic(t, topic, truth)
	}
	s.books(t)
	for p := range s.todo {
		t.Errorf("nobody died at %s (%s): the story does not reach it", p, failpoint.Window(p))
	}
	f := report.Figures{Suite: "failpoints", FailpointsTotal: len(failpoint.All()), Seconds: time.Since(began).Seconds()}
	for _, p := range failpoint.All() {
		if !s.todo[p] {
			f.FailpointsReached = append(f.FailpointsReached, string(p))
		}
	}
	if err := report.Publish(os.Stdout, f); err != nil {
		t.Error(err)
	}
	t.Logf("%d deaths at %d points in %d runs of agents", s.died, len(f.FailpointsReached), s.runs)
}

// archive makes records, archives them, and drops the topic. own is what archiving dies of.
func (s *storm) archive(t *testing.T, sandbox testbed.Sandbox, own []failpoint.Point) traffic.Truth {
	t.Helper()
	events := testbed.Topic{Broker: sandbox.Broker, Name: "events", Partitions: partitions}
	events.Create(t)
	truth := traffic.Truth{}
	events.Produce(t, traffic.Noise(1, records, partitions, recordSize), func(_ int64, e traffic.Event) bool {
		truth[e.ID()]++
		return true
	})
	s.run(t, limit, own, "archive", "events", "s3://"+sandbox.Bucket+"/archive", "--kafka", testbed.KafkaConnection, "--s3", testbed.S3Connection, "-q")
	events.Drop(t)
	return truth
}

// leads is the node that leads and is there, nil when none is known to.
func (s *storm) leads(t *testing.T) *testbed.Node {
	t.Helper()
	for _, n := range s.Nodes {
		if n.Process == nil || !n.Running() {
			continue
		}
		if c, err := s.Cluster(t, n); err == nil && c.Leader != nil {
			return s.Node(c.Leader.Name)
		}
	}
	return nil
}

// submit starts a job that refills target from the archive. own is what planning dies of.
func (s *storm) submit(t *testing.T, name, bucket string, target testbed.Place, own []failpoint.Point) {
	t.Helper()
	spec := testbed.Spec{Name: name, Source: testbed.InS3(bucket, "archive", "topic: events"), Target: target, SliceRecords: 3000, CommitRecords: 300}
	spec.Write(t, s.file(name+".yaml"))
	s.run(t, limit, own, "plan", "-f", s.file(name+".yaml"), "--out", s.file(name+".plan"), "-q")
	s.run(t, limit, nil, "run", s.file(name+".plan"), "--detach", "--yes", "-q")
}

func (s *storm) file(name string) string { return filepath.Join(s.dir, name) }

// drains says whether a point is left that only a node meets that gives up its work.
func (s *storm) drains() bool {
	return s.todo[failpoint.EngineDrained] || s.todo[failpoint.WorkerBeforeRelease] || s.todo[failpoint.AgentStopped]
}

// handOver asks nodes to end in the middle of a job until somebody has died at each point of that.
func (s *storm) handOver(t *testing.T, job string) {
	t.Helper()
	for round := 0; round < 12 && s.drains(); round++ {
		var busy *testbed.Node
		over := false
		s.until(t, limit, "somebody to work", func() bool {
			states, ok := s.slices(t, job)
			if !ok {
				return false
			}
			if over = done(states); over {
				return true
			}
			// Whoever has written nothing yet may give its lease back without having begun.
			busy = s.Busiest(begun(states), s.Nodes)
			return busy != nil && busy.Running()
		})
		if over {
			return
		}
		s.end(t, busy)
	}
}

// slices are those of a job, if anybody says.
func (s *storm) slices(t *testing.T, job string) ([]client.SliceState, bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	out, _, err := s.Client.Slices(ctx, job, client.Blocking{})
	return out, err == nil && len(out) > 0
}

// begun are the slices of which something is written.
func begun(states []client.SliceState) []client.SliceState {
	return slices.DeleteFunc(slices.Clone(states), func(sl client.SliceState) bool { return sl.Progress.Written == 0 })
}

func done(slices []client.SliceState) bool {
	for _, sl := range slices {
		if sl.Kind == "fill" && sl.Status != "done" {
			return false
		}
	}
	return true
}

// finish waits for the end of a job, which has to be the good one.
func (s *storm) finish(t *testing.T, job string) {
	t.Helper()
	s.until(t, limit, job+" to end", func() bool { return s.succeeded(t, job) })
}

func (s *storm) succeeded(t *testing.T, job string) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	j, _, err := s.Client.Job(ctx, job, client.Blocking{})
	if err != nil {
		return false
	}
	if j.FinishedAt != nil && j.State != "succeeded" {
		t.Fatalf("%s is %s: %s", job, j.State, j.Why)
	}
	return j.State == "succeeded"
}
