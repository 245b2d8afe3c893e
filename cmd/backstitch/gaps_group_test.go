package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"backstitch/cluster/client"
	"backstitch/replay/gap/group"
	"backstitch/replay/kgroup/kgrouptest"
	"backstitch/replay/replaytest"
)

func TestGapsGroup(t *testing.T) {
	b := broker{replaytest.NewKafkaWith(t, kfake.SeedTopics(kgrouptest.Partitions, kgrouptest.Topic), kfake.SeedTopics(2, "orders")), t}
	s := kgrouptest.New(t, "billing", b.Opts()...)
	b.Produce("orders", 0, aged(40)...)
	b.Produce("orders", 1, aged(40)...)
	dir := t.TempDir()
	b.run(0, "archive", "orders", dir)
	at := time.Now().Add(-30 * time.Minute)
	s.Members(at, 1)
	s.Commit(at.Add(time.Minute), "orders", 0, 10)
	s.Members(at.Add(2*time.Minute), 0)
	s.Commit(at.Add(3*time.Minute), "orders", 0, 30) // by hand
	b.commit("billing", "orders", map[int32]int64{0: 30, 1: 5})
	if err := b.DeleteRecords("orders", 1, 25); err != nil {
		t.Fatal(err)
	}

	stdout, _ := b.run(client.ExitWork, "gaps", "group", "billing", "--detailed-exitcode")
	for _, want := range []string{
		"Group billing   Empty", "20 records  offsets [10,30)", "its position was set forward by hand", "topic orders, at least until",
		"20 offsets  offsets [5,25)", "retention overtook the group", "nowhere that was looked", "40 records never seen, 20 of them still to be had",
		"no group was joined", "Next: backstitch gaps group billing",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("want %q in\n%s", want, stdout)
		}
	}
	stdout, _ = b.run(client.ExitOK, "gaps", "group", "billing", "--topic", "orders", "--archive", dir, "--reset", "latest", "-o", "json")
	var rep group.Report
	if err := json.Unmarshal([]byte(stdout), &rep); err != nil {
		t.Fatal(err)
	}
	if lost, held := rep.Lost(); lost != 40 || held != 40 {
		t.Errorf("with an archive: got %d lost, %d held, want 40 and 40", lost, held)
	}
	for _, f := range rep.Findings {
		if f.Runbook != f.Kind.Page() || !f.Recoverable || f.Evidence != "E1" || !strings.Contains(f.HeldBy, "archive "+dir) {
			t.Errorf("with an archive: got %+v", f)
		}
	}
	everyIDIsExplained(t, b.run, "group", []string{"billing"}, "commits are known", "never seen by the group", "no: these are records that were counted, at E1",
		"yes: topic orders has them, at least until", "not from what was looked at")
	b.commit("audit", "orders", map[int32]int64{0: 40, 1: 40})
	if stdout, _ = b.run(client.ExitOK, "gaps", "group", "audit", "--detailed-exitcode"); !strings.Contains(stdout, "Nothing is known to be lost to it: 2 partitions looked at.") {
		t.Errorf("a group that lost nothing:\n%s", stdout)
	}
}

func TestGapsGroupRefuses(t *testing.T) {
	b := newBroker(t, "orders")
	b.commit("billing", "orders", map[int32]int64{0: 0})
	rows := []struct {
		args []string
		want int
		says string
	}{
		{[]string{"nobody"}, client.ExitNotFound, "BST-E4030"},
		{[]string{"billing", "--reset", "none"}, client.ExitUsage, "want latest or earliest"},
		{[]string{"billing", "--archive", "."}, client.ExitUsage, "--archive without --topic"},
		{[]string{"billing", "--topic", "orders", "--archive", t.TempDir()}, client.ExitNotFound, "BST-E1124"},
	}
	for _, row := range rows {
		if _, stderr := b.run(row.want, append([]string{"gaps", "group"}, row.args...)...); !strings.Contains(stderr, row.says) {
			t.Errorf("%v: got %s, want %q", row.args, stderr, row.says)
		}
	}
}
