package testbed

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"backstitch/chaos/process"
	"backstitch/cluster/client"
)

// Names of the connections that every fleet has.
const (
	KafkaConnection = "kafka"
	S3Connection    = "s3"
)

const (
	limitOfStart = time.Minute      // how long an agent may take until it serves
	patience     = 15 * time.Second // how long a client goes round the nodes: longer than an election
)

// Fleet is a cluster of agents, each a process with a directory and ports of its own.
type Fleet struct {
	Nodes  []*Node
	Client *client.Client // asks any node

	dir         string
	connections string // file
}

// Node is one agent.
type Node struct {
	Name string
	API  string // host:port
	*process.Process

	config string
	client *client.Client // asks this node only
}

// StartFleet starts n agents under dir with default settings, which know broker and S3 by name, and waits until each is ready.
func StartFleet(t testing.TB, dir string, n int, broker, endpoint string) *Fleet {
	t.Helper()
	f := &Fleet{dir: dir, connections: filepath.Join(dir, "connections.yaml")}
	connections := fmt.Sprintf(`connections:
  %s:
    kafka:
      brokers: [%q]
  %s:
    s3:
      endpoint: %q
      region: %s
      accessKey: "env:AWS_ACCESS_KEY_ID"
      secretKey: "env:AWS_SECRET_ACCESS_KEY"
`, KafkaConnection, broker, S3Connection, endpoint, region)
	write(t, f.connections, connections)
	first := FreePorts(t, 3*n)
	var join, apis []string
	for i := range n {
		if n > 1 { // a cluster of one has nobody to join
			join = append(join, fmt.Sprintf("%q", fmt.Sprintf("127.0.0.1:%d", first+3*i+2)))
		}
		apis = append(apis, fmt.Sprintf("127.0.0.1:%d", first+3*i))
	}
	for i := range n {
		node := &Node{Name: fmt.Sprintf("node-%c", 'a'+i), API: apis[i]}
		node.client = newClient(t, time.Second, node.API)
		node.config = filepath.Join(dir, node.Name+".yaml")
		write(t, node.config, fmt.Sprintf(`node:
  name: %s
dataDir: %q
listen:
  api: %q
  rpc: "127.0.0.1:%d"
  gossip: "127.0.0.1:%d"
cluster:
  bootstrapExpect: %d
  retryJoin: [%s]
%s`, node.Name, filepath.Join(dir, node.Name), node.API, first+3*i+1, first+3*i+2, n, strings.Join(join, ", "), connections))
		f.Nodes = append(f.Nodes, node)
	}
	f.Client = newClient(t, patience, apis...)
	for _, node := range f.Nodes {
		f.Start(t, node)
	}
	for _, node := range f.Nodes {
		f.Ready(t, node)
	}
	return f
}

func newClient(t testing.TB, retry time.Duration, addresses ...string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{Addresses: addresses, Retry: retry, Actor: "testbed"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Start starts a node, for the first time or again on the same data.
func (f *Fleet) Start(t testing.TB, n *Node) {
	t.Helper()
	n.Process = Start(t, process.Spec{
		Name: n.Name, Path: Program(t), Args: []string{"agent", "--config", n.config}, Env: Keys(), Log: filepath.Join(f.dir, n.Name+".log"),
	})
}

// Ready waits until a node serves and has in its book what the leader has now: reads are local, and one that has just been
// started answers with what it knew when it died.
func (f *Fleet) Ready(t testing.TB, n *Node) {
	t.Helper()
	why := ""
	deadline := time.Now().Add(limitOfStart)
	Eventually(t, limitOfStart+time.Second, n.Name+" to be ready", func() bool {
		if !n.Running() {
			t.Fatalf("%s ended by itself", n.Name)
		}
		health, err := n.client.Health(t.Context(), "ready")
		if err == nil && health.OK {
			return f.upToDate(t, n)
		}
		for _, check := range health.Checks {
			if !check.OK {
				why = check.Name + ": " + check.Reason
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not ready: %v %s", n.Name, err, why)
		}
		return false
	})
}

func (f *Fleet) upToDate(t testing.TB, n *Node) bool {
	t.Helper()
	mine, err := n.client.Cluster(t.Context())
	if err != nil || mine.Leader == nil {
		return false
	}
	leader := f.Node(mine.Leader.Name)
	if leader == nil {
		return false
	}
	theirs, err := leader.client.Cluster(t.Context())
	return err == nil && mine.AppliedIndex >= theirs.CommitIndex
}

// Ask makes a client of some nodes only: one that asks a frozen node waits as long as the node is frozen.
func (f *Fleet) Ask(t testing.TB, nodes ...*Node) *client.Client {
	t.Helper()
	var apis []string
	for _, n := range nodes {
		apis = append(apis, n.API)
	}
	return newClient(t, patience, apis...)
}

// Node finds a node by name, nil when there is none.
func (f *Fleet) Node(name string) *Node {
	if i := slices.IndexFunc(f.Nodes, func(n *Node) bool { return n.Name == name }); i >= 0 {
		return f.Nodes[i]
	}
	return nil
}

// Others are all nodes but one.
func (f *Fleet) Others(n *Node) []*Node {
	return slices.DeleteFunc(slices.Clone(f.Nodes), func(o *Node) bool { return o == n })
}

// Leader is the node that leads, nil when none is known to.
func (f *Fleet) Leader(t testing.TB) *Node {
	t.Helper()
	c, err := f.Client.Cluster(t.Context())
	if err != nil || c.Leader == nil {
		return nil
	}
	return f.Node(c.Leader.Name)
}

// Slices lists the slices of a job.
func (f *Fleet) Slices(t testing.TB, job string) []client.SliceState {
	t.Helper()
	slices, _, err := f.Client.Slices(t.Context(), job, client.Blocking{})
	if err != nil {
		t.Fatalf("slices of %s: %v", job, err)
	}
	return slices
}

// Job reads a job.
func (f *Fleet) Job(t testing.TB, id string) client.Job {
	t.Helper()
	job, _, err := f.Client.Job(t.Context(), id, client.Blocking{})
	if err != nil {
		t.Fatalf("job %s: %v", id, err)
	}
	return job
}

// Owned counts the fill slices that each node works on.
func Owned(slices []client.SliceState) map[string]int {
	out := map[string]int{}
	for _, s := range slices {
		if s.Status == "leased" && s.Kind == "fill" {
			out[s.OwnerName]++
		}
	}
	return out
}

// Busiest is the node of among that owns the most fill slices, nil when none owns any.
func (f *Fleet) Busiest(slices []client.SliceState, among []*Node) *Node {
	owned := Owned(slices)
	var out *Node
	for _, n := range among {
		if owned[n.Name] > 0 && (out == nil || owned[n.Name] > owned[out.Name]) {
			out = n
		}
	}
	return out
}
