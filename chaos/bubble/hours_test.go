package bubble

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"backstitch/chaos/fakes"
	"backstitch/cluster"
	"backstitch/cluster/clustertest"
	"backstitch/fsm"
	"backstitch/replay/open"
	"backstitch/replay/recovery/reach"
	hourly "backstitch/replay/sentinel/watch"
	"backstitch/replay/sink"
	"backstitch/replay/spec"
)

// A dataset whose hours are counted, from its document to what is told: real nodes, real watchers, a broker, and deaths in the middle of looks. The
// clock of who looks is the test's own, and goes by the hour; that of the cluster is virtual time.

var _ hourly.Control = (*cluster.Node)(nil)

const (
	hourMs    = int64(time.Hour / time.Millisecond)
	firstHour = int64(1_795_132_800_000)/hourMs + 1 // the lab's own records are of the hour before
	warmHours = 14*24 + 6
	hosts     = 8
	ofHost    = 4 // records of a host in an hour
)

// hourLab counts the lab's topic.
type hourLab struct {
	*scanLab
	client *kgo.Client

	mu    sync.Mutex
	now   time.Time
	looks int              // that were begun
	held  func(who string) // what happens while a look has begun, nil for nothing
	last  int64            // hour that was produced
	count int64            // records of hours that producers sent
}

func newHourLab(t *testing.T) *hourLab {
	l := &hourLab{scanLab: newScanLab(t), last: firstHour - 1}
	l.client = l.scanLab.client()
	for i, m := range l.c.Members() {
		l.watches(i, m)
	}
	l.c.Eventually("the cluster counts hours", func() (ok bool) {
		l.view(func(v *fsm.View) {
			version, err := v.Version()
			ok = err == nil && version == fsm.LatestVersion
		})
		return ok
	})
	return l
}

func (l *hourLab) end() {
	l.client.Close()
	l.close()
}

// watches starts a member's watcher, which ends with the member.
func (l *hourLab) watches(i int, m *clustertest.Member) {
	ctx, cancel := context.WithCancel(context.Background())
	power, node := l.kill[i], m.Node
	l.kill[i] = func() { cancel(); power() }
	l.group.Go(func() {
		for node.ID() == "" {
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
				return
			}
		}
		clients := reach.New(open.Config{Env: fakes.Env, Client: l.kafka.Opts(m.Name)})
		cfg := hourly.Config{Node: node.ID(), Every: 200 * time.Millisecond, Spread: time.Second, Claim: 3 * time.Second}
		w := hourly.New(cfg, node, func(ctx context.Context, connection, brokers string) (*kgo.Client, error) {
			l.mu.Lock()
			held := l.held
			l.looks++
			l.mu.Unlock()
			if held != nil {
				held(m.Name)
			}
			return clients.Kafka(ctx, connection, brokers)
		}, l.clock, nil)
		_ = w.Run(ctx) // ends with ctx alone
	})
}

func (l *hourLab) clock() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

// hour produces one hour, of the hosts that are not silent, and what a recovery has put back of those that are.
func (l *hourLab) hour(silent int, back bool) (rs []*kgo.Record) {
	l.last++
	for i := range hosts * ofHost {
		host := i % hosts
		r := &kgo.Record{Topic: "orders", Partition: int32(i % scanParts), Key: fmt.Appendf(nil, "host-%d", host), Value: []byte("v"), Timestamp: time.UnixMilli(l.last*hourMs + int64(i)*1000)}
		switch {
		case host >= silent:
			l.count++
		case back:
			r.Headers = []kgo.RecordHeader{{Key: sink.JobHeader, Value: []byte("bs-a")}, {Key: sink.OriginHeader, Value: []byte("orders/0/1")}}
		default:
			continue
		}
		rs = append(rs, r)
	}
	return rs
}

// pass lets the hours that were produced be over, and waits until they are counted.
func (l *hourLab) pass(rs ...*kgo.Record) {
	l.t.Helper()
	if err := l.client.ProduceSync(l.t.Context(), rs...).FirstErr(); err != nil {
		l.t.Fatal(err)
	}
	l.mu.Lock()
	l.now = time.UnixMilli((l.last+1)*hourMs + 11*60_000)
	l.mu.Unlock()
	l.c.Eventually(fmt.Sprintf("hour %d is counted", l.last), func() bool { return l.baseline().LastHour == l.last })
}

func (l *hourLab) baseline() *fsm.Baseline {
	var b fsm.Baseline
	l.view(func(v *fsm.View) { b, _, _ = v.Baseline("default/orders", 0) })
	return &b
}

// put applies the dataset, as `backstitch dataset apply` and the API do.
func (l *hourLab) put() {
	l.t.Helper()
	d, err := spec.ParseDataset("lab.yaml", fmt.Appendf(nil, `apiVersion: backstitch.dev/v1
kind: Dataset
metadata: {name: orders}
spec:
  reference: {dir: {path: %q}}
  targets: [{kafka: {brokers: %q, topic: orders}}]
  anomalies: {source: key, state: 128KiB, scan: true}
`, l.dir, strings.Join(l.kafka.Addrs(), ",")), spec.Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	d = d.WithDefaults()
	text, err := json.Marshal(d)
	if err != nil {
		l.t.Fatal(err)
	}
	topics, err := hourly.Topics(d)
	if err != nil {
		l.t.Fatal(err)
	}
	order := l.order()
	order.Dataset, order.Namespace = "orders", "default"
	l.inbox.mute = "bus" // what is told stays in the book
	l.propose(fsm.PutDatasetWithWatch{Scan: d.Spec.Anomalies.Scan, Topics: topics, Dataset: fsm.PutDatasetWithPolicy{Dataset: fsm.PutDataset{
		Name: "default/orders", Document: text, Reference: fsm.Place(d.Spec.Reference.Lineage()), Targets: []fsm.Place{fsm.Place(d.Spec.Targets[0].Lineage())},
		Orders:    []fsm.ScanOrder{*order},
		Endpoints: []fsm.Endpoint{{Name: "bus", Format: fsm.FormatCloudEvents, URL: "https://bus", On: 1<<fsm.NoticeAnomaly | 1<<fsm.NoticeUsual}},
	}}})
}

func (l *hourLab) told(kind fsm.NoticeKind) (out []fsm.Notice) {
	l.view(func(v *fsm.View) {
		all, err := v.Notices("default/orders")
		if err != nil {
			l.t.Error(err)
		}
		for _, n := range all {
			if n.Kind == kind {
				out = append(out, n)
			}
		}
	})
	return out
}

// hold holds the next look, and no other, until on is closed, and says whose it is.
func (l *hourLab) hold() (begun chan string, on chan struct{}) {
	begun, on = make(chan string, 1), make(chan struct{})
	var once sync.Once
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = func(who string) {
		mine := false
		once.Do(func() { mine = true })
		if mine {
			begun <- who
			<-on
		}
	}
	return begun, on
}

// dies lets one node die in the middle of the next look, and come back: who looks, or who leads.
func (l *hourLab) dies(leader bool) (done func()) {
	begun, on := l.hold()
	finished := make(chan struct{})
	l.group.Go(func() {
		defer close(finished)
		who := <-begun
		at := slices.IndexFunc(l.c.Members(), func(m *clustertest.Member) bool { return m.Name == who })
		if leader {
			if m := l.c.Leader(); m != nil {
				at = slices.Index(l.c.Members(), m)
			}
		}
		l.stop(at)
		close(on)
		time.Sleep(time.Second) // virtual
		l.start(l.c.Member(at))
		l.watches(at, l.c.Member(at))
	})
	return func() {
		<-finished
		l.mu.Lock()
		l.held = nil
		l.mu.Unlock()
	}
}

// overtaken cuts the node off that looks next, until another one has counted the hour that it looks at; then it says what it has learned, too.
func (l *hourLab) overtaken() (done func()) {
	before := l.baseline().LastHour
	begun, on := l.hold()
	finished := make(chan struct{})
	l.group.Go(func() {
		defer close(finished)
		who := <-begun
		at := slices.IndexFunc(l.c.Members(), func(m *clustertest.Member) bool { return m.Name == who })
		l.c.Net.Isolate(l.c.Member(at).Host, l.c.Hosts()...)
		for i, m := range l.c.Members() {
			if i == at {
				continue
			}
			l.c.Eventually("another one counts", func() bool {
				v, err := m.Node.View()
				if err != nil {
					return false
				}
				defer v.Close()
				b, _, err := v.Baseline("default/orders", 0)
				return err == nil && b.LastHour > before
			})
		}
		l.c.Net.Heal()
		close(on)
		time.Sleep(2 * time.Second) // virtual: it has said so
	})
	return func() {
		<-finished
		l.mu.Lock()
		l.held = nil
		l.mu.Unlock()
	}
}

// TestS20AFewOfManyProducersFallSilentInADataset: two of eight hosts send nothing any more, while a recovery puts old records of theirs into the same hours. It is
// found within hours, told once, and looked into by one scan; whoever dies in the middle of a look, or is overtaken in it, no hour is counted twice and none is left out.
func TestS20AFewOfManyProducersFallSilentInADataset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newHourLab(t)
		defer l.end()
		var history []*kgo.Record
		for range warmHours {
			history = append(history, l.hour(0, false)...)
		}
		l.put()
		l.pass(history...)
		if b := l.baseline(); len(b.Anomalies) != 0 || b.Judged == 0 || b.Hours != warmHours {
			t.Fatalf("after %d hours: %+v", warmHours, b)
		}
		found := 0
		for n := range 6 {
			done := func() {}
			switch n {
			case 1:
				done = l.dies(false)
			case 2:
				done = l.dies(true)
			case 4:
				done = l.overtaken()
			}
			l.pass(l.hour(2, true)...)
			done()
			if found == 0 && len(l.baseline().Open()) > 0 {
				found = n + 1
			}
		}
		b := l.baseline()
		if found == 0 || found > 5 {
			t.Errorf("found after %d hours, want 1 to 5", found)
		}
		var about []string
		for _, a := range b.Open() {
			about = append(about, a.Unusual.About)
			if a.Unusual.SinceHour != firstHour+warmHours || a.Scan == "" || !strings.Contains(a.Unusual.Reason, "while others go on") {
				t.Errorf("evidence: %+v", a)
			}
		}
		slices.Sort(about)
		if !slices.Equal(about, []string{"source host-0", "source host-1"}) || len(b.Anomalies) != 2 {
			t.Errorf("unusual are %q of %d, want the two hosts and nothing else", about, len(b.Anomalies))
		}
		if b.Hours != l.last-firstHour+1 || b.Records != l.count {
			t.Errorf("%d hours with %d records were counted, want %d with %d: each once", b.Hours, b.Records, l.last-firstHour+1, l.count)
		}
		l.mu.Lock()
		looks := l.looks
		l.mu.Unlock()
		if passes := 1 + 6; looks < passes+2 { // who died and who was overtaken looked besides
			t.Errorf("%d looks at %d passes: nobody died in the middle of one, and nothing is shown", looks, passes)
		}
		var ids []string
		for _, n := range l.told(fsm.NoticeAnomaly) {
			for _, a := range b.Anomalies {
				if strings.Contains(n.Why, a.ID) {
					ids = append(ids, a.ID)
				}
			}
		}
		if len(ids) != 2 || ids[0] == ids[1] {
			t.Errorf("fingerprints %q were told, want each of the two once", ids)
		}
		if scans := l.scans(); len(scans) != 1 || scans[0] != b.Anomalies[0].Scan {
			t.Errorf("scans %v were started, want %s alone", scans, b.Anomalies[0].Scan)
		}
		l.same()
		// They come back. It is told once that all is as usual.
		for range 5 {
			l.pass(l.hour(0, false)...)
		}
		if over := l.told(fsm.NoticeUsual); len(over) != 1 || len(l.baseline().Open()) != 0 {
			t.Errorf("%d notices that it is over, %d anomalies go on", len(over), len(l.baseline().Open()))
		}
	})
}

// same fails unless all nodes have learned the same, within the bound of the spec.
func (l *hourLab) same() {
	l.t.Helper()
	var first []byte
	index := l.baseline().ModifyIndex
	for i, m := range l.c.Members() {
		l.c.Eventually("all have caught up", func() bool {
			v, err := m.Node.View()
			if err != nil {
				return false
			}
			defer v.Close()
			if v.Applied() < index {
				return false
			}
			learned, err := v.Learned("default/orders", 0)
			if err != nil {
				l.t.Fatal(err)
			}
			if i == 0 {
				first = learned
			}
			if len(learned) == 0 || len(learned) > 128<<10 || !bytes.Equal(learned, first) {
				l.t.Errorf("%s has learned %d bytes that are not those of the first", m.Name, len(learned))
			}
			return true
		})
	}
}
