//go:build linux

package matrix

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"backstitch/chaos/check"
	"backstitch/chaos/depot"
	"backstitch/chaos/fault"
	"backstitch/chaos/rule"
	"backstitch/chaos/scenario"
	"backstitch/chaos/testbed"
	"backstitch/chaos/traffic"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	topicName = "orders"
	jobName   = "refill"
)

// far is how long a packet takes between a node and the broker, one way. It makes a job last: a commit takes several round
// trips, however fast the machine is.
const far = 25 * time.Millisecond

// work is the topic, what it is known to hold, and the job that brings back what it lacks.
type work struct {
	r     *Run
	topic testbed.Topic
	truth traffic.Truth
	// What stands at which offset of the archive. The topic was new when it was made, so offsets count from 0.
	reference map[check.Place]traffic.Event
	made      int64
	lost      int64
	spec      string  // file of the job's
	live      *writer // nil without live traffic
}

// prepare makes the records, archives them and loses what the scenario says.
func prepare(r *Run, broker string) *work {
	t, load := r.T, r.Scenario.Workload
	w := &work{r: r, topic: testbed.Topic{Broker: broker, Name: topicName, Partitions: int32(load.Partitions)}, truth: traffic.Truth{}, reference: map[check.Place]traffic.Event{}}
	events := func() func(yield func(traffic.Event, error) bool) {
		return traffic.Noise(r.Seed, load.Records, int32(load.Partitions), int(load.Value))
	}
	w.topic.Create(t)
	next := map[int32]int64{}
	w.made, _ = w.topic.Produce(t, events(), func(_ int64, e traffic.Event) bool {
		w.truth[e.ID()]++
		w.reference[check.Place{Partition: e.Partition, Offset: next[e.Partition]}] = e
		next[e.Partition]++
		return true
	})
	if archived := r.Fleet.Archive(t, w.topic, "s3://"+depot.Bucket+"/kafka"); archived != w.made {
		t.Fatalf("archive: got %d records, want %d", archived, w.made)
	}
	keep := func(int64, traffic.Event) bool { return false }
	switch load.Lost.How {
	case scenario.Everything:
	case scenario.Holes:
		loss := traffic.NewLoss(r.Seed, w.made, int64(load.Lost.Runs), int64(load.Lost.Percent*10), load.Lost.Singles*1_000_000/w.made)
		keep = func(n int64, _ traffic.Event) bool { return !loss.Lost(n) }
	default:
		t.Fatalf("lost: %s can not be done with real processes", load.Lost.How)
	}
	w.topic.Drop(t)
	w.topic.Create(t)
	_, kept := w.topic.Produce(t, events(), keep)
	w.lost = w.made - kept
	r.Say("made %d records, archived them, lost %d", w.made, w.lost)
	return w
}

// slicesOfLane is how many slices each partition is cut into: enough for work to move between two of them. More would make the job
// one of opening lanes.
const slicesOfLane = 3

// What the broker's distance makes of a lane: each commit and each opening takes so many round trips, one after the other.
const (
	oneCommit  = 5 * 2 * far
	oneOpening = 18 * 2 * far
)

// commits is how many commits each lane takes, so that the job lasts for about that long.
func commits(last time.Duration) int64 {
	return max(2*slicesOfLane, int64((last-slicesOfLane*oneOpening)/oneCommit))
}

func (w *work) file(name string) string { return filepath.Join(w.r.Dir, name) }

// submit plans and starts the job, which lasts for about that long when nothing is done to it.
func (w *work) submit(last time.Duration) {
	t := w.r.T
	lane := w.lost / int64(w.topic.Partitions)
	commit := max(1, lane/commits(last))
	spec, plan := w.r.Fleet.Plan(t, w.r.Dir, testbed.Spec{
		Name: jobName, Source: testbed.InS3(depot.Bucket, "kafka"), Target: testbed.InKafka(topicName),
		CommitRecords: commit, SliceRecords: lane/slicesOfLane + 1,
	})
	w.spec = spec
	w.r.Fleet.Submit(t, plan)
	w.r.Say("submitted the job: %d records, %d a commit", w.lost, commit)
	if w.r.Scenario.Workload.Live > 0 {
		w.live = startWriter(w.r, w.topic, w.r.Scenario.Workload.Live)
	}
	testbed.Eventually(t, time.Minute, "an owner in the middle of its work", func() bool {
		states, err := w.r.slices(t.Context())
		if err != nil {
			return false
		}
		for _, s := range states {
			if s.Kind == "fill" && s.Status == "leased" && s.Progress.Written > 0 {
				return true
			}
		}
		if job := w.r.Fleet.Job(t, jobName); job.Terminal() {
			t.Fatalf("the job is %s before anything was done", job.State)
		}
		return false
	})
}

// slow puts the broker far away from the nodes, and leaves it near to the operator.
func slow(r *Run) error {
	_, err := r.Lab.Apply(rule.Match{From: Names(r.Fleet.Nodes), To: []string{brokerParty}, Both: true}, rule.Effect{Delay: far})
	return err
}

// writer is somebody who goes on writing to the topic while it is being repaired.
type writer struct {
	client *kgo.Client
	cancel context.CancelFunc
	done   chan struct{}

	mu     sync.Mutex
	acked  []traffic.Event
	failed atomic.Int64
}

func startWriter(r *Run, topic testbed.Topic, perSecond int64) *writer {
	client, err := kgo.NewClient(kgo.SeedBrokers(topic.Broker), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		r.T.Fatal(err)
	}
	ctx, cancel := context.WithCancel(r.T.Context())
	w := &writer{client: client, cancel: cancel, done: make(chan struct{})}
	r.T.Cleanup(w.stop)
	go w.run(ctx, topic, time.Second/time.Duration(perSecond), rand.New(rand.NewPCG(r.Seed, 5)))
	return w
}

func (w *writer) run(ctx context.Context, topic testbed.Topic, every time.Duration, random *rand.Rand) {
	defer close(w.done)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		e := traffic.Event{Partition: int32(n) % topic.Partitions, TimestampMs: 1_800_000_000_000 + int64(n), Key: fmt.Appendf(nil, "live-%d", n),
			Value: fmt.Appendf(nil, "%016x", random.Uint64())}
		rec := &kgo.Record{Topic: topic.Name, Partition: e.Partition, Key: e.Key, Value: e.Value, Timestamp: time.UnixMilli(e.TimestampMs)}
		w.client.Produce(context.WithoutCancel(ctx), rec, func(_ *kgo.Record, err error) {
			if err != nil {
				w.failed.Add(1)
				return
			}
			w.mu.Lock()
			w.acked = append(w.acked, e)
			w.mu.Unlock()
		})
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// stop ends the writing. It may be called twice.
func (w *writer) stop() {
	w.cancel()
	<-w.done
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if w.client.Flush(ctx) != nil {
		w.failed.Add(w.client.BufferedProduceRecords())
	}
	w.client.Close()
}

// join adds what was written live to the truth.
func (w *work) join() {
	if w.live == nil {
		return
	}
	w.live.stop()
	w.live.mu.Lock()
	defer w.live.mu.Unlock()
	for _, e := range w.live.acked {
		w.truth[e.ID()]++
	}
	if n := w.live.failed.Load(); n > 0 {
		w.r.T.Errorf("live traffic: %d records were not acknowledged", n)
	}
	w.r.Say("wrote %d records live", len(w.live.acked))
}

// lasts is how long the job has to last so that every fault meets it. Most faults make it stand still for a while, so it needs
// little more than they take.
func lasts(faults []fault.Fault) time.Duration {
	return max(8*time.Second, fault.End(faults)+time.Second)
}
