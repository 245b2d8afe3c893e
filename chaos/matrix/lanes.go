//go:build linux

package matrix

import (
	"context"
	"sync"
	"time"

	"backstitch/chaos/testbed"

	"github.com/twmb/franz-go/pkg/kgo"
)

// producer is who wrote a record. A new owner of a lane fences the one before it, which raises the epoch.
type producer struct {
	id    int64
	epoch int16
}

// sight is the first record of a producer after one of another, as a reader of committed records saw it.
type sight struct {
	by producer
	at time.Time
}

// lanes follows the topic and remembers who wrote refilled records in each partition, and since when.
type lanes struct {
	mu    sync.Mutex
	sight map[int32][]sight
}

// follow reads the topic from its start until the test ends.
func follow(r *Run, topic testbed.Topic) *lanes {
	client, err := kgo.NewClient(kgo.SeedBrokers(topic.Broker), kgo.ConsumeTopics(topic.Name), kgo.FetchMaxWait(50*time.Millisecond),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		r.T.Fatal(err)
	}
	l := &lanes{sight: map[int32][]sight{}}
	ctx, cancel := context.WithCancel(r.T.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			fetches := client.PollFetches(ctx)
			l.see(fetches, time.Now())
		}
	}()
	r.T.Cleanup(func() {
		cancel()
		<-done
		client.Close()
	})
	return l
}

func (l *lanes) see(fetches kgo.Fetches, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fetches.EachRecord(func(rec *kgo.Record) {
		if !refilled(rec) {
			return
		}
		by, seen := producer{rec.ProducerID, rec.ProducerEpoch}, l.sight[rec.Partition]
		if len(seen) == 0 || seen[len(seen)-1].by != by {
			l.sight[rec.Partition] = append(seen, sight{by, at})
		}
	})
}

// loss is a node that was taken from its lanes.
type loss struct {
	node   string
	at     time.Time
	before map[int32]int // by lane, how many producers were seen there until then
}

// lose remembers what a node owns at the moment at which it is lost.
func (l *lanes) lose(r *Run, node string, owned []int32, at time.Time) loss {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := loss{node: node, at: at, before: map[int32]int{}}
	for _, p := range owned {
		out.before[p] = len(l.sight[p])
	}
	return out
}

// takeover is how long it took until somebody else committed in one of the lanes. ok is false when nobody has yet.
func (l *lanes) takeover(lost loss) (took time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p, n := range lost.before {
		for _, s := range l.sight[p][min(n, len(l.sight[p])):] {
			if d := s.at.Sub(lost.at); d > 0 && (!ok || d < took) {
				took, ok = d, true
			}
		}
	}
	return took, ok
}

// refilled says whether a record carries the header of one that was brought back.
func refilled(rec *kgo.Record) bool {
	for _, h := range rec.Headers {
		if h.Key == "backstitch.origin" {
			return true
		}
	}
	return false
}
