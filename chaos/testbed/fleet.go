package testbed

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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

// patience is how long a client goes round the nodes: longer than an election.
const patience = 15 * time.Second

// Fleet is a cluster of agents, each a process with a directory and ports of its own.
type Fleet struct {
	Nodes  []*Node
	Client *client.Client // asks any node

	layout      Layout
	connections string // file
	founders    int    // nodes that make the cluster together
	named       int    // names that were given out
}

// Layout says where a fleet's agents run and what they know.
type Layout struct {
	Dir      string // gets configurations, logs, and the data of nodes whose seat names no other place
	Seats    []Seat
	Broker   string // host:port
	Endpoint string // URL of the S3
	Access   Access // needed when a seat is not on loopback
}

// Seat is where one agent runs and how it is started. Its zero value is a process of this machine on loopback.
type Seat struct {
	Host   string                                       // IP of its doors, with the usual ports; "" takes free ports on loopback
	Behind string                                       // IP that it listens on for its peers, when a relay does at Host; "" is Host
	Start  func(process.Spec) (*process.Process, error) // nil is process.Start
	Wrap   func(process.Spec) process.Spec              // changes what is started, e.g. to a wrapper; nil leaves it
	Data   string                                       // directory of its data; "" is one under the layout's
	Path   string                                       // program; "" is Program
	Env    []string                                     // added to the keys of the S3
}

// Access has the certificates of a fleet. The zero value stands for plain HTTP on loopback.
type Access struct {
	Dir  string      // of the CA, and of NAME.pem and NAME.key for each node
	User string      // name of the certificate that commands and clients use
	TLS  *tls.Config // of clients
}

// Node is one agent.
type Node struct {
	Name string
	API  string // host:port
	Seat Seat   // read when the node is started: a change is felt by the next start
	*process.Process

	rpc, gossip string
	joins       bool // a cluster that is there, and makes none
	config      string
	client      *client.Client // asks this node only
}

// DataDir is where the node keeps its data.
func (f *Fleet) DataDir(n *Node) string {
	return cmp.Or(n.Seat.Data, filepath.Join(f.layout.Dir, n.Name))
}

// StartFleet starts n agents under dir with default settings, which know broker and S3 by name, and waits until each is ready.
func StartFleet(t testing.TB, dir string, n int, broker, endpoint string) *Fleet {
	t.Helper()
	f := NewFleet(t, Layout{Dir: dir, Seats: make([]Seat, n), Broker: broker, Endpoint: endpoint})
	f.StartAll(t)
	return f
}

// NewFleet gives agents their names, addresses and configurations, and starts none.
func NewFleet(t testing.TB, l Layout) *Fleet {
	t.Helper()
	f := &Fleet{layout: l, connections: filepath.Join(l.Dir, "connections.yaml"), founders: len(l.Seats), named: len(l.Seats)}
	write(t, f.connections, f.connectionsText())
	first := 0
	if slices.ContainsFunc(l.Seats, func(s Seat) bool { return s.Host == "" }) {
		first = FreePorts(t, 3*len(l.Seats))
	}
	for i, seat := range l.Seats {
		n := &Node{Name: nodeName(i), Seat: seat}
		n.config = filepath.Join(l.Dir, n.Name+".yaml")
		f.Nodes = append(f.Nodes, n)
		f.place(t, n, first+3*i)
	}
	f.reach(t)
	return f
}

// The usual ports of an agent.
const (
	apiPort = 7420 + iota
	RaftPort
	GossipPort
)

// place gives a node its addresses: the usual ports of its own host, or three on loopback.
func (f *Fleet) place(t testing.TB, n *Node, port int) {
	t.Helper()
	host := n.Seat.Host
	if host == "" {
		host = "127.0.0.1"
	} else {
		port = apiPort
	}
	n.API, n.rpc, n.gossip = fmt.Sprintf("%s:%d", host, port), fmt.Sprintf("%s:%d", host, port+1), fmt.Sprintf("%s:%d", host, port+2)
	n.client = f.newClient(t, time.Second, n.API)
}

func (f *Fleet) reach(t testing.TB) {
	t.Helper()
	var apis []string
	for _, n := range f.Nodes {
		apis = append(apis, n.API)
	}
	f.Client = f.newClient(t, patience, apis...)
}

// Move gives a node that is stopped the addresses of another host, which its next start and that of the others will know.
func (f *Fleet) Move(t testing.TB, n *Node, host string) {
	t.Helper()
	n.Seat.Host = host
	f.place(t, n, 0)
	f.reach(t)
}

func (f *Fleet) connectionsText() string {
	return fmt.Sprintf(`connections:
  %s:
    kafka:
      brokers: [%q]
  %s:
    s3:
      endpoint: %q
      region: %s
      accessKey: "env:AWS_ACCESS_KEY_ID"
      secretKey: "env:AWS_SECRET_ACCESS_KEY"
`, KafkaConnection, f.layout.Broker, S3Connection, f.layout.Endpoint, region)
}

// configure writes what a node is started with.
func (f *Fleet) configure(t testing.TB, n *Node) {
	t.Helper()
	var join []string
	if len(f.Nodes) > 1 { // a cluster of one has nobody to join
		for _, o := range f.Nodes {
			join = append(join, strconv.Quote(o.gossip))
		}
	}
	expect := f.founders
	if n.joins {
		expect = 0
	}
	access := ""
	if dir := f.layout.Access.Dir; dir != "" {
		access = fmt.Sprintf("access:\n  required: true\ntls:\n  ca: %q\n  cert: %q\n  key: %q\ngossip:\n  keyFile: %q\n", filepath.Join(dir, "ca.pem"),
			filepath.Join(dir, n.Name+".pem"), filepath.Join(dir, n.Name+".key"), filepath.Join(dir, "gossip.key"))
	}
	rpc, gossip, advertise := n.rpc, n.gossip, ""
	if ip := n.Seat.Behind; ip != "" {
		advertise = fmt.Sprintf("advertise:\n  rpc: %q\n  gossip: %q\n", n.rpc, n.gossip)
		rpc, gossip = fmt.Sprintf("%s:%d", ip, RaftPort), fmt.Sprintf("%s:%d", ip, GossipPort)
	}
	write(t, n.config, fmt.Sprintf(`node:
  name: %s
dataDir: %q
listen:
  api: %q
  rpc: %q
  gossip: %q
cluster:
  bootstrapExpect: %d
  retryJoin: [%s]
disk: {soft: 100, hard: 100} # of the machine that the suite happens to run on
%s%s%s`, n.Name, f.DataDir(n), n.API, rpc, gossip, expect, strings.Join(join, ", "), advertise, access, f.connectionsText()))
}

// StartAll starts every node and waits until each is ready.
func (f *Fleet) StartAll(t testing.TB) {
	t.Helper()
	for _, node := range f.Nodes {
		f.Start(t, node)
	}
	f.admit(t)
	for _, node := range f.Nodes {
		f.Ready(t, node)
	}
}

func (f *Fleet) newClient(t testing.TB, retry time.Duration, addresses ...string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{Addresses: addresses, TLS: f.layout.Access.TLS, Retry: retry, Actor: "testbed"})
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
	f.configure(t, n)
	path := n.Seat.Path
	if path == "" {
		path = Program(t)
	}
	spec := process.Spec{
		Name: n.Name, Path: path, Args: []string{"agent", "--config", n.config}, Env: append(Keys(), n.Seat.Env...), Log: filepath.Join(f.layout.Dir, n.Name+".log"),
	}
	if n.Seat.Wrap != nil {
		spec = n.Seat.Wrap(spec)
	}
	n.Process = StartIn(t, n.Seat.Start, spec)
}

// Ask makes a client of some nodes only: one that asks a frozen node waits as long as the node is frozen.
func (f *Fleet) Ask(t testing.TB, nodes ...*Node) *client.Client {
	t.Helper()
	var apis []string
	for _, n := range nodes {
		apis = append(apis, n.API)
	}
	return f.newClient(t, patience, apis...)
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

// RPC is where the node listens for its peers, host:port.
func (n *Node) RPC() string { return n.rpc }

// Gossip is where the node listens for gossip, host:port, over TCP and UDP.
func (n *Node) Gossip() string { return n.gossip }

// Client asks this node only, and answers from its book.
func (n *Node) Client() *client.Client { return n.client }

// Cluster is what one node says about the cluster.
func (f *Fleet) Cluster(t testing.TB, n *Node) (client.Cluster, error) {
	t.Helper()
	return n.client.Cluster(t.Context())
}
