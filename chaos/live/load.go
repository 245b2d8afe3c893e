package live

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Config is what the live ones do.
type Config struct {
	Broker     string
	Topic      string // is written
	Partitions int32
	Group      string
	Topics     []string // are read by the group; Topic is one of them
	PerSecond  int      // records that are written
	Size       int      // bytes of each of them, 8 at least
	// Work is what the group needs for each record beside the client's own: a call of a database, say. It bounds what the group can read.
	Work time.Duration
	// Committed makes the group read what is committed only.
	Committed bool
}

// commitEvery is how often the group commits.
const commitEvery = 500 * time.Millisecond

// batch is how many records the group takes at once, and fetch how many bytes it asks for: with more it would work for seconds on what
// it already has while live records wait.
const (
	batch = 100
	fetch = 1 << 20
)

// Load is a producer and a group that has one member. Both run until Stop.
type Load struct {
	cfg   Config
	every time.Duration
	began time.Time

	write, read *kgo.Client
	cancel      context.CancelFunc
	group       sync.WaitGroup

	mu      sync.Mutex
	samples []sample // by number of the record
	err     error
	foreign int64 // records that others wrote, and the group has read
}

// sample are the times of one record, 0 while it is under way.
type sample struct{ written, arrived time.Duration }

// Start begins to write and to read.
func Start(ctx context.Context, cfg Config) (*Load, error) {
	l := &Load{cfg: cfg, every: time.Second / time.Duration(cfg.PerSecond)}
	var err error
	if l.write, err = kgo.NewClient(kgo.SeedBrokers(cfg.Broker), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0)); err != nil {
		return nil, fmt.Errorf("the live producer: %w", err)
	}
	isolation := kgo.ReadUncommitted()
	if cfg.Committed {
		isolation = kgo.ReadCommitted()
	}
	l.read, err = kgo.NewClient(kgo.SeedBrokers(cfg.Broker), kgo.ConsumerGroup(cfg.Group), kgo.ConsumeTopics(cfg.Topics...), kgo.AutoCommitInterval(commitEvery),
		kgo.FetchIsolationLevel(isolation), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxBytes(fetch))
	if err != nil {
		l.write.Close()
		return nil, fmt.Errorf("the live group: %w", err)
	}
	ctx, l.cancel = context.WithCancel(ctx)
	l.began = time.Now()
	l.group.Go(func() { l.produce(ctx) })
	l.group.Go(func() { l.consume(ctx) })
	return l, nil
}

// Stop ends both, and returns what went wrong.
func (l *Load) Stop() error {
	l.cancel()
	l.group.Wait()
	l.write.Close()
	l.read.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// produce sends each record at its time, whatever became of those before it.
func (l *Load) produce(ctx context.Context) {
	for n := 0; ; n++ {
		timer := time.NewTimer(time.Until(l.began.Add(time.Duration(n) * l.every)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		value := make([]byte, l.cfg.Size)
		binary.BigEndian.PutUint64(value, uint64(n))
		l.mu.Lock()
		l.samples = append(l.samples, sample{})
		l.mu.Unlock()
		l.write.TryProduce(ctx, &kgo.Record{Topic: l.cfg.Topic, Partition: int32(n) % l.cfg.Partitions, Key: []byte("live"), Value: value}, func(_ *kgo.Record, err error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			if err != nil && ctx.Err() == nil && l.err == nil {
				l.err = fmt.Errorf("live record %d: %w", n, err)
			}
			l.samples[n].written = l.since(n)
		})
	}
}

// since is how long ago record n was to be sent, more than 0.
func (l *Load) since(n int) time.Duration {
	return max(1, time.Since(l.began.Add(time.Duration(n)*l.every)))
}

func (l *Load) consume(ctx context.Context) {
	for ctx.Err() == nil {
		fetches := l.read.PollRecords(ctx, batch)
		if l.cfg.Work > 0 && fetches.NumRecords() > 0 {
			time.Sleep(time.Duration(fetches.NumRecords()) * l.cfg.Work)
		}
		l.mu.Lock()
		if err := fetches.Err(); err != nil && ctx.Err() == nil && l.err == nil {
			l.err = fmt.Errorf("the live group: %w", err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Topic != l.cfg.Topic || string(r.Key) != "live" {
				l.foreign++
				return
			}
			if n := int(binary.BigEndian.Uint64(r.Value)); n < len(l.samples) && l.samples[n].arrived == 0 {
				l.samples[n].arrived = l.since(n)
			}
		})
		l.mu.Unlock()
	}
}

// Foreign is how many records of others the group has read.
func (l *Load) Foreign() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.foreign
}

// Latencies are the 99th percentiles of some records.
type Latencies struct {
	Produce, Arrive time.Duration // until the broker had it, until the group had worked on it
	Records         int
}

// Between are the latencies of the records that were to be sent from one moment until another.
func (l *Load) Between(from, to time.Time) Latencies {
	l.mu.Lock()
	defer l.mu.Unlock()
	var produce, arrive []time.Duration
	first := max(0, int(from.Sub(l.began)/l.every))
	for n := first; n < len(l.samples) && n < int(to.Sub(l.began)/l.every); n++ {
		s := l.samples[n]
		if s.written == 0 {
			s.written = l.since(n)
		}
		if s.arrived == 0 {
			s.arrived = l.since(n)
		}
		produce, arrive = append(produce, s.written), append(arrive, s.arrived)
	}
	return Latencies{Produce: p99(produce), Arrive: p99(arrive), Records: len(produce)}
}

// p99 is by nearest rank, 0 of none.
func p99(times []time.Duration) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[(len(times)*99+99)/100-1]
}
