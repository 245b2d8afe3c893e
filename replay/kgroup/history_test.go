package kgroup_test

import (
	"errors"
	"testing"
	"time"

	"backstitch/replay/kgroup"
	"backstitch/replay/kgroup/kgrouptest"
	"backstitch/replay/klog"
	"backstitch/replay/replaytest"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func kafka(t *testing.T) *replaytest.Kafka {
	t.Helper()
	return replaytest.NewKafkaWith(t, kfake.SeedTopics(kgrouptest.Partitions, kgrouptest.Topic), kfake.SeedTopics(2, "orders"))
}

func TestHistoryIsReadInOrder(t *testing.T) {
	k := kafka(t)
	s := kgrouptest.New(t, "billing", k.Opts()...)
	start := time.UnixMilli(1_790_000_000_000)
	at := func(minute int) time.Time { return start.Add(time.Duration(minute) * time.Minute) }
	id := klog.TopicID{1, 2, 3}
	s.Members(at(0), 2)
	s.Commit(at(1), "orders", 0, 100)
	s.CommitOf(id, at(2), "orders", 1, 7)
	s.Members(at(3), 0)
	s.Member(at(4), "x", true)
	s.Member(at(4), "y", true)
	s.Member(at(5), "x", false)
	s.Forget(at(6), "orders", 0)
	s.Raw(at(7), []byte{0}, nil)                         // no key at all
	s.Raw(at(7), []byte{0, 1, 0, 9, 'b'}, []byte{0, 3})  // ends early
	s.Raw(at(7), []byte{0, 9, 1, 2, 3}, []byte{0})       // of a kind that is of no interest
	s.Raw(at(7), []byte{0, 2, 0, 3, 'a', 'b', 'c'}, nil) // of another group

	ms := func(minute int) int64 { return at(minute).UnixMilli() }
	h, err := kgroup.ReadHistory(t.Context(), k.Client(), "billing")
	if err != nil {
		t.Fatal(err)
	}
	want := &kgroup.History{Group: "billing", Unreadable: 2, Events: []kgroup.Event{
		{Kind: kgroup.Presence, AtMs: ms(0), Members: 2},
		{Kind: kgroup.Committed, AtMs: ms(1), Commit: kgroup.Commit{Topic: "orders", Offset: 100, AtMs: ms(1)}},
		{Kind: kgroup.Committed, AtMs: ms(2), Commit: kgroup.Commit{Topic: "orders", Partition: 1, Offset: 7, AtMs: ms(2), TopicID: id}},
		{Kind: kgroup.Presence, AtMs: ms(3)},
		{Kind: kgroup.Presence, AtMs: ms(4), Members: 1},
		{Kind: kgroup.Presence, AtMs: ms(4), Members: 2},
		{Kind: kgroup.Presence, AtMs: ms(5), Members: 1},
		{Kind: kgroup.Forgotten, AtMs: ms(6), Commit: kgroup.Commit{Topic: "orders", LeaderEpoch: -1}},
	}}
	want.Events[2].Commit.LeaderEpoch = 0
	if diff := cmp.Diff(h, want); diff != "" {
		t.Errorf("history (-got +want):\n%s", diff)
	}
	if of := h.Of("orders", 1); len(of) != 6 { // five of presence and its own commit
		t.Errorf("of partition 1: got %d events, want 6", len(of))
	}
}

func TestCommitsOfNow(t *testing.T) {
	k := kafka(t)
	offs := kadm.Offsets{}
	offs.AddOffset("orders", 1, 12, -1)
	offs.AddOffset("orders", 0, 5, -1)
	if err := kadm.NewClient(k.Client()).CommitAllOffsets(t.Context(), "billing", offs); err != nil {
		t.Fatal(err)
	}
	got, err := kgroup.Commits(t.Context(), k.Client(), "billing")
	want := []kgroup.Commit{{Topic: "orders", Offset: 5, LeaderEpoch: -1}, {Topic: "orders", Partition: 1, Offset: 12, LeaderEpoch: -1}}
	if diff := cmp.Diff(got, want); diff != "" || err != nil {
		t.Errorf("commits (-got +want), %v:\n%s", err, diff)
	}
	if g, err := kgroup.Find(t.Context(), k.Client(), "billing"); err != nil || g.State != "Empty" {
		t.Errorf("got %+v, %v, want an empty group", g, err)
	}
	if _, err := kgroup.Find(t.Context(), k.Client(), "nobody"); !errors.Is(err, kgroup.ErrNoGroup) {
		t.Errorf("got %v, want %v", err, kgroup.ErrNoGroup)
	}
}

func TestWhatMayNotBeReadIsNamed(t *testing.T) {
	k := kafka(t)
	kgrouptest.New(t, "billing", k.Opts()...).Members(time.UnixMilli(1_790_000_000_000), 1)
	k.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: kgrouptest.Topic, Err: kerr.TopicAuthorizationFailed, Count: -1})
	if _, err := kgroup.ReadHistory(t.Context(), k.Client(), "billing"); !errors.Is(err, klog.ErrDenied) {
		t.Errorf("got %v, want %v", err, klog.ErrDenied)
	}
	bare := replaytest.NewKafka(t, "orders")
	if _, err := kgroup.ReadHistory(t.Context(), bare.Client(), "billing"); !errors.Is(err, klog.ErrUnknownTopic) {
		t.Errorf("without the topic: got %v, want %v", err, klog.ErrUnknownTopic)
	}
}
