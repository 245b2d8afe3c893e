//go:build chaos

package upgrade

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"backstitch/chaos/testbed"
	"backstitch/chaos/traffic"
	"backstitch/cluster"
	"backstitch/cluster/client"
)

const (
	partitions = 6
	records    = 60_000
	recordSize = 1000
	pace       = 3 << 20 // bytes a second, so that the job outlives the upgrade
	patience   = time.Minute
)

// TestRollingUpgrade: drain, stop, start the newer program, uncordon, wait until all is healthy, next one.
func TestRollingUpgrade(t *testing.T) {
	dir := t.ArtifactDir()
	older, newest, err := Older("../..", dir)
	if err != nil {
		t.Fatal(err)
	}
	s := testbed.StartSite(t, dir, partitions, testbed.Seat{Path: older}, testbed.Seat{Path: older}, testbed.Seat{Path: older})
	truth := map[int32][]traffic.ID{}
	s.Archive(t, traffic.Noise(1, records, partitions, recordSize), func(e traffic.Event) {
		truth[e.Partition] = append(truth[e.Partition], e.ID())
	})
	level(t, s, newest-1)
	topic := s.Fill(t, testbed.Spec{Name: "upgraded", CommitRecords: 500, SliceRecords: 5000}, pace)
	testbed.Eventually(t, patience, "a beginning", func() bool { return s.Job(t, "upgraded").Progress.Written > 0 })
	for i, n := range s.Nodes {
		s.Must(t, "cluster", "drain", n.Name, "--reason", "upgrade", "--deadline", "30s")
		if status := n.Terminate(20 * time.Second); status != 0 {
			t.Fatalf("%s ended with %d", n.Name, status)
		}
		n.Seat.Path = ""
		s.Start(t, n)
		s.Ready(t, n)
		s.Must(t, "cluster", "uncordon", n.Name)
		s.Healthy(t)
		if i < len(s.Nodes)-1 {
			level(t, s, newest-1)
			unfinished(t, s, n, s.Nodes[i+1:])
		}
	}
	if job := s.Job(t, "upgraded"); job.State != "running" {
		t.Fatalf("vacuous: the job was %s before the upgrade was over", job.State)
	}
	testbed.Eventually(t, patience, "the newest version", func() bool {
		c, err := s.Client.Cluster(t.Context())
		return err == nil && c.Level == newest
	})
	for _, n := range s.Nodes {
		if u, err := s.Ask(t, n).Upgrade(t.Context()); err != nil || u.State != client.UpgradeDone {
			t.Errorf("%s after the upgrade: got %+v, %v, want it done", n.Name, u, err)
		}
	}
	s.Sandbox.Pace(t, 0)
	s.Must(t, "wait", "upgraded", "--timeout", "2m")
	s.Must(t, "verify", "upgraded", "-q")
	seen := topic.Committed(t)
	for p := range int32(partitions) {
		if d := traffic.Difference(seen[p], truth[p]); d != "" {
			t.Errorf("partition %d: %s", p, d)
		}
	}
	s.Must(t, "audit", "verify")
	wayBack(t, s, older)
}

// level fails unless every node says that the cluster has that version.
func level(t *testing.T, s testbed.Site, want uint32) {
	t.Helper()
	for _, n := range s.Nodes {
		testbed.Eventually(t, patience, n.Name+" to know the version", func() bool {
			c, err := s.Ask(t, n).Cluster(t.Context())
			if err == nil && c.Level > want {
				t.Fatalf("%s: the cluster has version %d, want %d: somebody runs the older program", n.Name, c.Level, want)
			}
			return err == nil && c.Level == want
		})
	}
}

// unfinished fails unless a node with the newer program names those that are left, and refuses to finish without them.
func unfinished(t *testing.T, s testbed.Site, n *testbed.Node, left []*testbed.Node) {
	t.Helper()
	c := s.Ask(t, n)
	u, err := c.Upgrade(t.Context())
	if err != nil || u.State != client.UpgradeRolling || len(u.Behind) != len(left) {
		t.Errorf("%s with %d nodes to go: got %+v, %v", n.Name, len(left), u, err)
	}
	_, err = c.FinishUpgrade(t.Context(), client.FinishUpgrade{})
	var refused *client.Error
	if !errors.As(err, &refused) || refused.Code != client.CodeNeedsVersion {
		t.Fatalf("finish with %d nodes to go: got %v, want %s", len(left), err, client.CodeNeedsVersion)
	}
	for _, old := range left {
		if !strings.Contains(refused.Error(), old.Name) {
			t.Errorf("finish with %d nodes to go: %v does not name %s", len(left), refused, old.Name)
		}
	}
}

// wayBack starts the older program on data of the newest version: it refuses, and the newer one goes on as if it had not been there.
func wayBack(t *testing.T, s testbed.Site, older string) {
	t.Helper()
	n := s.Nodes[0]
	if status := n.Terminate(20 * time.Second); status != 0 {
		t.Fatalf("%s ended with %d", n.Name, status)
	}
	n.Seat.Path = older
	s.Start(t, n)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if status, err := n.Wait(ctx); err != nil || status != cluster.ExitNewer {
		t.Fatalf("the older program ended with %d, %v, want %d", status, err, cluster.ExitNewer)
	}
	n.Seat.Path = ""
	s.Start(t, n)
	s.Ready(t, n)
	s.Healthy(t)
	if out := s.Must(t, "audit", "verify"); !strings.Contains(out.Stdout, "One chain") {
		t.Errorf("the books differ: %s", out.Stdout)
	}
}
