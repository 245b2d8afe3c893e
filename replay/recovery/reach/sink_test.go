package reach_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"backstitch/partition"
	"backstitch/replay/archive"
	"backstitch/replay/connect"
	"backstitch/replay/gap/delivered"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/replaytest"
	"backstitch/replay/spec"

	"github.com/twmb/franz-go/pkg/kgo"
)

func (l *lab) scanSink(grace time.Duration) *delivered.Report {
	l.t.Helper()
	rep, err := recovery.ScanSink(l.t.Context(), l.spec(""), grace, l.clients, l.options())
	if err != nil {
		l.t.Fatal(err)
	}
	return rep
}

// copyTo archives ranges of the lab's topic into its directory, as a sink that leaves the others out.
func (l *lab) copyTo(ranges map[int32]partition.Range, parts ...int32) {
	l.t.Helper()
	b, err := connect.CreateBucket(l.t.Context(), l.dir, connect.S3{}, env)
	if err != nil {
		l.t.Fatal(err)
	}
	if _, err := archive.Copy(l.t.Context(), l.kafka.Client(), b, archive.Options{Topic: "orders", Ranges: ranges, Partitions: parts}); err != nil {
		l.t.Fatal(err)
	}
}

// A broker, an archive of it, and objects that are gone: the topic still has what they held.
func TestWhatASinkLeftOut(t *testing.T) {
	l := newLab(t)
	if rep := l.scanSink(0); rep.Missing() != 0 || len(rep.Findings) != 0 || rep.Records() == 0 {
		t.Fatalf("a whole archive: got %d missing of %d, %+v", rep.Missing(), rep.Records(), rep.Findings)
	}
	// Another topic's worth of records comes, and is archived but for [320,340).
	for p := range int32(replaytest.Partitions) {
		var later []record.Record
		for i := range 100 {
			later = append(later, record.Record{Value: fmt.Appendf(nil, "later %d/%d", p, i), TimestampMs: 1_795_133_200_000 + int64(i)})
		}
		for some := range slices.Chunk(later, 20) { // no batch goes over what is copied below, which takes whole ones
			l.kafka.Produce("orders", p, some...)
		}
	}
	l.copyTo(map[int32]partition.Range{0: {From: 300, To: 320}}, 0)
	l.copyTo(map[int32]partition.Range{0: {From: 340, To: 400}}, 0)
	rep := l.scanSink(0)
	var lost []string
	for _, f := range rep.Findings {
		lost = append(lost, fmt.Sprintf("%s %d %s %d %s", f.Kind, f.Partition, f.Range, f.Count, f.HeldBy))
	}
	// Of the other partitions everything is due that is older than the newest record of partition 0, which is all but its last.
	if rep.Missing() != 20+2*99 || !strings.Contains(strings.Join(lost, ";"), "partly 0 [320,340) 20 the topic") {
		t.Errorf("got %d missing: %q", rep.Missing(), lost)
	}
	if rep := l.scanSink(time.Hour); rep.Missing() != 20 {
		t.Errorf("with an hour of grace: got %d missing, want the 20 that the archive has passed", rep.Missing())
	}
	// An object that can not be read hides what it holds; it is not called missing without a name.
	objects, err := filepath.Glob(filepath.Join(l.dir, "orders", "00000", "*0340-*.bsa"))
	if err != nil || len(objects) != 1 {
		t.Fatal(objects, err)
	}
	if err := os.WriteFile(objects[0], []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	rep = l.scanSink(time.Hour)
	if p := rep.Partitions[0]; p.Missing != 20 || p.Unread != 60 {
		t.Errorf("got %+v, want 20 missing and 60 in an object that can not be read", p)
	}
}

// Markers and aborted records take offsets, and are in no object.
func TestTransactionsAreNoLossOfASink(t *testing.T) {
	l := &lab{t: t, kafka: replaytest.NewKafka(t, "orders"), dir: t.TempDir()}
	l.config = open.Config{Cluster: "test", Env: env}
	l.clients = reach.New(l.config)
	cl := l.kafka.Client(kgo.TransactionalID("x"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	committed := 0
	for i := range 12 {
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for j := range 5 {
			r := &kgo.Record{Topic: "orders", Value: fmt.Appendf(nil, "%d/%d", i, j), Timestamp: time.UnixMilli(1_795_132_800_000)}
			if err := cl.ProduceSync(t.Context(), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		end := kgo.TryCommit
		if i%3 == 1 {
			end = kgo.TryAbort
		} else {
			committed += 5
		}
		if err := cl.EndTransaction(t.Context(), end); err != nil {
			t.Fatal(err)
		}
	}
	l.copyTo(nil)
	if rep := l.scanSink(0); rep.Missing() != 0 || len(rep.Findings) != 0 || rep.Records() != int64(committed) {
		t.Errorf("got %d missing of %d, %+v, want none of %d", rep.Missing(), rep.Records(), rep.Findings, committed)
	}
}

// A connector's files hold values alone, fan out over directories, and one of them is gone.
func TestWhatAConnectorLeftOut(t *testing.T) {
	l := &lab{t: t, kafka: replaytest.NewKafka(t, "orders"), dir: t.TempDir()}
	l.config = open.Config{Cluster: "test", Env: env}
	l.clients = reach.New(l.config)
	files := map[string]string{}
	for i := range 60 {
		value := fmt.Sprintf(`{"n":%d}`, i)
		l.kafka.Produce("orders", 0, record.Record{Value: []byte(value), TimestampMs: 1_795_132_800_000})
		if i/10 == 2 {
			continue // the third file was never written
		}
		// The directory is another than that of the record's time: misfiled is not lost.
		key := fmt.Sprintf("topics/orders/year=2019/orders+0+%010d.json", i/10*10)
		files[key] += value + "\n"
	}
	for key, text := range files {
		name := filepath.Join(l.dir, key)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	r, err := spec.Parse("lab.yaml", []byte("apiVersion: backstitch.dev/v1\nkind: Recovery\nmetadata: {name: lab}\nspec:\n  source: {dir: {path: "+l.dir+
		", layout: confluent, topic: orders, format: json}}\n  target: {kafka: {brokers: \""+strings.Join(l.kafka.ListenAddrs(), ",")+"\", topic: orders}}\n"), spec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rep, err := recovery.ScanSink(t.Context(), r, time.Hour, l.clients, l.options())
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Findings) != 1 || rep.Missing() != 10 || rep.Findings[0].Range != (partition.Range{From: 20, To: 30}) {
		t.Errorf("got %+v, want [20,30)", rep.Findings)
	}
}
