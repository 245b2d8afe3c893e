package main

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"backstitch/cluster/client"
	"backstitch/replay/record"
	"backstitch/replay/replaytest"
)

// refuseCommits makes a broker refuse every position that is committed until the returned function is called.
func (b broker) refuseCommits() (relent func()) {
	var refuses atomic.Bool
	refuses.Store(true)
	b.ControlKey(int16(kmsg.OffsetCommit), func(req kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		if !refuses.Load() {
			return nil, nil, false
		}
		r := req.(*kmsg.OffsetCommitRequest)
		out := r.ResponseKind().(*kmsg.OffsetCommitResponse)
		for _, t := range r.Topics {
			topic := kmsg.NewOffsetCommitResponseTopic()
			topic.Topic, topic.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				part := kmsg.NewOffsetCommitResponseTopicPartition()
				part.Partition, part.ErrorCode = p.Partition, kerr.GroupAuthorizationFailed.Code
				topic.Partitions = append(topic.Partitions, part)
			}
			out.Topics = append(out.Topics, topic)
		}
		return out, nil, true
	})
	return func() { refuses.Store(false) }
}

// Readers leave a topic in one Kafka for one that a job wrote in another, and a group goes along. It stops in the middle, the same command
// finishes it, and taking it back leaves both Kafkas as they were. In no moment does the alias name a topic in which the group stands nowhere.
func publishAcrossClusters(t *testing.T, w *rework) {
	old := broker{replaytest.NewKafkaWith(t, kfake.SeedTopics(replaytest.Partitions, "orders"), kfake.ClusterID("old")), t}
	for part := range int32(2) {
		var rs []record.Record
		for n := range perPartition {
			rs = append(rs, event(part, n, false))
		}
		old.Produce("orders", part, rs...)
	}
	at := map[int32]int64{0: 50, 1: 110}
	old.commit("ledger", "orders", at)
	job := w.run("moved", w.topic("moved"), nil)

	again := []string{"publish", job, "--as", "ledger", "--groups", "ledger"}
	publish := append(slices.Clone(again), "--from", "orders", "--from-kafka", old.addr())
	stands := func(when string, there bool) {
		t.Helper()
		for part, from := range at {
			if got := old.at("ledger", "orders", part); got != from {
				t.Errorf("%s: the group stands at %d in partition %d of the old Kafka, want %d", when, got, part, from)
			}
			if got := w.at("ledger", "moved", part); (got >= 0) != there {
				t.Errorf("%s: the group stands at %d in partition %d of the new Kafka", when, got, part)
			}
		}
	}
	stdout, _ := w.do(client.ExitOK, append(publish, "--dry-run")...)
	if !strings.Contains(stdout, "orders in Kafka old -> moved in Kafka kfake") {
		t.Errorf("dry run: %s", stdout)
	}
	stands("dry run", false)

	relent := w.refuseCommits()
	if _, stderr := w.do(client.ExitFailed, append(publish, "--yes")...); !strings.Contains(stderr, "BST-E4086") {
		t.Errorf("where no position can be set: %s", stderr)
	}
	if a := w.alias("ledger"); a.Place != "kafka:old/orders" {
		t.Errorf("the group is on its way, and readers are sent to %s", a.Place)
	}
	stands("on its way", false)
	relent()
	w.do(client.ExitOK, "publish", job, "--as", "ledger", "--yes") // which finds both Kafkas in the book
	if a := w.alias("ledger"); a.Place != "kafka:kfake/moved" {
		t.Errorf("published: readers are sent to %s", a.Place)
	}
	stands("published", true)
	for part, from := range at {
		if got := w.values("moved", part, w.at("ledger", "moved", part)); !slices.Equal(got, wanted(part, int(from), true)) {
			t.Errorf("partition %d: the group reads %d records, want %d", part, len(got), perPartition-int(from))
		}
	}

	reader := old.Client(kgo.ConsumerGroup("ledger"), kgo.ConsumeTopics("orders"), kgo.DisableAutoCommit())
	reader.PollFetches(t.Context())
	if _, stderr := w.do(client.ExitConflict, "rollback", job, "--yes"); !strings.Contains(stderr, "BST-E4064") {
		t.Errorf("with a member in the old Kafka: %s", stderr)
	}
	reader.LeaveGroup()
	reader.Close()
	if _, stderr := w.do(client.ExitConflict, "rollback", job, "--from-kafka", w.broker.addr(), "--yes"); !strings.Contains(stderr, "BST-E4088") {
		t.Errorf("by way of another Kafka: %s", stderr)
	}
	if a := w.alias("ledger"); a.Place != "kafka:kfake/moved" {
		t.Errorf("refused, and readers are sent to %s", a.Place)
	}
	w.do(client.ExitOK, "rollback", job, "--yes")
	if a := w.alias("ledger"); a.Place != "kafka:old/orders" {
		t.Errorf("rolled back: readers are sent to %s", a.Place)
	}
	stands("rolled back", false)

	if _, stderr := w.do(client.ExitConflict, append(again, "--yes")...); !strings.Contains(stderr, "BST-E4088") || !strings.Contains(stderr, "--from-kafka HOST:9092") {
		t.Errorf("where the alias is in another Kafka: %s", stderr)
	}
	if _, stderr := w.do(client.ExitUsage, "publish", job, "--as", "lone", "--from-kafka", old.addr(), "--yes"); !strings.Contains(stderr, "none moves") {
		t.Errorf("where nothing moves: %s", stderr)
	}
}
