//go:build flood && linux

package flood

import (
	"crypto/tls"
	"flag"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"backstitch/chaos/blocks"
	"backstitch/chaos/process"
	"backstitch/chaos/testbed"
	"backstitch/chaos/traffic"
	"backstitch/cluster/access"
	"backstitch/cluster/admin/door"

	"github.com/zeebo/xxh3"
)

var (
	rounds  = flag.Int("rounds", 8, "blocks of each kind of flood")
	length  = flag.Duration("block", 5*time.Second, "how long a block is measured")
	records = flag.Int64("records", 3_000_000, "records of the archive")
	agents  = flag.Int("agents", 3, "nodes")
	perSec  = flag.Int("flood", 5000, "requests of garbage a second")
	idlers  = flag.Int("idle", 1000, "clients that have asked once and say nothing more")
	only    = flag.String("only", "", "floods the names of which have this in them, \"\" for all")
	judged  = flag.Bool("judge", true, "fail when a figure is beyond its bar")
)

const (
	// Slower is how much of its rate a job may lose, and Fatter how much more memory an agent may take.
	Slower = 0.05
	Fatter = 0.10

	// settled is when every sender has its connection to each door that keeps them: to make one secure is no part of a flood of requests, and one that is held
	// waits for two seconds.
	settled = 8 * time.Second

	partitions = 6
	size       = 1000
	senders    = 256
)

// flooded is the kind of a block in which garbage is sent to the agents, and idle clients are connected to them. Beside blocks.Nobody the same garbage
// is sent to a sink.
const flooded blocks.Kind = 'F'

type flooding struct {
	kind Kind
	what string
	addr func(*testbed.Node) string
}

var floods = []flooding{
	{HTTP, "HTTP requests to the API", api},
	{Noise, "connections with noise to the API", api},
	{Noise, "connections with noise to the nodes' door", (*testbed.Node).RPC},
	{Noise, "connections with noise to the gossip", (*testbed.Node).Gossip},
	{Datagram, "datagrams of noise to the gossip", (*testbed.Node).Gossip},
}

func api(n *testbed.Node) string { return n.API }

// bench is a broker, agents and an archive on one half of the cores; the test itself has the other one.
type bench struct {
	*testing.T
	*testbed.Fleet
	dir, broker string
	kafka       *process.Process
	from        net.IP
	cores       int         // that the servers have
	nobody      *tls.Config // of clients with a certificate that may do nothing
	sink        *tls.Config // of a server with a node's
}

// TestAFloodBesideABackfill measures what 1,000 idle clients and 5,000 requests a second of garbage take from a backfill.
func TestAFloodBesideABackfill(t *testing.T) {
	b := newBench(t)
	kinds := []blocks.Kind{blocks.Nobody}
	for range *rounds {
		kinds = append(kinds, flooded, blocks.Nobody)
	}
	if !slices.ContainsFunc(floods, func(f flooding) bool { return strings.Contains(f.what, *only) }) {
		t.Fatalf("no flood has %q in its name", *only)
	}
	for i, f := range floods {
		if !strings.Contains(f.what, *only) {
			continue
		}
		could := b.could(f.kind)
		t.Logf("%s: %.0f a second can be sent", f.what, could)
		if *judged && could < 0.9*float64(*perSec) {
			t.Errorf("%s: %.0f a second can be sent, want %d: this machine can make no flood", f.what, could, *perSec)
		}
		rest, work := b.idle(blocks.Nobody, i), b.idle(flooded, i)
		fmt.Printf("flood of %s takes %.3f of a processor of agents without a job, %.3f beside nobody\n", f.what, work, rest)
		if *judged && work-rest > Slower*float64(b.cores) {
			t.Errorf("%s takes %.3f of %d processors, want %.2f of each at most", f.what, work-rest, b.cores, Slower)
		}
		all := make([]measured, len(kinds))
		for n, kind := range kinds {
			job := fmt.Sprintf("job-%d-%d", i, n)
			all[n] = b.block(kind, i, job)
			t.Logf("%c of %s: %s", kind, f.what, all[n])
		}
		report(t, f.what, all)
	}
}

func newBench(t *testing.T) *bench {
	servers, senders, err := Halves()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{T: t, dir: t.ArtifactDir(), cores: servers.Count(), from: net.IPv4(127, 0, 0, 2)} // doors count by address, and 127.0.0.1 is whom the bench asks as
	memory := testbed.InMemory(t)                                                                 // how fast a disk is today is no part of it
	seats := make([]testbed.Seat, *agents)
	for n := range seats {
		seats[n].Data = filepath.Join(memory, fmt.Sprint(n))
	}
	port := testbed.FreePorts(t, 2)
	b.broker = fmt.Sprintf("127.0.0.1:%d", port)
	if err := Keep(&servers); err != nil {
		t.Fatal(err)
	}
	b.kafka = testbed.Start(t, testbed.FormatKafka(t, memory, "127.0.0.1", port))
	testbed.Listening(t, b.kafka, port)
	// Whom others can reach has certificates, tokens and gossip keys.
	pki := filepath.Join(b.dir, "pki")
	trusted := testbed.NewAccess(t, pki, *agents, []string{"127.0.0.1"})
	b.Fleet = testbed.NewFleet(t, testbed.Layout{Dir: b.dir, Seats: seats, Broker: b.broker, Endpoint: "http://127.0.0.1:1", Access: trusted}) // there is no S3
	if _, err := access.IssueCert(pki, "nobody", access.Client, nil, time.Now()); err != nil {
		t.Fatal(err)
	}
	b.nobody = &tls.Config{ServerName: "127.0.0.1", RootCAs: trusted.TLS.RootCAs, Certificates: b.pair("nobody"), MinVersion: tls.VersionTLS13}
	b.sink = &tls.Config{Certificates: b.pair(b.Nodes[0].Name), MinVersion: tls.VersionTLS13}
	b.StartAll(t)
	if err := Keep(&senders); err != nil {
		t.Fatal(err)
	}
	history := b.topic("history")
	history.Create(t)
	history.Produce(t, traffic.Noise(1, *records, partitions, size), func(int64, traffic.Event) bool { return true })
	b.Must(t, "archive", history.Name, b.archive(), "--kafka", testbed.KafkaConnection, "-q")
	history.Drop(t)
	for n := range 3 { // what is only there after a start is no part of it
		b.block(blocks.Nobody, 0, fmt.Sprintf("warm-%d", n))
	}
	return b
}

// pair is the certificate of a name.
func (b *bench) pair(name string) []tls.Certificate {
	pair, err := tls.LoadX509KeyPair(filepath.Join(b.dir, "pki", name+".pem"), filepath.Join(b.dir, "pki", name+".key"))
	if err != nil {
		b.Fatal(err)
	}
	return []tls.Certificate{pair}
}

func (b *bench) archive() string { return filepath.Join(b.dir, "archive") }

func (b *bench) topic(name string) testbed.Topic {
	return testbed.Topic{Broker: b.broker, Name: name, Partitions: partitions}
}

// measured is one block.
type measured struct {
	kind   blocks.Kind
	rate   float64 // MiB/s of the job
	thrift float64 // MiB that the job wrote for each second of a processor that broker and agents had, whoever else had some, too
	memory float64 // MiB that the agent has that has the most
	asked  float64 // garbage that was sent, a second
	count  Count
}

func (m measured) String() string {
	return fmt.Sprintf("the job %.1f MiB/s, %.1f for a second of a processor; %.0f MiB; garbage: %.0f a second sent, %d of %d held off, %d failed, statuses %v",
		m.rate, m.thrift, m.memory, m.asked, m.count.Held, m.count.Due, m.count.Failed, m.count.Status)
}

// block refills a topic, and measures in the middle of that.
func (b *bench) block(kind blocks.Kind, which int, job string) measured {
	b.topic(job).Create(b.T)
	defer b.topic(job).Drop(b.T)
	testbed.Eventually(b.T, 30*time.Second, job+" to have leaders", func() bool { return b.topic(job).Led(b.T) })
	_, plan := b.Plan(b.T, b.dir, testbed.Spec{
		Name: job, Source: testbed.InDir(b.archive(), "topic: history"), Target: testbed.InKafka(job), Throttle: "feedback: off",
	})
	began := time.Now()
	stop := b.flood(kind, which, job)
	b.Submit(b.T, plan)
	testbed.Eventually(b.T, 30*time.Second, job+" to write", func() bool { return b.Job(b.T, job).Progress.Written > 0 })

	servers := append(b.agents(), b.kafka)
	from, before, worked := time.Now(), b.Job(b.T, job).Progress.Written, b.worked(servers...)
	testbed.During(b.T, *length)
	j := b.Job(b.T, job)
	took := time.Since(from).Seconds()
	if j.Terminal() {
		b.Fatalf("job %s is %s: it ended in the middle of a block; give -records more", job, j.State)
	}
	written := float64(j.Progress.Written-before) * size / (1 << 20)
	m := measured{kind: kind, rate: written / took, thrift: written / (b.worked(servers...) - worked).Seconds(), memory: b.memory()}
	m.count = stop()
	m.asked = float64(m.count.Answered+m.count.Failed) / time.Since(began).Seconds()
	if _, err := b.Client.Cancel(b.Context(), job, "measured"); err != nil {
		b.Fatal(err)
	}
	return m
}

// could is how much garbage can be sent in a second to who does nothing with it.
func (b *bench) could(kind Kind) float64 {
	sink, err := Open(b.Context(), kind, 0, b.sink)
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	flood := Start(b.Context(), Config{Doors: []Door{sink.Door}, PerSecond: *perSec, Senders: senders, From: b.from, Patience: patience, TLS: b.nobody, Seed: 1})
	testbed.During(b.T, 2*time.Second)
	count, took := flood.Stop(), time.Since(began)
	if err := sink.Close(); err != nil {
		b.Error(err)
	}
	return float64(count.Answered) / took.Seconds()
}

// idle is how much of a processor agents need that have no job. Unlike a rate it does not depend on what else a machine is busy with.
func (b *bench) idle(kind blocks.Kind, which int) float64 {
	stop := b.flood(kind, which, "idle")
	testbed.During(b.T, settled)
	from, before := time.Now(), b.worked(b.agents()...)
	testbed.During(b.T, *length)
	share := (b.worked(b.agents()...) - before).Seconds() / time.Since(from).Seconds()
	stop()
	return share
}

// flood begins a flood; stop ends it. What is random in it follows from the name of the job.
func (b *bench) flood(kind blocks.Kind, which int, job string) (stop func() Count) {
	f := floods[which]
	cfg := Config{PerSecond: *perSec, Senders: senders, From: b.from, Patience: patience, TLS: b.nobody, Seed: xxh3.HashString(job)}
	var close func() error
	if kind == blocks.Nobody {
		sink, err := Open(b.Context(), f.kind, door.Default().Hold, b.sink)
		if err != nil {
			b.Fatal(err)
		}
		cfg.Doors, close = []Door{sink.Door}, sink.Close
	} else {
		var apis []string
		for _, n := range b.Nodes {
			apis, cfg.Doors = append(apis, n.API), append(cfg.Doors, Door{f.addr(n), f.kind})
		}
		idle, err := Connect(b.Context(), *idlers, b.from, b.nobody, apis...)
		if err != nil {
			b.Fatal(err)
		}
		close = idle.Close
	}
	flood := Start(b.Context(), cfg)
	return func() Count {
		count := flood.Stop()
		if err := close(); err != nil {
			b.Error(err)
		}
		return count
	}
}

// memory is the resident set of the agent that has the largest, in MiB.
func (b *bench) memory() float64 {
	var most int64
	for _, n := range b.Nodes {
		n, err := n.Resident()
		if err != nil {
			b.Fatal(err)
		}
		most = max(most, n)
	}
	return float64(most) / (1 << 20)
}

func (b *bench) agents() (all []*process.Process) {
	for _, n := range b.Nodes {
		all = append(all, n.Process)
	}
	return all
}

// worked is how much of processors some have had.
func (b *bench) worked(who ...*process.Process) (all time.Duration) {
	for _, p := range who {
		d, err := p.Worked()
		if err != nil {
			b.Fatal(err)
		}
		all += d
	}
	return all
}

// figures are what is held against bars, of a block.
var figures = []struct {
	name string
	of   func(measured) float64
	ok   func(ratio float64) bool
}{
	{"rate of the job", func(m measured) float64 { return m.rate }, func(r float64) bool { return r >= 1-Slower }},
	{"MiB for a second of a processor", func(m measured) float64 { return m.thrift }, func(r float64) bool { return r >= 1-Slower }},
	{"memory", func(m measured) float64 { return m.memory }, func(r float64) bool { return r <= 1+Fatter }},
}

// report prints what the blocks of one flood come to, and holds it against the bars. A figure that differs by as much beside nobody says nothing.
func report(t *testing.T, what string, all []measured) {
	t.Helper()
	ratios := func(of func(measured) float64, kind blocks.Kind) blocks.Middle {
		var values []blocks.Block
		for _, m := range all {
			values = append(values, blocks.Block{Kind: m.kind, Value: of(m)})
		}
		return blocks.MiddleOf(blocks.Ratios(values, kind))
	}
	asked := map[blocks.Kind][]float64{}
	for _, m := range all {
		asked[m.kind] = append(asked[m.kind], m.asked)
	}
	fmt.Printf("flood of %s: %s a second were let be sent, to a sink %s\n", what, blocks.MiddleOf(asked[flooded]), blocks.MiddleOf(asked[blocks.Nobody]))
	told := 0
	for _, figure := range figures {
		still, beside := ratios(figure.of, blocks.Nobody), ratios(figure.of, flooded)
		fmt.Printf("  %s: %s of what it is beside nobody; nobody over nobody %s\n", figure.name, beside, still)
		switch {
		case !figure.ok(still.Low) || !figure.ok(still.High):
			fmt.Println("  void: it differs by as much beside nobody")
			continue
		case *judged && !figure.ok(beside.Median):
			t.Errorf("%s: %s is %s of what it is beside nobody", what, figure.name, beside)
		}
		told++
	}
	if *judged && told == 0 {
		t.Errorf("%s: nothing was told: the machine was too busy, or -rounds too few", what)
	}
}
