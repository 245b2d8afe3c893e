package clustertest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"backstitch/cluster"
	"backstitch/cluster/conductor"
	"backstitch/cluster/discover"
	"backstitch/fsm"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
)

// Ports are the same on every host.
const (
	RPCPort    = 7421
	GossipPort = 7422
)

// Cluster is a number of nodes, each on its own host. Use it from one goroutine.
type Cluster struct {
	t   testing.TB
	Net *Network
	all []*Member
	// Configure, if set, changes the configuration of each node before it is made.
	Configure func(i int, c *cluster.Config)
	// Receivers, if set, are who the endpoints of datasets are, and whom steps of flows call.
	Receivers http.RoundTripper
	// Planner, if set, makes the plans of recovery steps.
	Planner conductor.Planner
	// Discover is what nodes look up entries of retry join with that are no addresses.
	Discover discover.Deps
	// Tracer, if set, makes spans of proposals.
	Tracer trace.Tracer
	expect int
}

// Member is one host with its disk, and the node on it while it runs.
type Member struct {
	c    *Cluster
	i    int
	Name string
	Host string
	FS   *vfs.MemFS
	Node *cluster.Node // nil before the first Start
	Log  *Log
	// Wrap, if set, puts faults between the node and its disk.
	Wrap func(vfs.FS) vfs.FS
	// Clock, if set, is what the node takes for time.Now.
	Clock func() time.Time
	// DiskUsage, if set, is how full the node finds its disk. A disk in memory can not tell.
	DiskUsage func() (vfs.DiskUsage, error)

	cancel  context.CancelFunc
	done    chan struct{}
	err     error
	expects bool // an error of Run is what the test wants
}

// New makes hosts for n voters that form a cluster together. It starts none.
func New(t testing.TB, n int) *Cluster {
	t.Helper()
	c := &Cluster{t: t, Net: NewNetwork(), expect: n}
	for range n {
		c.Add()
	}
	t.Cleanup(c.StopAll)
	return c
}

// Add makes one more host. Its node joins when it is started.
func (c *Cluster) Add() *Member {
	i := len(c.all)
	m := &Member{
		c: c, i: i, Name: fmt.Sprintf("node-%c", 'a'+i), Host: fmt.Sprintf("127.0.0.%d", i+1), FS: vfs.NewCrashableMem(), Log: &Log{},
	}
	c.all = append(c.all, m)
	return m
}

// Members are all hosts in the order in which they were made.
func (c *Cluster) Members() []*Member { return c.all }

// Member is the i-th host.
func (c *Cluster) Member(i int) *Member { return c.all[i] }

// Hosts are the IPs of all hosts.
func (c *Cluster) Hosts() []string {
	var out []string
	for _, m := range c.all {
		out = append(out, m.Host)
	}
	return out
}

// StartAll starts every node and waits until all serve.
func (c *Cluster) StartAll() {
	c.t.Helper()
	for _, m := range c.all {
		m.Start()
	}
	c.WaitServing(c.all...)
}

// StopAll stops what runs.
func (c *Cluster) StopAll() {
	c.Net.Heal()
	for _, m := range c.all {
		m.Stop()
	}
	// memberlist does not wait for its last probe and exchange when it is shut down; inside a bubble they must end, too.
	<-time.After(stragglers)
}

const stragglers = 5 * time.Second

// config is the production one on this host's addresses.
func (m *Member) config() cluster.Config {
	conf := cluster.DefaultConfig()
	conf.Name, conf.DataDir = m.Name, "/data"
	conf.BindAddr, conf.GossipBindAddr = fmt.Sprintf("%s:%d", m.Host, RPCPort), fmt.Sprintf("%s:%d", m.Host, GossipPort)
	conf.APIAddr = m.Host + ":7420"
	conf.BootstrapExpect = m.c.expect
	if m.i >= m.c.expect {
		conf.BootstrapExpect = 0
	}
	for _, o := range m.c.all {
		if o != m && len(conf.RetryJoin) < 2 && conf.BootstrapExpect != 1 {
			conf.RetryJoin = append(conf.RetryJoin, fmt.Sprintf("%s:%d", o.Host, GossipPort))
		}
	}
	if m.c.Configure != nil {
		m.c.Configure(m.i, &conf)
	}
	return conf
}

// Start makes a node on the host's disk and runs it. It does not wait.
func (m *Member) Start() *Member {
	m.c.t.Helper()
	if m.Running() {
		m.c.t.Fatalf("%s runs already", m.Name)
	}
	m.c.Net.Up(m.Host)
	conf := m.config()
	transport, err := m.c.Net.Gossip(m.Host, GossipPort)
	if err != nil {
		m.c.t.Fatal(err)
	}
	var disk vfs.FS = m.FS
	if m.Wrap != nil {
		disk = m.Wrap(disk)
	}
	clock := time.Now
	if m.Clock != nil {
		clock = m.Clock
	}
	node, err := cluster.New(conf, cluster.Deps{
		Logger: slog.New(slog.NewTextHandler(m.Log, &slog.HandlerOptions{Level: slog.LevelInfo})).With("host", m.Host),
		Clock:  clock, FS: disk, DiskUsage: m.DiskUsage, Network: m.c.Net.Host(m.Host), Gossip: transport, Registerer: prometheus.NewRegistry(),
		Discover: m.c.Discover, Receivers: m.c.Receivers, Planner: m.c.Planner, Tracer: m.c.Tracer,
	})
	if err != nil {
		_ = transport.Shutdown()
		m.c.t.Fatalf("make %s: %v", m.Name, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	m.Node, m.cancel, m.done, m.err, m.expects = node, cancel, done, nil, false
	go func() {
		defer close(done)
		err := node.Run(ctx)
		_ = transport.Shutdown() // Run does it too, unless it ended before gossip began
		m.err = err
	}()
	return m
}

// Done is closed when Run has returned.
func (m *Member) Done() <-chan struct{} { return m.done }

// Running reports whether Run has not returned.
func (m *Member) Running() bool {
	if m.done == nil {
		return false
	}
	select {
	case <-m.done:
		return false
	default:
		return true
	}
}

// Stop ends the node as SIGTERM does, and waits.
func (m *Member) Stop() {
	m.c.t.Helper()
	if m.done == nil {
		return
	}
	m.cancel()
	<-m.done
	if m.err != nil && !m.expects {
		m.c.t.Errorf("%s: Run: %v", m.Name, m.err)
		m.expects = true
	}
}

// Kill ends the node as SIGKILL and a power cut do: connections end at once, and only what was synced is on the disk after.
func (m *Member) Kill() { m.CutPower(vfs.CrashCloneCfg{}) }

// CutPower is Kill with a say in what of the unsynced is on the disk after: a share of it is how a power cut tears writes.
func (m *Member) CutPower(torn vfs.CrashCloneCfg) {
	m.c.t.Helper()
	m.c.Net.Down(m.Host)
	crashed := m.FS.CrashClone(torn)
	m.expects = true
	m.cancel()
	<-m.done
	m.FS = crashed
}

// ExpectEnd says that the node may end with an error until the next Start.
func (m *Member) ExpectEnd() { m.expects = true }

// WaitEnd waits until Run has returned by itself, and returns its error.
func (m *Member) WaitEnd() error {
	m.c.t.Helper()
	m.expects = true
	m.c.Eventually(m.Name+" ends", func() bool { return !m.Running() })
	return m.err
}

// Move gives the host another IP, as a pod gets that comes back elsewhere. The node must not run.
func (m *Member) Move(ip string) {
	if m.Running() {
		m.c.t.Fatalf("%s runs", m.Name)
	}
	m.c.Net.Down(m.Host)
	m.Host = ip
}

// Leader is the member that leads by its own word and a majority's; nil if there is none now.
func (c *Cluster) Leader() *Member {
	for _, m := range c.all {
		if !m.Running() {
			continue
		}
		s := m.Node.Health()
		if !cluster.OK(s.Ready) {
			continue
		}
		if leads := m.Node.Leader(); leads != "" && leads == m.Node.ID() {
			return m
		}
	}
	return nil
}

// WaitLeader waits for a leader among those not in except.
func (c *Cluster) WaitLeader(except ...*Member) *Member {
	c.t.Helper()
	var leads *Member
	c.Eventually("a leader", func() bool {
		leads = c.Leader()
		for _, m := range except {
			if leads == m {
				return false
			}
		}
		return leads != nil
	})
	return leads
}

// WaitServing waits until each of the nodes is a member and knows a leader.
func (c *Cluster) WaitServing(members ...*Member) {
	c.t.Helper()
	for _, m := range members {
		c.Eventually(m.Name+" serves", func() bool {
			if !m.Running() {
				c.t.Fatalf("%s ended: %v", m.Name, m.err)
			}
			return cluster.OK(m.Node.Health().Ready)
		})
	}
}

// WaitVoters waits until the leader counts that many healthy voters.
func (c *Cluster) WaitVoters(want int) {
	c.t.Helper()
	c.Eventually(fmt.Sprintf("%d healthy voters", want), func() bool {
		l := c.Leader()
		if l == nil {
			return false
		}
		healthy := 0
		for _, p := range l.Node.Status(context.Background()).Peers {
			if p.Voter && p.Healthy {
				healthy++
			}
		}
		return healthy == want
	})
}

// WaitSame waits until all running nodes have applied the same book, and compares digests.
func (c *Cluster) WaitSame() {
	c.t.Helper()
	c.Eventually("the same book everywhere", func() bool {
		var first fsm.SnapshotInfo
		for _, m := range c.all {
			if !m.Running() {
				continue
			}
			v, err := m.Node.View()
			if err != nil {
				return false
			}
			at := fsm.SnapshotInfo{Index: v.Applied(), Digest: v.Digest()}
			_ = v.Close()
			if first.Index == 0 {
				first = at
			}
			if at.Index != first.Index || at.Digest != first.Digest {
				return false
			}
		}
		return true
	})
}

// patience bounds every wait, in the time of the test's clock.
const patience = 2 * time.Minute

// Eventually polls cond until it holds.
func (c *Cluster) Eventually(what string, cond func() bool) {
	c.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline.C:
			c.dump()
			c.t.Fatalf("waited %s in vain for: %s", patience, what)
		}
	}
}

// dump shows the newest log lines of each node.
func (c *Cluster) dump() {
	for _, m := range c.all {
		c.t.Logf("--- %s running=%t err=%v\n%s", m.Name, m.Running(), m.err, m.Log.Tail(40))
	}
}

// Log keeps a node's log lines.
type Log struct {
	// Also, if set, gets every line at once: what is kept here is gone when the test panics.
	Also io.Writer

	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Also != nil {
		if n, err := l.Also.Write(p); err != nil {
			return n, err
		}
	}
	return l.buf.Write(p)
}

// String is everything so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Tail is the last n lines.
func (l *Log) Tail(n int) string {
	lines := bytes.Split([]byte(l.String()), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-n):], []byte("\n")))
}
