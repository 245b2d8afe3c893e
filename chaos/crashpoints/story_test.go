//go:build crashpoints && linux

package crashpoints

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"backstitch/chaos/report"
	"backstitch/chaos/testbed"
	"backstitch/chaos/traffic"
	"backstitch/cluster/client"
	"backstitch/storage/failpoint"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	partitions = 6
	records    = 36_000
	recordSize = 1000
	pace       = 6 << 20 // bytes per second that the broker takes in while a node is asked to end in the middle of its work
	limit      = 90 * time.Second
)

// TestEveryPoint dies at every point of the table.
func TestEveryPoint(t *testing.T) {
	dir := t.ArtifactDir()
	build(t, dir)
	began := time.Now()
	sandbox := testbed.StartSandbox(t, dir)
	s := newStorm(t, dir, sandbox.Broker, sandbox.Endpoint)
	connections := []string{"--kafka", testbed.KafkaConnection, "--s3", testbed.S3Connection, "-q"}

	// What was there, and an archive of it.
	events := testbed.Topic{Broker: sandbox.Broker, Name: "events", Partitions: partitions}
	events.Create(t)
	truth := traffic.Truth{}
	events.Produce(t, traffic.Noise(1, records, partitions, recordSize), func(_ int64, e traffic.Event) bool {
		truth[e.ID()]++
		return true
	})
	s.run(t, limit, []failpoint.Point{failpoint.ArchiveBeforePut, failpoint.ArchiveAfterPut},
		append([]string{"archive", "events", "s3://" + sandbox.Bucket + "/archive"}, connections...)...)
	events.Drop(t)

	// A fleet is made and refills a topic.
	s.until(t, limit, "a leader", func() bool { return s.leads(t) != nil })
	back := testbed.Topic{Broker: sandbox.Broker, Name: "back", Partitions: partitions}
	back.Create(t)
	plan := s.spec(t, "back", sandbox.Bucket, "    kafka:\n      connection: "+testbed.KafkaConnection+"\n      topic: back\n", []failpoint.Point{failpoint.PlanWritten})
	sandbox.Pace(t, pace)
	s.run(t, limit, nil, "run", plan, "--detach", "--yes", "-q")
	s.handOver(t, "back")
	sandbox.Pace(t, 0)
	s.finish(t, "back")
	if lost, surplus := truth.Difference(s.read(t, back)); lost != 0 || surplus != 0 {
		t.Errorf("the topic has lost %d records and has %d too many, want 0 and 0", lost, surplus)
	}

	// The same into a directory.
	target := filepath.Join(dir, "target")
	if err := os.Mkdir(target, 0o755); err != nil {
		t.Fatal(err)
	}
	plan = s.spec(t, "kept", sandbox.Bucket, "    dir:\n      path: "+target+"\n      topic: kept\n", nil)
	s.run(t, limit, nil, "run", plan, "--detach", "--yes", "-q")
	s.finish(t, "kept")

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
			leader.Terminate(10 * time.Second)
		}
		s.until(t, limit, "a leader", func() bool { return s.leads(t) != nil })
	}

	// Quiet: all serve, and the jobs are as they were.
	s.armed = false
	for _, n := range s.Nodes {
		n.Terminate(10 * time.Second)
		if n.Running() {
			t.Errorf("%s did not end", n.Name)
		}
		s.start(t, n)
		s.Ready(t, n)
	}
	for _, job := range []string{"back", "kept"} {
		s.finish(t, job)
	}
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

// spec writes a job that refills target from the archive, plans it, and returns the plan's file.
func (s *storm) spec(t *testing.T, name, bucket, target string, own []failpoint.Point) string {
	t.Helper()
	file, plan := filepath.Join(s.dir, name+".yaml"), filepath.Join(s.dir, name+".plan")
	text := fmt.Sprintf("apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata:\n  name: %s\nspec:\n  source:\n    s3:\n      connection: %s\n"+
		"      bucket: %s\n      prefix: archive\n      topic: events\n  target:\n%s  slices:\n    records: 3000\n", name, testbed.S3Connection, bucket, target)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s.run(t, limit, own, "plan", "-f", file, "--out", plan, "-q")
	return plan
}

// handOver asks nodes to end in the middle of a job until somebody has died at each point of that.
func (s *storm) handOver(t *testing.T, job string) {
	t.Helper()
	for round := 0; round < 12; round++ {
		if !s.todo[failpoint.EngineDrained] && !s.todo[failpoint.WorkerBeforeRelease] && !s.todo[failpoint.AgentStopped] {
			return
		}
		var busy *testbed.Node
		over := false
		s.until(t, limit, "somebody to work", func() bool {
			slices, ok := s.slices(t, job)
			if !ok {
				return false
			}
			if over = done(slices); over {
				return true
			}
			busy = s.Busiest(slices, s.Nodes)
			return busy != nil && busy.Running()
		})
		if over {
			return
		}
		busy.Terminate(10 * time.Second)
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
	s.until(t, limit, job+" to end", func() bool {
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
	})
}

// read counts what readers of committed data see.
func (s *storm) read(t *testing.T, topic testbed.Topic) traffic.Truth {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(topic.Broker), kgo.ConsumeTopics(topic.Name), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListCommittedOffsets(t.Context(), topic.Name)
	if err != nil {
		t.Fatal(err)
	}
	left := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition] = o.Offset
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	seen := traffic.Truth{}
	for len(left) > 0 {
		got := cl.PollFetches(ctx)
		if err := got.Err(); err != nil {
			t.Fatalf("read %s: %v; left %v", topic.Name, err, left)
		}
		got.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				e := traffic.Event{Partition: r.Partition, TimestampMs: r.Timestamp.UnixMilli(), Key: r.Key, Value: r.Value}
				seen[e.ID()]++
			}
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
	}
	return seen
}
