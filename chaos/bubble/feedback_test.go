package bubble

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"backstitch/chaos/fakes"
	"backstitch/cluster/quota"
	"backstitch/fsm"
	"backstitch/replay/open"
)

// A real node that writes into a topic whose readers can not keep up, in virtual time: what it sees is the broker's own answers.

// tells waits until nodes may tell what holds jobs back.
func (l *scanLab) tells() {
	l.t.Helper()
	l.c.Eventually("the cluster knows paces", func() (ok bool) {
		l.view(func(v *fsm.View) {
			version, err := v.Version()
			ok = err == nil && version == fsm.LatestVersion
		})
		return ok
	})
}

// heavy makes the topics of inTopics, and n records of 16 KiB in the first partition of the first one.
func (l *scanLab) heavy(n int) {
	l.t.Helper()
	l.wide(0)
	cl := l.client()
	defer cl.Close()
	pad := bytes.Repeat([]byte{'x'}, 16<<10)
	var rs []*kgo.Record
	for i := range n {
		r := mirror("mirror", 0, i)
		r.Value = append(r.Value, pad...)
		rs = append(rs, r)
	}
	if err := cl.ProduceSync(l.t.Context(), rs...).FirstErr(); err != nil {
		l.t.Fatal(err)
	}
}

// reads commits that group has read so many records of each partition of copy.
func (l *scanLab) reads(group string, n int64) {
	l.t.Helper()
	cl := l.client()
	defer cl.Close()
	var at kadm.Offsets
	for part := range int32(scanParts) {
		at.AddOffset("copy", part, n, -1)
	}
	if err := kadm.NewClient(cl).CommitAllOffsets(l.t.Context(), group, at); err != nil {
		l.t.Fatal(err)
	}
}

// paces are what each node tells of what holds jobs back.
func (l *scanLab) paces() []quota.Pace {
	l.t.Helper()
	out, err := l.node().Paces(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	return out
}

func TestJobsSlowDownForAGroupThatFallsBehind(t *testing.T) {
	story(t, func(t *testing.T, l *scanLab) {
		writes := &meteredWrites{}
		l.ends = func(e *open.Ends) { e.Sink = &meteredSink{e.Sink, writes} }
		l.tells()
		l.heavy(750) // 12 MiB, which a node at its start of 1 MiB/s would have written by then
		l.reads("billing", 0)
		s := l.submit(l.planned(l.inTopics("  slices: {records: 5000}\n  throttle: {spare: {groups: [billing], maxLagIncrease: 50 records}, floor: 128KiB/s}\n")))
		time.Sleep(24 * time.Second)
		// Nobody has read anything: the node that works is at its floor, which is eight records a second.
		if slow := writes.between(time.Now().Add(-5*time.Second), time.Now()); slow > 8*5*11/10 || slow < 8*5*8/10 {
			t.Errorf("%d records in five seconds beside a group that stands still, want eight a second", slow)
		}
		told := l.paces()
		if len(told) != 1 {
			t.Fatalf("one node works, and %d say that they are held back", len(told))
		}
		if p := told[0].Pace; p.Job != string(s.ID) || p.Rate != 128<<10 || !p.Binds || !p.Hurts || !strings.HasPrefix(p.Why, "lag of group billing grew by ") {
			t.Errorf("node %s says %+v", told[0].Node, p)
		}
		l.reads("billing", 1<<40)
		time.Sleep(16 * time.Second)
		if fast := writes.between(time.Now().Add(-3*time.Second), time.Now()); fast < 8*3*3/2 {
			t.Errorf("%d records in three seconds after the group caught up, and it was eight a second before", fast)
		}
		l.ended(s.ID, fsm.JobSucceeded)
		time.Sleep(5 * time.Second)
		if left := l.paces(); len(left) != 0 {
			t.Errorf("the job has ended, and nodes say %+v", left)
		}
	})
}

func TestJobsSlowDownForABrokerThatAsksForIt(t *testing.T) {
	story(t, func(t *testing.T, l *scanLab) {
		l.tells()
		l.wide(200)
		busy, err := l.kafka.Inject(fakes.Rule{Keys: []kmsg.Key{kmsg.Produce}, Throttle: 200 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		s := l.submit(l.planned(l.inTopics("  write: {commitRecords: 10}\n")))
		heard := false
		l.c.Eventually("a node to say that the broker is busy", func() bool {
			for _, p := range l.paces() {
				heard = heard || p.Pace.Kind == "broker-throttle" && strings.HasPrefix(p.Pace.Why, "brokers delayed requests by ")
			}
			return heard
		})
		busy.Stop()
		l.ended(s.ID, fsm.JobSucceeded)
	})
}
