package bubble

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"backstitch/chaos/fakes"
	"backstitch/cluster"
	"backstitch/cluster/clustertest"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/archive"
	"backstitch/replay/connect"
	"backstitch/replay/gap"
	"backstitch/replay/gap/match"
	"backstitch/replay/open"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/scan"
	"backstitch/replay/spec"
	"backstitch/replay/throttle"
	"backstitch/replay/verify"
	"backstitch/replay/worker"
)

// Scans by three real nodes with real workers: what they find together is what one process finds alone, whatever dies.

var _ worker.ScanKeeper = (*cluster.Node)(nil)

const scanParts = 6

// scanLab is a topic that lost records, its archive, and a cluster that scans both.
type scanLab struct {
	t     *testing.T
	kafka *fakes.Kafka
	dir   string
	c     *clustertest.Cluster
	inbox *inbox // of every endpoint

	mu    sync.Mutex
	hold  func(node string, part int32) bool // whose scan of a partition waits until it is stopped
	ready func() bool                        // no scan goes on before; nil for at once
	ends  func(*open.Ends)                   // changes the ends of jobs that write; nil does not
	hours *partition.Calendar                // of the dataset; nil for at all times
	began map[int32][]string                 // by partition, who scanned it
	kill  []context.CancelFunc               // of the workers, by member
	group sync.WaitGroup
}

func newScanLab(t *testing.T) *scanLab {
	l := &scanLab{t: t, dir: t.TempDir(), began: map[int32][]string{}, kill: make([]context.CancelFunc, 3)}
	var err error
	if l.kafka, err = fakes.NewKafka(fakes.KafkaConfig{Seed: 1, Topics: map[string]int32{"orders": scanParts}}); err != nil {
		t.Fatal(err)
	}
	cl, err := kgo.NewClient(append(l.kafka.Opts("seed"), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for n := range 200 {
		for p := range int32(scanParts) {
			r := &kgo.Record{Topic: "orders", Partition: p, Value: fmt.Appendf(nil, "%d/%d", p, n), Timestamp: time.UnixMilli(1_795_132_800_000 + int64(n)*1000)}
			if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	b, err := connect.CreateBucket(t.Context(), l.dir, connect.S3{}, fakes.Env)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Copy(t.Context(), cl, b, archive.Options{Topic: "orders"}); err != nil {
		t.Fatal(err)
	}
	for p := range int32(scanParts) {
		l.lose(p, int64(p)*20)
	}
	l.c, l.inbox = clustertest.New(t, 3), newInbox(1)
	l.c.Receivers = l.inbox
	for _, m := range l.c.Members() {
		l.start(m)
	}
	l.c.WaitLeader()
	l.c.WaitVoters(3)
	l.c.Eventually("the cluster knows scans", func() (ok bool) {
		l.view(func(v *fsm.View) {
			version, err := v.Version()
			ok = err == nil && version >= 3
		})
		return ok
	})
	return l
}

// lose takes away what a partition has in front of an offset.
func (l *scanLab) lose(part int32, before int64) {
	l.t.Helper()
	cl, err := kgo.NewClient(l.kafka.Opts("seed")...)
	if err != nil {
		l.t.Fatal(err)
	}
	defer cl.Close()
	cut := kadm.Offsets{}
	cut.AddOffset("orders", part, before, -1)
	if _, err := kadm.NewClient(cl).DeleteRecords(l.t.Context(), cut); err != nil {
		l.t.Fatal(err)
	}
}

// close ends everything, so that the bubble can.
func (l *scanLab) close() {
	for i := range l.kill {
		l.stop(i)
	}
	l.group.Wait()
	l.kafka.Close()
}

// start starts a member with its worker, as an agent does.
func (l *scanLab) start(m *clustertest.Member) {
	m.Start()
	m.ExpectEnd()
	var ctx context.Context
	ctx, l.kill[slices.Index(l.c.Members(), m)] = context.WithCancel(context.Background())
	node := m.Node
	l.group.Go(func() {
		for node.ID() == "" {
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
				return
			}
		}
		cfg := worker.DefaultConfig()
		cfg.Node = node.ID()
		w, err := worker.New(cfg, worker.Deps{
			Control: node, Opener: &labOpener{lab: l, node: m}, Verifier: verify.New(verify.Config{NewBag: match.NewMemory}), Now: time.Now,
			Scanner: &watched{Scanner: scan.New(l.clients(m.Name), l.config(), time.Now), lab: l, node: m.Name},
		})
		if err != nil {
			l.t.Error(err)
			return
		}
		if err := w.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			l.t.Error(err)
		}
	})
}

// stop takes the power from a member and its worker.
func (l *scanLab) stop(i int) {
	if l.kill[i] != nil {
		l.kill[i]()
		l.kill[i] = nil
		l.c.Member(i).Kill()
	}
}

func (l *scanLab) config() gap.Config {
	cfg := gap.DefaultConfig()
	cfg.NewBag = match.NewMemory
	return cfg
}

func (l *scanLab) clients(node string) func(*throttle.Limiter) recovery.Clients {
	return func(pace *throttle.Limiter) recovery.Clients {
		return reach.New(open.Config{Env: fakes.Env, Client: l.kafka.Opts(node), Pace: pace})
	}
}

func (l *scanLab) spec() *spec.Recovery {
	l.t.Helper()
	r, err := spec.Parse("lab.yaml", fmt.Appendf(nil, `apiVersion: backstitch.dev/v1
kind: Recovery
metadata: {name: lab}
spec:
  source: {dir: {path: %q}}
  target: {kafka: {brokers: %q, topic: orders}}
`, l.dir, strings.Join(l.kafka.Addrs(), ",")), spec.Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

// watched notes who scans what, and holds whoever the test says.
type watched struct {
	*scan.Scanner
	lab  *scanLab
	node string
}

func (w *watched) Scan(ctx context.Context, work fsm.Work, progress func(records, bytes int64)) (fsm.ScanPart, []fsm.SeenSchema, error) {
	part := work.Slice.Partition
	w.lab.mu.Lock()
	w.lab.began[part] = append(w.lab.began[part], w.node)
	held := w.lab.hold != nil && w.lab.hold(w.node, part)
	w.lab.mu.Unlock()
	for !held && !w.lab.goesOn() {
		select {
		case <-time.After(10 * time.Millisecond): // virtual
		case <-ctx.Done():
			return fsm.ScanPart{}, nil, ctx.Err()
		}
	}
	if held {
		<-ctx.Done()
		return fsm.ScanPart{}, nil, ctx.Err()
	}
	return w.Scanner.Scan(ctx, work, progress)
}

// goesOn reports whether scans may.
func (l *scanLab) goesOn() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ready == nil || l.ready()
}

// scanned is who began to scan each partition so far.
func (l *scanLab) scanned() map[int32][]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[int32][]string{}
	for p, nodes := range l.began {
		out[p] = append([]string(nil), nodes...)
	}
	return out
}

// node is one that runs.
func (l *scanLab) node() *cluster.Node {
	for i, m := range l.c.Members() {
		if l.kill[i] != nil && m.Running() {
			return m.Node
		}
	}
	l.t.Fatal("no node runs")
	return nil
}

func (l *scanLab) view(f func(v *fsm.View)) {
	v, err := l.node().View()
	if err != nil {
		return // it has not caught up
	}
	defer v.Close()
	f(v)
}

func (l *scanLab) propose(cmd fsm.Command) fsm.Result {
	l.t.Helper()
	res, err := l.node().Propose(l.t.Context(), fsm.Envelope{Actor: "cli:tester", UnixNanos: time.Now().UnixNano()}, cmd)
	if err != nil || res.Code != fsm.OK {
		l.t.Fatalf("%T: %+v, %v", cmd, res, err)
	}
	return res
}

func (l *scanLab) order() *fsm.ScanOrder {
	l.t.Helper()
	o, err := scan.Order(l.spec())
	if err != nil {
		l.t.Fatal(err)
	}
	return &o
}

// state is how a job stands, and how many of its slices are done.
func (l *scanLab) state(id partition.JobID) (j fsm.Job) {
	l.view(func(v *fsm.View) { j, _, _ = v.Job(id) })
	return j
}

func (l *scanLab) wait(id partition.JobID) {
	l.t.Helper()
	l.c.Eventually("the scan ends", func() bool { return l.state(id).State.Terminal() })
	if j := l.state(id); j.State != fsm.JobSucceeded {
		l.t.Fatalf("the scan is %s: %s", j.State, j.Why)
	}
}

// kept is the report that the book has of a scan, as people see it.
func (l *scanLab) kept(id partition.JobID) string {
	l.t.Helper()
	var bodies [][]byte
	var header []byte
	l.view(func(v *fsm.View) {
		s, _, err := v.Scan(id)
		if err != nil {
			l.t.Fatal(err)
		}
		header = s.Header
		for p, err := range v.ScanParts(id) {
			if err != nil {
				l.t.Fatal(err)
			}
			bodies = append(bodies, p.Body)
		}
	})
	rep, err := scan.Report(header, bodies)
	if err != nil {
		l.t.Fatal(err)
	}
	return l.shown(rep)
}

func (l *scanLab) shown(rep *gap.Report) string {
	l.t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", " ")
	if err := errors.Join(gap.WriteHeatmap(&b, rep, gap.RenderOptions{All: true}), gap.WriteList(&b, rep, ""), enc.Encode(rep)); err != nil {
		l.t.Fatal(err)
	}
	return b.String()
}

// direct is what one process finds.
func (l *scanLab) direct() string {
	l.t.Helper()
	rep, err := recovery.Scan(l.t.Context(), l.spec(), l.clients("judge")(nil), recovery.Options{Now: time.Now, Scan: l.config()})
	if err != nil {
		l.t.Fatal(err)
	}
	if records, _ := rep.Lost(); records == 0 {
		l.t.Fatal("nothing is missing")
	}
	return l.shown(rep)
}

// A node dies in the middle of its partitions. Others take them over, and what all found is what one process finds.
func TestScanOutlivesItsOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newScanLab(t)
		defer l.close()
		leader := l.c.WaitLeader().Name
		name := "" // of the victim: the first that begins and does not lead. Which of them the leader knows by then nobody can say.
		l.hold = func(node string, _ int32) bool {
			if name == "" && node != leader {
				name = node
			}
			return node == name
		}
		l.ready = func() bool { return name != "" }
		const id = "bs-scan"
		l.propose(fsm.SubmitScan{ID: id, Order: l.order()})
		l.c.Eventually("a victim", l.goesOn)
		l.c.Eventually("only the victim has partitions left", func() bool {
			held := 0
			for _, nodes := range l.scanned() {
				if nodes[len(nodes)-1] == name {
					held++
				}
			}
			return held > 0 && len(l.scanned()) == scanParts && l.state(id).FillDone == uint32(1+scanParts-held)
		})
		before := l.scanned()
		l.stop(slices.IndexFunc(l.c.Members(), func(m *clustertest.Member) bool { return m.Name == name }))
		l.wait(id)
		if diff := cmp.Diff(l.kept(id), l.direct()); diff != "" {
			t.Errorf("findings of three nodes (-got +want):\n%s", diff)
		}
		for p, nodes := range l.scanned() {
			if moved := before[p][len(before[p])-1] == name; moved == (len(nodes) == len(before[p])) {
				t.Errorf("partition %d was scanned by %v; before %s died it was %v", p, nodes, name, before[p])
			}
		}
	})
}

// All nodes lose power. What was scanned is not read again, and the rest is.
func TestScanGoesOnAfterARestartOfAllNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newScanLab(t)
		defer l.close()
		l.hold = func(_ string, part int32) bool { return part >= 4 }
		const id = "bs-scan"
		l.propose(fsm.SubmitScan{ID: id, Order: l.order()})
		l.c.Eventually("four partitions are done", func() bool { return l.state(id).FillDone == 5 })
		before := l.scanned()
		for i := range l.kill {
			l.stop(i)
		}
		l.group.Wait()
		l.mu.Lock()
		l.hold = nil
		l.mu.Unlock()
		for _, m := range l.c.Members() {
			l.start(m)
		}
		l.wait(id)
		if diff := cmp.Diff(l.kept(id), l.direct()); diff != "" {
			t.Errorf("findings (-got +want):\n%s", diff)
		}
		for p := range int32(4) {
			if got := l.scanned()[p]; len(got) != len(before[p]) {
				t.Errorf("partition %d was scanned by %v after it was done by %v", p, got, before[p])
			}
		}
	})
}

// A schedule is due while its leader dies, and then several times while nobody leads. Each is one scan.
func TestScheduleAcrossLeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newScanLab(t)
		defer l.close()
		const every = time.Minute
		began := time.Now()
		l.propose(fsm.PutSchedule{Name: "often", Order: l.order(), EveryNanos: int64(every), NextUnixNanos: began.Add(every).UnixNano()})
		scans := func() (due []int64) {
			l.view(func(v *fsm.View) {
				for s, err := range v.Scans() {
					if err != nil {
						t.Fatal(err)
					}
					due = append(due, s.DueUnixNanos)
				}
			})
			return due
		}
		time.Sleep(every - time.Since(began) - time.Second) // virtual
		if got := scans(); len(got) != 0 {
			t.Fatalf("got scans due at %v, and none is due", got)
		}
		for i, m := range l.c.Members() { // the leader dies just before, and another one takes over
			if m == l.c.Leader() {
				l.stop(i)
				break
			}
		}
		first := fsm.ScanID("often", began.Add(every).UnixNano())
		l.c.Eventually("the first scan", func() bool { return len(scans()) == 1 })
		l.wait(first)
		if diff := cmp.Diff(l.kept(first), l.direct()); diff != "" {
			t.Errorf("findings (-got +want):\n%s", diff)
		}
		for i := range l.kill {
			l.stop(i)
		}
		l.group.Wait()
		time.Sleep(5*every + every/5) // virtual; five times are missed
		for _, m := range l.c.Members() {
			l.start(m)
		}
		second := fsm.ScanID("often", began.Add(2*every).UnixNano())
		l.c.Eventually("a scan for all that was missed", func() bool { return l.state(second).State.Terminal() })
		time.Sleep(every / 2) // virtual: nothing else comes of them
		if got := scans(); len(got) != 2 {
			t.Errorf("got scans due at %v, want two", got)
		}
	})
}
