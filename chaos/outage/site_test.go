//go:build chaos && linux

package outage

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"backstitch/chaos/disk"
	"backstitch/chaos/limits"
	"backstitch/chaos/testbed"
	"backstitch/chaos/traffic"
	"backstitch/cluster"
	"backstitch/cluster/client"

	"github.com/google/go-cmp/cmp"
)

var seedFlag = flag.Uint64("outage.seed", 0, "hit the same bytes as the run that printed it; 0 takes a new one")

// What a job is: all of a topic is filled from its archive, in small commits, so that there is always one under way.
const (
	partitions = 6
	records    = 30_000
	recordSize = 1000
	pace       = 3 << 20 // bytes per second until the fault has hit
	patience   = time.Minute
	diskBytes  = 160 << 20
)

// site is three agents, each on a disk of its own, and a sandbox on the machine's.
type site struct {
	testbed.Site
	parent *testing.T // what is started again has to outlive the subtest that does it
	disks  map[string]*disk.Disk
	truth  map[int32][]traffic.ID
	random *rand.Rand
	jobs   []string
}

func newSite(t *testing.T) *site {
	t.Helper()
	if err := disk.Check(); err != nil {
		t.Skipf("NOT TESTED: %v", err)
	}
	if _, err := disk.Sweep(); err != nil {
		t.Fatal(err)
	}
	if _, err := limits.Sweep(); err != nil {
		t.Fatal(err)
	}
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d; to hit the same bytes again: -outage.seed %d", seed, seed)
	dir := t.ArtifactDir()
	s := &site{parent: t, disks: map[string]*disk.Disk{}, truth: map[int32][]traffic.ID{}, random: rand.New(rand.NewPCG(seed, 0))}
	for _, name := range []string{"node-a", "node-b", "node-c"} {
		s.giveDisk(t, name, filepath.Join(dir, name))
	}
	s.Site = testbed.StartSite(t, dir, partitions, make([]testbed.Seat, 3)...)
	s.Archive(t, traffic.Noise(1, records, partitions, recordSize), func(e traffic.Event) {
		s.truth[e.Partition] = append(s.truth[e.Partition], e.ID())
	})
	return s
}

// giveDisk puts a link to a disk at path, where the fleet will look for the node's directory. The disk goes after the agents, whose
// cleanups are registered later.
func (s *site) giveDisk(t *testing.T, name, path string) {
	t.Helper()
	d, err := disk.New(disk.Spec{Name: name, Bytes: diskBytes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	home := filepath.Join(d.Dir(), "node")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(home, path); err != nil {
		t.Fatal(err)
	}
	s.disks[name] = d
}

func (s *site) disk(n *testbed.Node) *disk.Disk { return s.disks[n.Name] }

// home is a node's directory.
func (s *site) home(n *testbed.Node) string { return filepath.Join(s.Dir, n.Name) }

// job runs a job, calls hurt with a node that is in the middle of it, and judges the outcome.
func (s *site) job(t *testing.T, hurt func(owner *testbed.Node)) {
	t.Helper()
	name := fmt.Sprintf("job-%02d", len(s.jobs)+1)
	topic := s.Fill(t, testbed.Spec{Name: name, CommitRecords: 200, SliceRecords: 2500}, pace)
	s.jobs = append(s.jobs, name)
	hurt(s.owner(t, name))
	if job := s.Job(t, name); job.State != "running" {
		t.Fatalf("vacuous: the job was %s before the fault was over", job.State)
	}
	s.Sandbox.Pace(t, 0)
	s.Must(t, "wait", name, "--timeout", "1m")
	s.judge(t, name)
	topic.Drop(t)
}

// owner is the busiest node of a job that has written something and has much to do.
func (s *site) owner(t *testing.T, job string) *testbed.Node {
	t.Helper()
	var owner *testbed.Node
	testbed.Eventually(t, patience, "an owner in the middle of its work", func() bool {
		states := s.Slices(t, job)
		written := int64(0)
		for _, sl := range states {
			written += sl.Progress.Written
		}
		if written > records/2 {
			t.Fatalf("vacuous: %d of %d records are written before the fault", written, records)
		}
		owner = s.Busiest(states, s.Nodes)
		return owner != nil && written > 0
	})
	return owner
}

// judge is what has to be true after every fault.
func (s *site) judge(t *testing.T, job string) {
	t.Helper()
	seen := s.Topic(job).Committed(t)
	for p := range int32(partitions) {
		if d := traffic.Difference(seen[p], s.truth[p]); d != "" {
			t.Errorf("%s: partition %d: %s", job, p, d)
		}
	}
	s.Must(t, "verify", job, "-q")
	s.healthy(t)
	s.sameBooks(t)
}

// healthy waits until all three nodes serve and vote.
func (s *site) healthy(t *testing.T) {
	t.Helper()
	for _, n := range s.Nodes {
		s.ready(t, n)
	}
	s.Healthy(t)
}

// sameBooks compares what the nodes know: the digests of their books at the same index, and every job that was ever accepted.
func (s *site) sameBooks(t *testing.T) {
	t.Helper()
	testbed.Eventually(t, patience, "one digest at one index everywhere", func() bool {
		books := map[string]bool{}
		for _, n := range s.Nodes {
			c, err := s.Ask(t, n).Cluster(t.Context())
			if err != nil {
				return false
			}
			books[fmt.Sprintf("%s at %d", c.Digest, c.AppliedIndex)] = true
		}
		return len(books) == 1
	})
	var first map[string]string
	for _, n := range s.Nodes {
		book := s.book(t, n)
		for _, name := range s.jobs {
			if !strings.HasPrefix(book[name], "succeeded") {
				t.Errorf("%s: job %s: got %q, want that it succeeded", n.Name, name, book[name])
			}
		}
		if first == nil {
			first = book
		} else if diff := cmp.Diff(book, first); diff != "" {
			t.Errorf("%s and %s have different books (-got +want):\n%s", n.Name, s.Nodes[0].Name, diff)
		}
	}
}

func (s *site) book(t *testing.T, n *testbed.Node) map[string]string {
	t.Helper()
	ask := s.Ask(t, n)
	jobs, _, err := ask.Jobs(t.Context(), client.Blocking{})
	if err != nil {
		t.Fatalf("%s: %v", n.Name, err)
	}
	out := map[string]string{}
	for _, j := range jobs {
		states, _, err := ask.Slices(t.Context(), j.ID, client.Blocking{})
		if err != nil {
			t.Fatalf("%s: %v", n.Name, err)
		}
		out[j.Name] = fmt.Sprintf("%s at %d, wrote %d, slices %+v", j.State, j.ModifyIndex, j.Progress.Written, states)
	}
	return out
}

// up starts a node that is down.
func (s *site) up(t *testing.T, nodes ...*testbed.Node) {
	t.Helper()
	for _, n := range nodes {
		s.Start(s.parent, n)
	}
	for _, n := range nodes {
		s.ready(t, n)
	}
}

// ready waits until a node serves, which it does once its book is the leader's.
func (s *site) ready(t *testing.T, n *testbed.Node) {
	t.Helper()
	ask := s.Ask(t, n)
	var why string
	deadline := time.Now().Add(patience)
	testbed.Eventually(t, patience+20*time.Second, n.Name+" to be ready", func() bool {
		if !n.Running() {
			testbed.Tail(t, n.Name, n.Spec().Log)
			t.Fatalf("%s ended by itself", n.Name)
		}
		health, err := ask.Health(t.Context(), "ready")
		if err == nil && health.OK {
			return true
		}
		if why = fmt.Sprintf("%+v, %v", health, err); time.Now().After(deadline) {
			t.Fatalf("%s is not ready: %s", n.Name, why)
		}
		return false
	})
}

// mends starts a node whose disk was damaged. It may find the damage only while it runs: then it ends with the status that a supervisor
// answers by starting it once more, and that start has to do.
func (s *site) mends(t *testing.T, n *testbed.Node) {
	t.Helper()
	s.Start(s.parent, n)
	if !s.Serves(t, n) {
		s.ends(t, n, cluster.ExitLatched)
		s.up(t, n)
	}
}

// ends waits for a node to end by itself, with one of the statuses that are documented for what was done to it.
func (s *site) ends(t *testing.T, n *testbed.Node, documented ...int) {
	t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	status, err := n.Wait(ctx)
	if err != nil {
		t.Fatalf("%s goes on: %v", n.Name, err)
	}
	if !slices.Contains(documented, status) {
		testbed.Tail(t, n.Name, n.Spec().Log)
		t.Errorf("%s ended with status %d, want one of %d", n.Name, status, documented)
	}
	t.Logf("%s ended with status %d after %s", n.Name, status, time.Since(began).Round(time.Millisecond))
}

// says returns what a node has said since mark was taken.
func (s *site) says(t *testing.T, n *testbed.Node, mark int64) string {
	t.Helper()
	text, err := os.ReadFile(n.Spec().Log)
	if err != nil {
		t.Fatal(err)
	}
	return string(text[min(mark, int64(len(text))):])
}

func (s *site) mark(t *testing.T, n *testbed.Node) int64 {
	t.Helper()
	st, err := os.Stat(n.Spec().Log)
	if err != nil {
		t.Fatal(err)
	}
	return st.Size()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
