//go:build real

package detect

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"backstitch/chaos/testbed"
	"backstitch/replay/gap"
	"backstitch/replay/gap/group"
	"backstitch/replay/record"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestRealSeeds is TestSeeds on Apache Kafka: one broker, on which every case has topics of its own.
func TestRealSeeds(t *testing.T) {
	var all []pair
	for _, p := range pairs() {
		if !strings.HasPrefix(p.name, "bucket") && !strings.HasPrefix(p.name, "group") { // no broker in them; a history that is written by hand
			all = append(all, p)
		}
	}
	all = append(all, pair{"group and topic", realGroup})
	address := testbed.Kafka(t, t.ArtifactDir())
	var n atomic.Int64
	m := measurement{suite: "detect-real", pkg: "-tags real ./chaos/detect", real: true, pairs: all, brokers: func(t testing.TB) *broker {
		return newBroker(t, address, fmt.Sprintf("c%d-", n.Add(1)))
	}}
	m.flags(t)
}

// realGroup: a group reads some, leaves, somebody sets its position forward, and it reads on. The broker writes the history.
func realGroup(c *try) {
	b := c.brokers(c.t)
	b.create("orders", 1)
	name := b.prefix + "billing"
	var rs []record.Record
	for i := range 60 + c.rng.IntN(100) {
		rs = append(rs, record.Record{TimestampMs: time.Now().UnixMilli(), Value: fmt.Append(nil, i)})
	}
	list := b.write("orders", 0, stretches(c.rng, rs, rs[:5], true))
	read := 5 + c.rng.IntN(20)
	life := func(n int) {
		ctx, cancel := context.WithTimeout(c.t.Context(), limit)
		defer cancel()
		cl := b.client(kgo.ConsumerGroup(name), kgo.ConsumeTopics(b.prefix+"orders"), kgo.DisableAutoCommit(), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
		defer cl.Close()
		for got := 0; got < n; {
			fs := cl.PollRecords(ctx, n-got)
			if err := fs.Err0(); err != nil {
				c.t.Fatal(err)
			}
			got += fs.NumRecords()
		}
		if err := cl.CommitUncommittedOffsets(ctx); err != nil {
			c.t.Fatal(err)
		}
		if err := cl.LeaveGroupContext(ctx); err != nil {
			c.t.Fatal(err)
		}
	}
	life(read)
	// A broker takes the commit of an administrator as soon as nobody is there, and may write down only afterwards that nobody is. Then
	// the history does not rule reading out, and rightly nothing is called missing.
	testbed.Eventually(c.t, limit, "the group to be empty", func() bool {
		groups, err := b.adm.DescribeGroups(c.t.Context(), name)
		return err == nil && groups[name].State == "Empty"
	})
	to := read + 1 + c.rng.IntN(len(list)-read-5)
	offs := kadm.Offsets{}
	offs.AddOffset(b.prefix+"orders", 0, list[to].Offset, -1)
	if err := b.adm.CommitAllOffsets(c.t.Context(), name, offs); err != nil {
		c.t.Fatal(err)
	}
	c.tell("read %d of %d, set forward to record %d", read, len(list), to)
	life(len(list) - to)
	rep, err := group.Look(c.t.Context(), group.Input{Client: b.writer, Group: name, Topic: b.prefix + "orders", NowMs: time.Now().UnixMilli()})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, f := range rep.Findings {
		c.tell("finding %+v", f)
	}
	called, lost, all := newLedger(), newLedger(), newLedger()
	for i, r := range list {
		all.add(0, &list[i], record.AllFields)
		if i >= read && i < to {
			lost.add(0, &list[i], record.AllFields)
		}
		for _, f := range rep.Findings {
			if f.Kind == gap.Missing && f.Range.Contains(r.Offset) {
				called.add(0, &list[i], record.AllFields)
			}
		}
	}
	c.judge(all.len(), lost, called)
}
