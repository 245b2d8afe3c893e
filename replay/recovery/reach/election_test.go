package reach_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/partition"
	"backstitch/replay/archive"
	"backstitch/replay/connect"
	"backstitch/replay/gap"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/recovery"
	"backstitch/replay/recovery/reach"
	"backstitch/replay/replaytest"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
)

// numbered are n records with values of their own.
func numbered(what string, n int) []record.Record {
	out := make([]record.Record, n)
	for i := range out {
		out[i] = record.Record{Value: fmt.Append(nil, what, i), TimestampMs: 1_795_132_800_000 + int64(i)*1000}
	}
	return out
}

// Scenario S3: a leader dies with records that it had acknowledged alone. One that had not got them is elected, and gives their
// offsets to others. What the archive had read of them is missing, by content; the leader epochs say why.
func TestS3AnElectionCutTheLogOff(t *testing.T) {
	dir := t.TempDir()
	disk, old := filepath.Join(dir, "disk"), filepath.Join(dir, "old")
	broker := func() *replaytest.Kafka {
		return replaytest.NewKafkaWith(t, kfake.DataDir(disk), kfake.SeedTopics(1, "orders"))
	}
	k := broker()
	k.Produce("orders", 0, numbered("before", 100)...)
	k.Close()
	if err := os.CopyFS(old, os.DirFS(disk)); err != nil { // what the follower has
		t.Fatal(err)
	}
	k = broker()
	k.Produce("orders", 0, numbered("only the leader has ", 20)...)
	l := &lab{t: t, dir: t.TempDir(), config: open.Config{Cluster: "test", Env: env}}
	l.clients = reach.New(l.config)
	b, err := connect.CreateBucket(t.Context(), l.dir, connect.S3{}, env)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Copy(t.Context(), k.Client(), b, archive.Options{Topic: "orders"}); err != nil {
		t.Fatal(err)
	}
	k.Close()

	if err := os.RemoveAll(disk); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(old, disk); err != nil {
		t.Fatal(err)
	}
	k = broker()
	if err := k.MoveTopicPartition("orders", 0, 0); err != nil { // a new epoch
		t.Fatal(err)
	}
	k.Produce("orders", 0, numbered("after", 35)...)
	l.kafka = k

	rep, err := recovery.Scan(t.Context(), l.spec(""), l.clients, l.options())
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Results) != 1 || !cmp.Equal(rep.Results[0].Missing, partition.Ranges{{From: 100, To: 120}}) || rep.Results[0].MissingRecords != 20 {
		t.Fatalf("got %+v, want exactly what the leader had alone", rep.Results)
	}
	for _, f := range rep.Findings {
		if f.Kind != gap.Missing && f.Kind != gap.Partly {
			continue
		}
		if !strings.Contains(f.Cause, "cut off at offset 100") || !strings.Contains(f.Cause, "leader epoch 0") {
			t.Errorf("cause: got %q, want the election", f.Cause)
		}
		var text strings.Builder
		if err := gap.Explain(&text, rep, f.ID); err != nil || !strings.Contains(text.String(), "Probable cause   the log was cut off at offset 100") {
			t.Errorf("explain, %v:\n%s", err, text.String())
		}
	}
	want := map[int32][]gap.Cut{0: {{Range: partition.Range{From: 100, To: 120}, Epoch: 0, At: 100}}}
	if diff := cmp.Diff(rep.Facts.Cuts, want); diff != "" {
		t.Errorf("cuts (-got +want):\n%s", diff)
	}
}

// A topic that lost records in the same log for another reason does not get the election for a cause.
func TestLossWithoutAnElectionIsNotBlamedOnOne(t *testing.T) {
	l := newLab(t)
	if err := l.kafka.DeleteRecords("orders", 1, 120); err != nil {
		t.Fatal(err)
	}
	if err := l.kafka.MoveTopicPartition("orders", 1, 0); err != nil {
		t.Fatal(err)
	}
	l.kafka.Produce("orders", 1, numbered("after", 10)...)
	rep, err := recovery.Scan(t.Context(), l.spec(""), l.clients, l.options())
	if err != nil {
		t.Fatal(err)
	}
	if lost, _ := rep.Lost(); lost != 120 || len(rep.Facts.Cuts) != 0 {
		t.Errorf("got %d lost, cuts %v, want 120 and none", lost, rep.Facts.Cuts)
	}
	for _, f := range rep.Findings {
		if f.Kind == gap.Missing && !strings.HasPrefix(f.Cause, "retention or DeleteRecords") {
			t.Errorf("got %+v", f)
		}
	}
}
