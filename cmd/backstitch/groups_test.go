package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"backstitch/cluster/client"
	"backstitch/replay/regroup"
)

// regrouped is a broker on which orders was copied to copy without its first three, with 9 late, in partition 0; billing stands at 12.
func regrouped(t *testing.T) (b broker, plan string) {
	b = newBroker(t, "orders", "copy")
	b.Produce("orders", 0, numbered(upTo(0, 20)...)...)
	b.Produce("copy", 0, numbered(append(append(upTo(3, 9), upTo(10, 20)...), 9)...)...)
	b.commit("billing", "orders", map[int32]int64{0: 12})
	return b, filepath.Join(t.TempDir(), "billing.plan")
}

// at is where a group stands, -1 for nowhere.
func (b broker) at(group, topic string, part int32) int64 {
	b.t.Helper()
	offs, err := kadm.NewClient(b.Client()).FetchOffsets(b.t.Context(), group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		b.t.Fatal(err)
	}
	if o, ok := offs.Lookup(topic, part); ok {
		return o.At
	}
	return -1
}

func TestGroups(t *testing.T) {
	b, plan := regrouped(t)
	says := func(what, got string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("%s: want %q in\n%s", what, want, got)
			}
		}
	}
	stdout, _ := b.run(client.ExitOK, "groups", "plan", "billing", "--from", "orders", "--to", "copy", "-o", plan)
	says("plan", stdout, "Group billing   orders -> copy at "+b.addr()+"   replay, by content", "p00                   12              -              8  1   the first record that it is not known to have seen",
		"= left: the group has no position there", "1 position to move, 0 that can not be.", "Note BST-P226: 1 record will be seen again: the consumers have to take that",
		"Saved to "+plan, "Nothing was written to Kafka.", "backstitch groups apply "+plan)
	if at := b.at("billing", "copy", 0); at != -1 {
		t.Fatalf("planning has written %d", at)
	}

	// Looking, and asking where nobody is there to answer, write nothing.
	stdout, stderr := b.run(client.ExitOK, "groups", "apply", plan, "--dry-run")
	says("dry run", stdout+stderr, "Group billing", "1 of 1 positions are to be written, 0 are there already. Nothing was written.")
	_, stderr = b.run(client.ExitUsage, "groups", "apply", plan)
	says("without an answer", stderr, "BST-E4002", "Move 1 position(s) of group billing in copy?", "--yes")
	_, stderr = b.run(client.ExitNotAllowed, "groups", "apply", plan, "--yes", "--read-only")
	says("read only", stderr, "BST-E4005")
	if _, err := os.Stat(plan + ".receipt"); b.at("billing", "copy", 0) != -1 || err == nil {
		t.Fatal("something was written")
	}

	stdout, _ = b.run(client.ExitOK, "groups", "apply", plan, "--yes")
	says("apply", stdout, "Group billing in copy at "+b.addr()+", read back", "p00               - -> 8               moved", "Undo: backstitch groups undo "+plan+".receipt")
	if at := b.at("billing", "copy", 0); at != 8 {
		t.Fatalf("applied: at %d, want 8", at)
	}
	stdout, _ = b.run(client.ExitOK, "groups", "apply", plan, "-o", "json") // nothing is left, so nobody is asked
	var out groupMoved
	if err := json.Unmarshal([]byte(stdout), &out); err != nil || len(out.Results) != 1 || !out.Results[0].Already || out.Results[0].Outcome != regroup.Moved {
		t.Errorf("applied again: %v, %s", err, stdout)
	}

	_, stderr = b.run(client.ExitOK, "groups", "undo", plan+".receipt", "--dry-run")
	says("dry run of undo", stderr, "1 of 1 positions are to be put back")
	_, stderr = b.run(client.ExitUsage, "groups", "undo", plan+".receipt")
	says("undo without an answer", stderr, "BST-E4002")
	stdout, _ = b.run(client.ExitOK, "groups", "undo", plan+".receipt", "--yes")
	says("undo", stdout, "p00               8 -> -               moved")
	if at := b.at("billing", "copy", 0); at != -1 {
		t.Errorf("undone: at %d, want nowhere", at)
	}
}

func TestGroupsBackInTime(t *testing.T) {
	b, plan := regrouped(t)
	stdout, _ := b.run(client.ExitOK, "groups", "plan", "billing", "--from", "orders", "--to-time", "2023-11-14T22:13:20.005Z", "--out", plan, "-o", "json")
	if !strings.Contains(stdout, `"offset": 5`) || !strings.Contains(stdout, `"back": 7`) {
		t.Errorf("plan:\n%s", stdout)
	}
	b.run(client.ExitOK, "groups", "apply", plan, "--yes")
	if at := b.at("billing", "orders", 0); at != 5 {
		t.Errorf("applied: at %d, want 5", at)
	}
	b.run(client.ExitOK, "groups", "undo", plan+".receipt", "--yes")
	if at := b.at("billing", "orders", 0); at != 12 {
		t.Errorf("undone: at %d, want 12", at)
	}
}

// Two clusters: what is typed wins over what the plan names.
func TestGroupsToAnotherCluster(t *testing.T) {
	b, plan := regrouped(t)
	other := newBroker(t, "orders")
	other.Produce("orders", 0, numbered(upTo(10, 20)...)...)
	b.run(client.ExitOK, "groups", "plan", "billing", "--from", "orders", "--to", "orders", "--to-kafka", other.addr(), "-o", plan)
	b.run(client.ExitOK, "groups", "apply", plan, "--yes", "--to-kafka", other.addr())
	if here, there := b.at("billing", "orders", 0), other.at("billing", "orders", 0); here != 12 || there != 2 {
		t.Errorf("at %d and %d, want 12 and 2", here, there)
	}
}

func TestGroupsInPart(t *testing.T) {
	b, plan := regrouped(t)
	b.Produce("orders", 1, numbered(1, 2)...)
	b.Produce("copy", 1, numbered(1)...)
	b.commit("billing", "orders", map[int32]int64{1: 0})
	stdout, stderr := b.run(client.ExitPartly, "groups", "plan", "billing", "--from", "orders", "--to", "copy", "-o", plan)
	if !strings.Contains(stdout, "! cannot: copy lacks 1 record that the group has not seen, 1 of them newer") || !strings.Contains(stderr, "BST-E4067") {
		t.Errorf("plan:\n%s%s", stdout, stderr)
	}
	_, stderr = b.run(client.ExitPartly, "groups", "apply", plan, "--yes")
	if b.at("billing", "copy", 0) != 8 || b.at("billing", "copy", 1) != -1 || !strings.Contains(stderr, "1 partition can not be moved") {
		t.Errorf("apply:\n%s", stderr)
	}

	// A broker that refuses one of two.
	b.run(client.ExitOK, "groups", "plan", "billing", "--from", "orders", "--to", "copy", "--allow-missing", "--choice", "resume", "-o", plan)
	if err := os.Remove(plan + ".receipt"); err != nil {
		t.Fatal(err)
	}
	b.ControlKey(int16(kmsg.OffsetCommit), func(req kmsg.Request) (kmsg.Response, error, bool) {
		r := req.(*kmsg.OffsetCommitRequest)
		resp := r.ResponseKind().(*kmsg.OffsetCommitResponse)
		rt := kmsg.NewOffsetCommitResponseTopic()
		rt.Topic, rt.TopicID = r.Topics[0].Topic, r.Topics[0].TopicID
		for _, p := range r.Topics[0].Partitions {
			rp := kmsg.NewOffsetCommitResponseTopicPartition()
			rp.Partition, rp.ErrorCode = p.Partition, kerr.TopicAuthorizationFailed.Code
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
		return resp, nil, true
	})
	stdout, stderr = b.run(client.ExitFailed, "groups", "apply", plan, "--yes")
	if !strings.Contains(stdout, "kept: TOPIC_AUTHORIZATION_FAILED") || !strings.Contains(stderr, "it goes on with what is left") {
		t.Errorf("refused:\n%s%s", stdout, stderr)
	}
	b.run(client.ExitOK, "groups", "apply", plan, "--yes")
}

func TestGroupsRefuse(t *testing.T) {
	b, plan := regrouped(t)
	b.run(client.ExitOK, "groups", "plan", "billing", "--from", "orders", "--to", "copy", "-o", plan)
	spec := filepath.Join(t.TempDir(), "spec.yaml")
	if err := os.WriteFile(spec, []byte("kind: Recovery\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cl := b.Client(kgo.ConsumerGroup("busy"), kgo.ConsumeTopics("orders"), kgo.DisableAutoCommit())
	if fetched := cl.PollFetches(t.Context()); fetched.Err() != nil {
		t.Fatal(fetched.Err())
	}
	if err := cl.CommitRecords(t.Context(), &kgo.Record{Topic: "orders", Partition: 0, Offset: 3}); err != nil {
		t.Fatal(err)
	}
	busy := filepath.Join(t.TempDir(), "busy.plan")
	stdout, _ := b.run(client.ExitOK, "groups", "plan", "busy", "--from", "orders", "--to", "copy", "-o", busy)
	if !strings.Contains(stdout, "Note BST-P225: the group is Stable") {
		t.Errorf("a plan for a busy group:\n%s", stdout)
	}
	for _, row := range []struct {
		args []string
		want int
		says string
	}{
		{[]string{"plan", "nobody", "--from", "orders", "--to", "copy"}, client.ExitNotFound, "BST-E4030"},
		{[]string{"plan", "billing", "--from", "copy", "--to", "orders"}, client.ExitNotFound, "BST-E4063"},
		{[]string{"plan", "billing", "--from", "orders"}, client.ExitUsage, "--to is missing"},
		{[]string{"plan", "billing", "--from", "orders", "--to", "copy", "--choice", "skip"}, client.ExitUsage, "want replay or resume"},
		{[]string{"plan", "billing", "--from", "orders", "--to", "copy", "--to-time", "-1h"}, client.ExitUsage, "exclude each other"},
		{[]string{"plan", "billing", "--from", "orders", "--to-time", "yesterday"}, client.ExitUsage, "--to-time"},
		{[]string{"plan", "billing", "--from", "orders", "--to", "copy", "--ignore", "keys", "-o", spec}, client.ExitFailed, "BST-E4072"},
		{[]string{"apply", busy, "--yes"}, client.ExitConflict, "BST-E4064"},
		{[]string{"apply", spec, "--yes"}, client.ExitUsage, "BST-E4069"},
		{[]string{"apply", plan + ".nothing", "--yes"}, client.ExitNotFound, "BST-E4069"},
		{[]string{"undo", plan, "--yes"}, client.ExitUsage, "is not a receipt"},
	} {
		if _, stderr := b.run(row.want, append([]string{"groups"}, row.args...)...); !strings.Contains(stderr, row.says) {
			t.Errorf("%v: got %s, want %q", row.args, stderr, row.says)
		}
	}
	b.commit("billing", "orders", map[int32]int64{0: 13})
	if _, stderr := b.run(client.ExitConflict, "groups", "apply", plan, "--yes"); !strings.Contains(stderr, "BST-E4065") || !strings.Contains(stderr, "orders/p00: the group stands at 13, and stood at 12") {
		t.Errorf("a group that read on: %s", stderr)
	}
}
