package bubble

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/share"
	"backstitch/replay/open"
	"backstitch/replay/record"
	"backstitch/replay/sink"
)

// A budget that three real nodes share, in virtual time, while one of them dies.

// meteredWrites are the moments at which records were handed to a target, by whichever node.
type meteredWrites struct {
	mu sync.Mutex
	at []time.Time // one per record, in order
}

func (w *meteredWrites) note(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for range n {
		w.at = append(w.at, time.Now())
	}
}

// between counts the records of [from, to).
func (w *meteredWrites) between(from, to time.Time) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, at := range w.at {
		if !at.Before(from) && at.Before(to) {
			n++
		}
	}
	return n
}

// most is the largest number of records in any stretch of d that ends after from.
func (w *meteredWrites) most(d time.Duration, from time.Time) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	first := 0
	for last, at := range w.at {
		for w.at[first].Add(d).Before(at) {
			first++
		}
		if !at.Before(from) {
			n = max(n, last-first+1)
		}
	}
	return n
}

type meteredSink struct {
	sink.Sink
	writes *meteredWrites
}

func (s *meteredSink) Open(ctx context.Context, slice partition.Slice, epoch partition.Epoch) (sink.Writer, sink.Progress, error) {
	w, p, err := s.Sink.Open(ctx, slice, epoch)
	if err != nil {
		return w, p, err
	}
	return &meteredWriter{w, s.writes}, p, nil
}

type meteredWriter struct {
	sink.Writer
	writes *meteredWrites
}

func (w *meteredWriter) Write(ctx context.Context, b *record.Batch) error {
	w.writes.note(len(b.Records))
	return w.Writer.Write(ctx, b)
}

// wide makes the topics of inTopics with scanParts partitions, and n records of each in the first one.
func (l *scanLab) wide(n int) {
	l.t.Helper()
	cl := l.client()
	defer cl.Close()
	for _, name := range []string{"mirror", "copy"} {
		if r, err := kadm.NewClient(cl).CreateTopic(l.t.Context(), scanParts, 1, nil, name); err != nil || r.Err != nil {
			l.t.Fatal(err, r.Err)
		}
	}
	var rs []*kgo.Record
	for part := range scanParts {
		for i := range n {
			rs = append(rs, mirror("mirror", part, i))
		}
	}
	l.produce(cl, rs...)
}

// killFollower takes the power away from the node that runs most slices of a job of those that do not lead, and returns it. It stays away.
func (l *scanLab) killFollower(id partition.JobID) partition.NodeID {
	l.t.Helper()
	leads, lanes := l.c.WaitLeader(), map[partition.NodeID]int{}
	for _, s := range l.slices(id) {
		if s.Status == fsm.SliceLeased {
			lanes[s.Owner]++
		}
	}
	kill, most := 0, 0
	for i, m := range l.c.Members() {
		if n := lanes[m.Node.ID()]; m != leads && n > most {
			kill, most = i, n
		}
	}
	if most == 0 {
		l.t.Fatal("no follower works")
	}
	dead := l.c.Member(kill).Node.ID()
	l.stop(kill)
	return dead
}

// parts is how many records a second all nodes but one may write.
func (l *scanLab) parts(but partition.NodeID) (n float64) {
	holdings, err := l.node().Holdings(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	for _, h := range holdings {
		if h.Node != but {
			n += float64(h.Want.Has[1]) / share.Milli
		}
	}
	return n
}

func TestABudgetHoldsWhileANodeDies(t *testing.T) {
	story(t, func(t *testing.T, l *scanLab) {
		const rate = 60 // records a second
		writes := &meteredWrites{}
		l.ends = func(e *open.Ends) { e.Sink = &meteredSink{e.Sink, writes} }
		l.c.Eventually("the cluster knows budgets", func() (ok bool) {
			l.view(func(v *fsm.View) {
				version, err := v.Version()
				ok = err == nil && version == fsm.LatestVersion
			})
			return ok
		})
		l.wide(400)
		l.propose(fsm.PutBudget{Scope: fsm.ScopeNamespace("default"), Rate: partition.Rate{Records: rate}})
		s := l.submit(l.planned(l.inTopics("  slices: {records: 1000}\n")))
		time.Sleep(10 * time.Second)
		dead := l.killFollower(s.ID)
		killed := time.Now()
		// The others have its part within a second, which is before its leases are over.
		l.c.Eventually("the part of the dead node to go to the others", func() bool { return l.parts(dead) >= rate*99/100 })
		if took := time.Since(killed); took > time.Second {
			t.Errorf("the part of the dead node went to the others after %s", took)
		}
		time.Sleep(10 * time.Second)
		l.propose(fsm.PutBudget{Scope: fsm.ScopeNamespace("default"), Rate: partition.Rate{Records: rate / 3}})
		lowered := time.Now()
		time.Sleep(12 * time.Second)
		if n := writes.most(5*time.Second, lowered.Add(7*time.Second)); n > 5*rate/3*105/100+1 {
			t.Errorf("%d records in five seconds, two seconds after the budget was lowered to %d", n, rate/3)
		}
		l.propose(fsm.PutBudget{Scope: fsm.ScopeNamespace("default")})
		l.ended(s.ID, fsm.JobSucceeded)
		if n := writes.between(time.Time{}, lowered); n < 15*rate {
			t.Errorf("%d records before the budget was lowered", n)
		}
		for from := killed.Add(-10 * time.Second); from.Before(lowered.Add(-5 * time.Second)); from = from.Add(100 * time.Millisecond) {
			if n := writes.between(from, from.Add(5*time.Second)); n > 5*rate*105/100 {
				t.Errorf("%d records in the five seconds from %s after the death, want at most %d", n, from.Sub(killed), 5*rate*105/100)
			}
		}
	})
}
