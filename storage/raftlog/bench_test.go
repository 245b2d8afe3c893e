package raftlog_test

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"backstitch/storage"
	"backstitch/storage/raftlog"
	"backstitch/storage/storagetest"
)

// The bar: raft over our log applies at least 0.95 of what it does over raft-wal, on the same disk in the same run. Run with
//
//	go test ./storage/raftlog -run '^$' -bench . -benchtime 1x

type opener func(tb testing.TB, dir string) (storagetest.Store, func())

func openOurs(tb testing.TB, dir string) (storagetest.Store, func()) {
	tb.Helper()
	db, err := storage.Open(dir, storage.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	log, err := raftlog.Open(db)
	if err != nil {
		tb.Fatal(err)
	}
	return log, func() {
		if err := errors.Join(log.Close(), db.Close()); err != nil {
			tb.Fatal(err)
		}
	}
}

func BenchmarkStoreLogs(b *testing.B) {
	for _, size := range []int{1, 64} {
		for _, store := range []struct {
			name string
			open opener
		}{{"ours", openOurs}, {"raft-wal", openWAL}, {"raft-boltdb", openBolt}} {
			b.Run(fmt.Sprintf("batch=%d/%s", size, store.name), func(b *testing.B) {
				s, done := store.open(b, b.TempDir())
				defer done()
				logs := storagetest.Entries(rand.New(rand.NewPCG(1, 1)), 1, size, 512)
				b.SetBytes(int64(size * 512))
				b.ReportAllocs()
				for b.Loop() {
					if err := s.StoreLogs(logs); err != nil {
						b.Fatal(err)
					}
					for _, l := range logs {
						l.Index += uint64(size)
					}
				}
			})
		}
	}
}

// nothing is a state machine that only counts: the log is what is measured.
type nothing struct{ applied atomic.Uint64 }

func (n *nothing) Apply(*raft.Log) any { n.applied.Add(1); return nil }
func (n *nothing) ApplyBatch(logs []*raft.Log) []any {
	n.applied.Add(uint64(len(logs)))
	return make([]any, len(logs))
}
func (n *nothing) Snapshot() (raft.FSMSnapshot, error) { return nil, errors.New("no snapshots here") }
func (n *nothing) Restore(r io.ReadCloser) error       { return r.Close() }

// cluster starts three nodes over loopback TCP and returns the leader.
func cluster(b *testing.B, open opener) (*raft.Raft, func()) {
	b.Helper()
	var nodes []*raft.Raft
	var stops []func()
	var servers []raft.Server
	conf := raft.DefaultConfig()
	conf.HeartbeatTimeout, conf.ElectionTimeout, conf.LeaderLeaseTimeout = 500*time.Millisecond, 500*time.Millisecond, 250*time.Millisecond
	conf.CommitTimeout, conf.MaxAppendEntries, conf.BatchApplyCh = 5*time.Millisecond, 1024, true
	conf.SnapshotThreshold, conf.Logger = 1<<40, hclog.NewNullLogger()
	var transports []*raft.NetworkTransport
	for i := range 3 {
		trans, err := raft.NewTCPTransportWithLogger("127.0.0.1:0", nil, 3, 5*time.Second, hclog.NewNullLogger())
		if err != nil {
			b.Fatal(err)
		}
		transports = append(transports, trans)
		servers = append(servers, raft.Server{ID: raft.ServerID(fmt.Sprint(i)), Address: trans.LocalAddr()})
	}
	for i, trans := range transports {
		s, done := open(b, b.TempDir())
		cache, err := raft.NewLogCache(4096, s)
		if err != nil {
			b.Fatal(err)
		}
		c := *conf
		c.LocalID = servers[i].ID
		snaps := raft.NewInmemSnapshotStore()
		if i == 0 {
			if err := raft.BootstrapCluster(&c, cache, s, snaps, trans, raft.Configuration{Servers: servers}); err != nil {
				b.Fatal(err)
			}
		}
		n, err := raft.NewRaft(&c, &nothing{}, cache, s, snaps, trans)
		if err != nil {
			b.Fatal(err)
		}
		nodes = append(nodes, n)
		stops = append(stops, func() {
			err := n.Shutdown().Error()
			trans.CloseStreams() // or the other side's handlers wait for more
			if err := errors.Join(err, trans.Close()); err != nil {
				b.Fatal(err)
			}
			done()
		})
	}
	stop := func() {
		for _, s := range stops {
			s()
		}
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		for _, n := range nodes {
			if n.State() == raft.Leader && n.Barrier(time.Second).Error() == nil {
				return n, stop
			}
		}
		<-time.After(10 * time.Millisecond)
	}
	b.Fatal("no leader within 10 s")
	return nil, nil
}

// applyRate is how many applies of size bytes a second n appliers get done in all, over the time that follows a warm-up: a new
// store makes its first files then.
func applyRate(b *testing.B, open opener, appliers, size int, warmup, during time.Duration) float64 {
	b.Helper()
	leader, stop := cluster(b, open)
	defer stop()
	cmd := make([]byte, size)
	var count atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for range appliers {
		wg.Go(func() {
			for at := time.Duration(0); at < warmup+during; at = time.Since(start) {
				if err := leader.Apply(cmd, 5*time.Second).Error(); err != nil {
					b.Error(err)
					return
				}
				if at >= warmup {
					count.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return float64(count.Load()) / (time.Since(start) - warmup).Seconds()
}

// BenchmarkRaftApply measures pairs in random order, because the disk of a shared machine has moods, and takes the median
// of their ratios. Two runs of raft-wal in each round are the control: their ratio says what noise looks like.
func BenchmarkRaftApply(b *testing.B) {
	const rounds, warmup, during = 21, 500 * time.Millisecond, 2 * time.Second
	seed := rand.Uint64()
	b.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for b.Loop() {
		var ours, wals, ratios, control []float64
		for range rounds {
			got := make([]float64, 3)
			for _, i := range rng.Perm(3) {
				open := openWAL
				if i == 0 {
					open = openOurs
				}
				got[i] = applyRate(b, open, 64, 512, warmup, during)
			}
			ours, wals = append(ours, got[0]), append(wals, got[1])
			ratios, control = append(ratios, got[0]/got[1]), append(control, got[2]/got[1])
		}
		fmt.Printf("raftlog ratio %s (A/A %s, ours %.0f/s, raft-wal %.0f/s, %d rounds)\n",
			interval(ratios), interval(control), median(ours), median(wals), rounds)
		b.ReportMetric(median(ratios), "ratio")
	}
}

// interval is the median of v and what it lies between with at least 95 % confidence, whatever the distribution: the order
// statistics that the sign test leaves.
func interval(v []float64) string {
	s := slices.SortedFunc(slices.Values(v), cmp.Compare[float64])
	n, k, tail := len(s), 0, 0.0
	for p := math.Pow(0.5, float64(n)); tail+p <= 0.025; k++ {
		tail += p
		p *= float64(n-k) / float64(k+1)
	}
	return fmt.Sprintf("%.2f [%.2f, %.2f]", median(v), s[max(k-1, 0)], s[n-max(k, 1)])
}

// BenchmarkBurst applies 100,000 small commands at once: with raft's defaults replication waits for its 50 ms timer.
func BenchmarkBurst(b *testing.B) {
	const commands = 100_000
	for b.Loop() {
		leader, stop := cluster(b, openOurs)
		start := time.Now()
		futures := make([]raft.ApplyFuture, 0, commands)
		for range commands {
			futures = append(futures, leader.Apply(make([]byte, 32), 0))
		}
		for _, f := range futures {
			if err := f.Error(); err != nil {
				b.Fatal(err)
			}
		}
		took := time.Since(start)
		stop()
		fmt.Printf("raftlog burst %d commands in %.2f s, %.0f/s\n", commands, took.Seconds(), commands/took.Seconds())
		b.ReportMetric(commands/took.Seconds(), "applies/s")
	}
}

func median(v []float64) float64 {
	s := slices.SortedFunc(slices.Values(v), cmp.Compare[float64])
	return s[len(s)/2]
}
