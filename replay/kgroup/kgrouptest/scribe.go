// Package kgrouptest writes the history of a consumer group into __consumer_offsets as a broker does. kfake keeps commits and
// has no such topic, and a test wants to choose when things happened.
package kgrouptest

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"backstitch/replay/kgroup"
	"backstitch/replay/klog"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Topic is the one to create, and Partitions how many partitions to give it.
const (
	Topic      = "__consumer_offsets"
	Partitions = 5
)

// Scribe writes about one group.
type Scribe struct {
	Group string
	tb    testing.TB
	cl    *kgo.Client
}

// New makes a scribe. opts reach the broker.
func New(tb testing.TB, group string, opts ...kgo.Opt) *Scribe {
	tb.Helper()
	cl, err := kgo.NewClient(append(opts, kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(cl.Close)
	return &Scribe{Group: group, tb: tb, cl: cl}
}

// Commit writes a commit of a position.
func (s *Scribe) Commit(at time.Time, topic string, part int32, offset int64) {
	s.tb.Helper()
	s.commit(at, topic, part, offset, nil)
}

// CommitOf is Commit with the id of the topic, as brokers from 4.1 on write it.
func (s *Scribe) CommitOf(id klog.TopicID, at time.Time, topic string, part int32, offset int64) {
	s.tb.Helper()
	s.commit(at, topic, part, offset, &id)
}

// CommitMany writes commits that follow each other.
func (s *Scribe) CommitMany(commits []kgroup.Commit) {
	s.tb.Helper()
	records := make([]*kgo.Record, len(commits))
	for i, c := range commits {
		at := time.UnixMilli(c.AtMs)
		records[i] = s.record(at, s.commitKey(c.Topic, c.Partition), commitValue(at, c.Offset).AppendTo(nil))
	}
	s.produce(records...)
}

func commitValue(at time.Time, offset int64) *kmsg.OffsetCommitValue {
	value := kmsg.NewOffsetCommitValue()
	value.Version, value.Offset, value.CommitTimestamp, value.LeaderEpoch = 3, offset, at.UnixMilli(), 0
	return &value
}

func (s *Scribe) commit(at time.Time, topic string, part int32, offset int64, id *klog.TopicID) {
	value := commitValue(at, offset)
	if id != nil {
		value.Version, value.TopicID = 4, *id
	}
	s.write(at, s.commitKey(topic, part), value.AppendTo(nil))
}

// Forget writes that a position expired.
func (s *Scribe) Forget(at time.Time, topic string, part int32) {
	s.tb.Helper()
	s.write(at, s.commitKey(topic, part), nil)
}

func (s *Scribe) commitKey(topic string, part int32) []byte {
	key := kmsg.NewOffsetCommitKey()
	key.Version, key.Group, key.Topic, key.Partition = 1, s.Group, topic, part
	return key.AppendTo(nil)
}

// Members writes how many members the group has from now on.
func (s *Scribe) Members(at time.Time, n int) {
	s.tb.Helper()
	key := kmsg.NewGroupMetadataKey()
	key.Version, key.Group = 2, s.Group
	value := kmsg.NewGroupMetadataValue()
	value.Version, value.ProtocolType, value.CurrentStateTimestamp = 3, "consumer", at.UnixMilli()
	for range n {
		m := kmsg.NewGroupMetadataValueMember()
		m.MemberID, m.ClientID, m.ClientHost = "m", "c", "/127.0.0.1"
		value.Members = append(value.Members, m)
	}
	s.write(at, key.AppendTo(nil), value.AppendTo(nil))
}

// Member writes that one member of a group of the newer protocol has come or gone.
func (s *Scribe) Member(at time.Time, id string, there bool) {
	s.tb.Helper()
	key := []byte{0, 5}
	for _, text := range []string{s.Group, id} {
		key = append(binary.BigEndian.AppendUint16(key, uint16(len(text))), text...)
	}
	var value []byte
	if there {
		value = []byte{0, 0}
	}
	s.write(at, key, value)
}

// Raw writes a record of any form where the group's records lie.
func (s *Scribe) Raw(at time.Time, key, value []byte) {
	s.tb.Helper()
	s.write(at, key, value)
}

func (s *Scribe) write(at time.Time, key, value []byte) {
	s.tb.Helper()
	s.produce(s.record(at, key, value))
}

func (s *Scribe) record(at time.Time, key, value []byte) *kgo.Record {
	hash := int32(0)
	for _, c := range []byte(s.Group) { // ASCII: Java's hash of the name
		hash = hash*31 + int32(c)
	}
	return &kgo.Record{Topic: Topic, Partition: max(hash, -hash) % Partitions, Key: key, Value: value, Timestamp: at}
}

func (s *Scribe) produce(records ...*kgo.Record) {
	s.tb.Helper()
	if err := s.cl.ProduceSync(context.WithoutCancel(s.tb.Context()), records...).FirstErr(); err != nil {
		s.tb.Fatal(err)
	}
}
