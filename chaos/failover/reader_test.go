//go:build failover

package failover

import (
	"context"
	"sync"
	"testing"
	"time"

	"backstitch/chaos/testbed"

	"github.com/twmb/franz-go/pkg/kgo"
)

// producer is who wrote a record. A new owner of a lane fences the one before it, which raises the epoch.
type producer struct {
	id    int64
	epoch int16
}

// reader reads the topic from its start and remembers who wrote last in each partition, and since when.
type reader struct {
	cl *kgo.Client

	mu   sync.Mutex
	last map[int32]sight
}

type sight struct {
	by producer
	at time.Time // when the first record of this producer was read
}

// read runs a reader until stop is called. Committed readers see a record when its transaction ends, others when the broker
// has it.
func read(t *testing.T, topic testbed.Topic, isolation kgo.IsolationLevel) (r *reader, stop func()) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(topic.Broker), kgo.ConsumeTopics(topic.Name), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.FetchIsolationLevel(isolation), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	r = &reader{cl: cl, last: map[int32]sight{}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.run(ctx)
	}()
	return r, func() {
		cancel()
		<-ended
		cl.Close()
	}
}

func (r *reader) run(ctx context.Context) {
	for ctx.Err() == nil {
		fetches := r.cl.PollFetches(ctx)
		at := time.Now()
		r.mu.Lock()
		fetches.EachRecord(func(rec *kgo.Record) {
			by := producer{rec.ProducerID, rec.ProducerEpoch}
			if r.last[rec.Partition].by != by {
				r.last[rec.Partition] = sight{by, at}
			}
		})
		r.mu.Unlock()
	}
}

// writers are who wrote last in partitions; nobody where nothing was read yet.
func (r *reader) writers(partitions map[int32]bool) map[int32]producer {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[int32]producer{}
	for p := range partitions {
		out[p] = r.last[p].by
	}
	return out
}

// takenOver is when the first of the partitions had a record of another producer than before, and whether all have.
func (r *reader) takenOver(before map[int32]producer) (first time.Time, all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all = true
	for p, by := range before {
		now := r.last[p]
		if now.by == by {
			all = false
		} else if first.IsZero() || now.at.Before(first) {
			first = now.at
		}
	}
	return first, all
}
