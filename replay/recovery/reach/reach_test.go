package reach_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/archive"
	"backstitch/replay/connect"
	"backstitch/replay/gap"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/replaytest"
	"backstitch/replay/sink"
	"backstitch/replay/spec"
	"backstitch/replay/verify"

	"github.com/twmb/franz-go/pkg/kadm"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func env(string) (string, bool) { return "", false }

// lab is a broker with a topic that was archived into a directory.
type lab struct {
	t       *testing.T
	kafka   *replaytest.Kafka
	dir     string
	all     map[int32][]record.Record
	config  open.Config
	clients recovery.Clients
}

func newLab(t *testing.T) *lab {
	return labAt(t, func(i int64) int64 { return 1_795_132_800_000 + i*1000 }) // some generated ones are of 1970, which brokers take and retention does not
}

// labAt gives the i-th record of each partition the timestamp of at.
func labAt(t *testing.T, at func(i int64) int64) *lab {
	l := &lab{t: t, kafka: replaytest.NewKafka(t, "orders"), dir: t.TempDir(), all: map[int32][]record.Record{}}
	l.config = open.Config{Cluster: "test", Env: env}
	l.clients = reach.New(l.config)
	rng := replaytest.Seed(t)
	for p := range int32(replaytest.Partitions) {
		l.all[p] = replaytest.Records(rng, 0, 300)
		for i := range l.all[p] {
			l.all[p][i].TimestampMs = at(int64(i))
		}
		l.kafka.Produce("orders", p, l.all[p]...)
	}
	b, err := connect.CreateBucket(t.Context(), l.dir, connect.S3{}, env)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Copy(t.Context(), l.kafka.Client(), b, archive.Options{Topic: "orders"}); err != nil {
		t.Fatal(err)
	}
	return l
}

// recreate makes the topic again, with the records that keep wants.
func (l *lab) recreate(keep func(part int32, o int64) bool) {
	l.t.Helper()
	adm := kadm.NewClient(l.kafka.Client())
	if _, err := adm.DeleteTopics(l.t.Context(), "orders"); err != nil {
		l.t.Fatal(err)
	}
	if _, err := adm.CreateTopics(l.t.Context(), replaytest.Partitions, 1, nil, "orders"); err != nil {
		l.t.Fatal(err)
	}
	for p, rs := range l.all {
		var kept []record.Record
		for _, r := range rs {
			if keep(p, r.Offset) {
				kept = append(kept, r)
			}
		}
		l.kafka.Produce("orders", p, kept...)
	}
}

func (l *lab) spec(more string) *spec.Recovery {
	l.t.Helper()
	text := "apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: lab}\nspec:\n  source: {dir: {path: " + l.dir +
		"}}\n  target: {kafka: {brokers: \"" + strings.Join(l.kafka.ListenAddrs(), ",") + "\", topic: orders}}\n" + more
	r, err := spec.Parse("lab.yaml", []byte(text), spec.Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

func (l *lab) options() recovery.Options {
	o := recovery.DefaultOptions()
	o.Now = func() time.Time { return time.UnixMilli(1_795_132_800_000).Add(time.Hour) }
	return o
}

// run does what workers do with fill slices, without their care for faults.
func (l *lab) run(sub *recovery.Submission) *open.Ends {
	l.t.Helper()
	ends, err := open.New(l.config).Open(l.t.Context(), sub.ID, sub.Recipe)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = ends.Close() })
	for _, s := range sub.Slices {
		if s.Kind != partition.SliceFill {
			continue
		}
		w, p, err := ends.Sink.Open(l.t.Context(), s, 1)
		if err != nil {
			l.t.Fatal(err)
		}
		r, err := ends.Source.Open(l.t.Context(), s, p.Cursor)
		if err != nil {
			l.t.Fatal(err)
		}
		for {
			b, err := r.Next(l.t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			if err == nil {
				p.Cursor = b.Next
				err = w.Write(l.t.Context(), b)
			}
			if err != nil {
				l.t.Fatal(err)
			}
		}
		if err := errors.Join(w.Commit(l.t.Context(), p), w.Close(), r.Close()); err != nil {
			l.t.Fatal(err)
		}
	}
	return ends
}

// The whole way against a broker: lose records, plan, write what the plan says, prove it, tamper, fail to prove it.
func TestFromLossToProof(t *testing.T) {
	l := newLab(t)
	lost := func(p int32, o int64) bool { return p == 1 && ((o >= 100 && o < 180) || o%37 == 0) }
	l.recreate(func(p int32, o int64) bool { return !lost(p, o) })

	p, rep, err := recovery.BuildWithScan(t.Context(), l.spec(""), l.clients, l.options())
	if err != nil {
		t.Fatal(err)
	}
	var want int64
	for o := range int64(300) {
		if lost(1, o) {
			want++
		}
	}
	if n, _ := rep.Lost(); n != want || p.Totals.Records != want {
		t.Errorf("got %d records lost and %d to write, want %d", n, p.Totals.Records, want)
	}
	if rep.Facts.Recreated != "yes" || p.Target.ClusterID != "kfake" {
		t.Errorf("got recreated %q, cluster %q, want yes and kfake", rep.Facts.Recreated, p.Target.ClusterID)
	}
	if err := recovery.CheckFresh(t.Context(), p, l.clients); err != nil {
		t.Errorf("right after planning: got %v, want a fresh plan", err)
	}
	sub, err := p.Submission()
	if err != nil {
		t.Fatal(err)
	}
	ends := l.run(sub)
	v := verify.New(verify.DefaultConfig())
	cs, err := v.Job(t.Context(), sub.Slices, nil, ends, 2)
	if err != nil {
		t.Fatal(err)
	}
	if verdict, evidence := fsm.Judge(verify.Comparisons(cs), fsm.Writers{}); verdict != fsm.Pass || evidence != fsm.E3 {
		t.Fatalf("got %s at %s, want a pass at E3: %+v", verdict, evidence, cs)
	}
	// A second look finds nothing to do.
	again, err := recovery.Build(t.Context(), l.spec(""), l.clients, l.options())
	if err != nil || !again.Empty() {
		t.Errorf("after the repair: got %d records to write, %v, want none", again.Totals.Records, err)
	}
	// A copy behind our back, with the job's own mark, is seen.
	rs := l.kafka.Committed("orders", 1)
	l.kafka.Produce("orders", 1, rs[len(rs)-1])
	if cs, err = v.Job(t.Context(), sub.Slices, nil, ends, 2); err != nil {
		t.Fatal(err)
	}
	if verdict, _ := fsm.Judge(verify.Comparisons(cs), fsm.Writers{}); verdict != fsm.Fail {
		t.Errorf("a record twice: got %s, want fail", verdict)
	}
}

func TestATimeRangeIsPlannedExactly(t *testing.T) {
	l := newLab(t)
	l.recreate(func(p int32, o int64) bool { return p != 0 || o%2 == 0 })
	p, err := recovery.Build(t.Context(), l.spec("  range: {from: \"2026-11-20T00:01:00Z\", to: \"2026-11-20T00:02:00Z\"}\n"), l.clients, l.options())
	if err != nil {
		t.Fatal(err)
	}
	if p.Totals.Records != 30 || p.Totals.Compared != 180 {
		t.Errorf("got %d to write of %d compared, want 30 of 180", p.Totals.Records, p.Totals.Compared)
	}
	sub, err := p.Submission()
	if err != nil {
		t.Fatal(err)
	}
	cs, err := verify.New(verify.DefaultConfig()).Job(t.Context(), sub.Slices, nil, l.run(sub), 3)
	if err != nil {
		t.Fatal(err)
	}
	if verdict, evidence := fsm.Judge(verify.Comparisons(cs), fsm.Writers{}); verdict != fsm.Pass || evidence != fsm.E3 {
		t.Errorf("got %s at %s, want a pass at E3: %+v", verdict, evidence, cs)
	}
}

func TestWhatMovedIsSeen(t *testing.T) {
	l := newLab(t)
	l.recreate(func(_ int32, o int64) bool { return o != 7 })
	p, err := recovery.Build(t.Context(), l.spec(""), l.clients, l.options())
	if err != nil {
		t.Fatal(err)
	}
	stale := func(want string) {
		t.Helper()
		var s *recovery.StaleError
		if err := recovery.CheckFresh(t.Context(), p, l.clients); !errors.As(err, &s) || !strings.Contains(s.Error(), want) {
			t.Errorf("got %v, want a stale plan: %q", err, want)
		}
	}
	objects, err := filepath.Glob(filepath.Join(l.dir, "orders", "00001", "*.bsa"))
	if err != nil || len(objects) == 0 {
		t.Fatal(objects, err)
	}
	if err := os.Rename(objects[0], objects[0]+".away"); err != nil {
		t.Fatal(err)
	}
	stale("is gone")
	if err := os.Rename(objects[0]+".away", objects[0]); err != nil {
		t.Fatal(err)
	}
	if err := recovery.CheckFresh(t.Context(), p, l.clients); err != nil {
		t.Errorf("put back: got %v, want fresh", err)
	}
	if err := os.Chtimes(objects[0], time.UnixMilli(1), time.UnixMilli(1)); err != nil {
		t.Fatal(err)
	}
	stale("was changed")
	l.recreate(func(int32, int64) bool { return true })
	stale("recreated")
}

func TestEndsThatAreNotThere(t *testing.T) {
	l := newLab(t)
	target := recovery.Target{Kind: "kafka", Brokers: strings.Join(l.kafka.ListenAddrs(), ","), Topic: "nowhere"}
	if _, err := l.clients.Target(t.Context(), target); !errors.Is(err, recovery.ErrNoTarget) {
		t.Errorf("unknown topic: got %v, want %v", err, recovery.ErrNoTarget)
	}
	ref, err := l.clients.Reference(t.Context(), recovery.Source{Layout: "archive", URL: l.dir, Topic: "nowhere"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ref.Extents(t.Context(), nil, 0); !errors.Is(err, recovery.ErrNoReference) {
		t.Errorf("unknown archive: got %v, want %v", err, recovery.ErrNoReference)
	}
	var bad *connect.Error
	if _, err := l.clients.Target(t.Context(), recovery.Target{Kind: "kafka", Connection: "prod", Topic: "orders"}); !errors.As(err, &bad) {
		t.Errorf("unknown connection: got %v, want a *connect.Error", err)
	}
	if _, err := l.clients.Target(t.Context(), recovery.Target{Kind: "dir", Path: l.dir + "/no", Topic: "x"}); !errors.Is(err, recovery.ErrNoTarget) {
		t.Errorf("unknown directory: got %v, want %v", err, recovery.ErrNoTarget)
	}
}

// A directory is a target, too, also one in which nobody wrote yet.
func TestIntoADirectory(t *testing.T) {
	l := newLab(t)
	to := t.TempDir()
	r := l.spec("")
	r.Spec.Target = spec.Target{Dir: &spec.DirTarget{Path: to, Topic: "orders"}}
	p, err := recovery.Build(t.Context(), r, l.clients, l.options())
	if err != nil {
		t.Fatal(err)
	}
	if p.Totals.Records != 900 {
		t.Fatalf("got %d records to write, want 900", p.Totals.Records)
	}
	sub, err := p.Submission()
	if err != nil {
		t.Fatal(err)
	}
	cs, err := verify.New(verify.DefaultConfig()).Job(t.Context(), sub.Slices, nil, l.run(sub), 3)
	if err != nil {
		t.Fatal(err)
	}
	if verdict, evidence := fsm.Judge(verify.Comparisons(cs), fsm.Writers{}); verdict != fsm.Pass || evidence != fsm.E3 {
		t.Errorf("got %s at %s, want a pass at E3: %+v", verdict, evidence, cs)
	}
	if again, err := recovery.Build(t.Context(), r, l.clients, l.options()); err != nil || !again.Empty() {
		t.Errorf("after the repair: got %v, want nothing to write", err)
	}
}

// A damaged object is named, and the rest is planned and proved.
func TestADamagedObjectIsLeftOut(t *testing.T) {
	l := newLab(t)
	l.recreate(func(_ int32, o int64) bool { return o != 7 })
	objects, err := filepath.Glob(filepath.Join(l.dir, "orders", "00002", "*.bsa"))
	if err != nil || len(objects) == 0 {
		t.Fatal(objects, err)
	}
	text, err := os.ReadFile(objects[0])
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(objects[0], text, 0o644); err != nil {
		t.Fatal(err)
	}
	p, rep, err := recovery.BuildWithScan(t.Context(), l.spec(""), l.clients, l.options())
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, f := range rep.Findings {
		found = found || (f.Kind == gap.Corrupt && f.Partition == 2 && strings.Contains(f.Reason, "00002"))
	}
	if !found {
		t.Errorf("got findings %+v, want one that names the damaged object", rep.Findings)
	}
	sub, err := p.Submission()
	if err != nil {
		t.Fatal(err)
	}
	cs, err := verify.New(verify.DefaultConfig()).Job(t.Context(), sub.Slices, nil, l.run(sub), 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cs {
		if c.Verdict == fsm.Fail {
			t.Errorf("partition %d: got fail (%s), want nothing wrong with what can be read", c.Partition, c.Detail)
		}
	}
}

var _ sink.Targets = recovery.End(nil)

// BenchmarkScan compares an archive in a directory with a topic, 3 partitions of 50,000 records of about 200 bytes. The broker
// is in the process and takes its share.
func BenchmarkScan(b *testing.B) {
	const n = 50_000
	k := replaytest.NewKafka(b, "orders")
	dir := b.TempDir()
	for p := range int32(replaytest.Partitions) {
		rs := make([]record.Record, n)
		for i := range rs {
			rs[i] = record.Record{TimestampMs: 1_795_132_800_000 + int64(i), Key: []byte{byte(i), byte(i >> 8), byte(i >> 16)}, Value: make([]byte, 200)}
			copy(rs[i].Value, rs[i].Key)
		}
		k.Produce("orders", p, rs...)
	}
	bucket, err := connect.CreateBucket(b.Context(), dir, connect.S3{}, env)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := archive.Copy(b.Context(), k.Client(), bucket, archive.Options{Topic: "orders"}); err != nil {
		b.Fatal(err)
	}
	text := "apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: lab}\nspec:\n  source: {dir: {path: " + dir +
		"}}\n  target: {kafka: {brokers: \"" + strings.Join(k.ListenAddrs(), ",") + "\", topic: orders}}\n"
	r, err := spec.Parse("lab.yaml", []byte(text), spec.Options{})
	if err != nil {
		b.Fatal(err)
	}
	clients := reach.New(open.Config{Cluster: "test", Env: env})
	b.ReportAllocs()
	for b.Loop() {
		rep, err := recovery.Scan(b.Context(), r, clients, recovery.DefaultOptions())
		if err != nil || len(rep.Findings) != 0 {
			b.Fatal(rep, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(n*replaytest.Partitions), "ns/record")
}
