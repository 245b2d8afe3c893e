package kgroup

import (
	"encoding/binary"
	"errors"

	"backstitch/replay/klog"
	"backstitch/replay/record"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// What the keys of __consumer_offsets begin with. Groups of the newer protocol have a record per member in place of one for
// all of them.
const (
	keyCommitOld = 0
	keyCommit    = 1
	keyGroup     = 2
	keyMember    = 5
)

var errShort = errors.New("record ends early")

// decoder picks what belongs to one group.
type decoder struct {
	history *History
	members map[string]bool // of the newer protocol, by member id
}

// add takes one record of the internal topic.
func (d *decoder) add(r *record.Record) {
	if len(r.Key) < 2 {
		d.history.Unreadable++
		return
	}
	var err error
	switch binary.BigEndian.Uint16(r.Key) {
	case keyCommitOld, keyCommit:
		err = d.commit(r)
	case keyGroup:
		err = d.group(r)
	case keyMember:
		err = d.member(r)
	}
	if err != nil {
		d.history.Unreadable++
	}
}

func (d *decoder) commit(r *record.Record) error {
	key := kmsg.NewOffsetCommitKey()
	if err := key.ReadFrom(r.Key); err != nil {
		return err
	}
	if key.Group != d.history.Group {
		return nil
	}
	e := Event{Kind: Forgotten, AtMs: r.TimestampMs, Commit: Commit{Topic: key.Topic, Partition: key.Partition, LeaderEpoch: -1}}
	if r.Value != nil {
		value := kmsg.NewOffsetCommitValue()
		if err := value.ReadFrom(r.Value); err != nil {
			return err
		}
		e.Kind, e.AtMs = Committed, value.CommitTimestamp
		e.Commit.Offset, e.Commit.AtMs, e.Commit.TopicID = value.Offset, value.CommitTimestamp, klog.TopicID(value.TopicID)
		if value.Version >= 3 {
			e.Commit.LeaderEpoch = value.LeaderEpoch
		}
	}
	d.history.Events = append(d.history.Events, e)
	return nil
}

// group is the state of a group of the older protocol: who is in it.
func (d *decoder) group(r *record.Record) error {
	key := kmsg.NewGroupMetadataKey()
	if err := key.ReadFrom(r.Key); err != nil {
		return err
	}
	if key.Group != d.history.Group {
		return nil
	}
	members := 0
	if r.Value != nil {
		value := kmsg.NewGroupMetadataValue()
		if err := value.ReadFrom(r.Value); err != nil {
			return err
		}
		members = len(value.Members)
	}
	d.history.Events = append(d.history.Events, Event{Kind: Presence, AtMs: r.TimestampMs, Members: members})
	return nil
}

// member is one member of a group of the newer protocol; without a value it has left.
func (d *decoder) member(r *record.Record) error {
	group, rest, err := text(r.Key[2:])
	if err != nil || group != d.history.Group {
		return err
	}
	id, _, err := text(rest)
	if err != nil {
		return err
	}
	if r.Value == nil {
		delete(d.members, id)
	} else {
		d.members[id] = true
	}
	d.history.Events = append(d.history.Events, Event{Kind: Presence, AtMs: r.TimestampMs, Members: len(d.members)})
	return nil
}

// text reads a string with its length before it.
func text(b []byte) (s string, rest []byte, err error) {
	if len(b) < 2 {
		return "", nil, errShort
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b) < 2+n {
		return "", nil, errShort
	}
	return string(b[2 : 2+n]), b[2+n:], nil
}
