package leader

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/fsm"
	"backstitch/partition"
)

// fakeRumours counts silence on the same clock as the loop.
type fakeRumours struct {
	clock func() time.Time
	mu    sync.Mutex
	heard map[partition.NodeID]time.Time
}

func (r *fakeRumours) hear(ids ...partition.NodeID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		r.heard[id] = r.clock()
	}
}

func (r *fakeRumours) Rumours() map[partition.NodeID]Rumour {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[partition.NodeID]Rumour{}
	for id, at := range r.heard {
		out[id] = Rumour{GossipAlive: true, Silence: r.clock().Sub(at)}
	}
	return out
}

// rig is a Loop over a fake book, in a bubble.
type rig struct {
	t       *testing.T
	book    *fakeBook
	rumours *fakeRumours
	skipped atomic.Int64 // added to the clock: time in which the leader was stopped
	logged  bytes.Buffer // read only after stop
	cfg     Config
	stop    func() error
}

func newRig(t *testing.T, nodes int) *rig {
	r := &rig{t: t, book: newFakeBook(t, nodes)}
	clock := func() time.Time { return time.Now().Add(time.Duration(r.skipped.Load())) }
	r.rumours = &fakeRumours{clock: clock, heard: map[partition.NodeID]time.Time{}}
	r.cfg = DefaultConfig()
	r.cfg.Self, r.cfg.Book, r.cfg.Proposer, r.cfg.Rumours = "node-0", r.book, r.book, r.rumours
	r.cfg.Clock, r.cfg.Logger = clock, slog.New(slog.NewTextHandler(&r.logged, nil))
	return r
}

func (r *rig) start() {
	r.t.Helper()
	loop, err := New(r.cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- loop.Run(ctx) }()
	r.stop = func() error {
		cancel()
		return <-done
	}
}

// renew makes all nodes but those in except renew for d, every 500 ms.
func (r *rig) renew(d time.Duration, except ...partition.NodeID) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		for _, m := range r.book.members {
			if len(except) == 0 || except[0] != m.ID {
				r.rumours.hear(m.ID)
			}
		}
	}
	synctest.Wait()
}

func TestLoopRunsAJobToItsProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 3)
		r.book.strict = true
		r.start()
		r.renew(time.Second)
		r.book.addJob("bs-a", 5, 3)
		for range 40 {
			r.renew(500 * time.Millisecond)
			for _, l := range r.book.leases() {
				r.book.finish(l.Slice, l.Owner, l.Epoch)
			}
		}
		if err := r.stop(); err != nil {
			t.Errorf("run: got %v, want nil", err)
		}
		if got := r.book.state("bs-a"); got != fsm.JobSucceeded {
			t.Errorf("job: got %s, want succeeded", got)
		}
		p, ok := r.book.proofs[r.book.jobs["bs-a"].Proof]
		if !ok || p.Verdict != fsm.Pass || len(p.Comparisons) != 5 {
			t.Errorf("proof: got %+v", p)
		}
		for _, env := range r.book.log {
			if env.Actor != "leader:node-0" || env.Reason == "" || env.UnixNanos == 0 {
				t.Errorf("envelope without who, why or when: %+v", env)
			}
		}
	})
}

func TestLoopActsOnAChangeBeforeTheTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.cfg.Tick = time.Hour
		r.start()
		time.Sleep(time.Second)
		r.book.addJob("bs-a", 1, 1)
		time.Sleep(r.cfg.MinTurn)
		synctest.Wait()
		if got := len(r.book.leases()); got != 1 {
			t.Errorf("leases %s after a change: got %d, want 1", r.cfg.MinTurn, got)
		}
		r.stop()
	})
}

func TestLoopMovesLeasesOfASilentNodeAtTheLeaseTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 2)
		r.start()
		r.renew(3 * time.Second)
		r.book.addJob("bs-a", 4, 1)
		r.renew(time.Second)
		r.renew(1500*time.Millisecond, "node-1")
		if r.book.stolen != 0 {
			t.Errorf("after a pause of 1.5 s: %d leases moved, want 0", r.book.stolen)
		}
		r.renew(2*time.Second, "node-1")
		for _, l := range r.book.leases() {
			if l.Owner == "node-1" {
				t.Errorf("%s is still with the silent node", l.Slice)
			}
		}
		if r.book.stolen == 0 {
			t.Error("no lease moved from a node that was silent for the lease time")
		}
		r.stop()
	})
}

// A leader that was itself stopped for ten seconds has heard nobody in them, and must not conclude anything from that.
func TestStoppedLeaderTakesNothingAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 3)
		r.start()
		r.renew(3 * time.Second)
		r.book.addJob("bs-a", 6, 1)
		r.renew(time.Second)
		if len(r.book.leases()) != 6 {
			t.Fatalf("leases: got %d, want 6", len(r.book.leases()))
		}
		r.skipped.Add(int64(10 * time.Second))
		time.Sleep(400 * time.Millisecond) // two turns in which the rumours are ten seconds old
		r.renew(5 * time.Second)
		if r.book.stolen != 0 {
			t.Errorf("%d leases moved, want 0", r.book.stolen)
		}
		r.stop()
		if !strings.Contains(r.logged.String(), "begins to watch anew") {
			t.Error("the log does not say that the leader was stopped")
		}
	})
}

func TestLoopGoesOnAfterProposalsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.book.fail = errors.New("no quorum")
		r.book.addJob("bs-a", 1, 1)
		r.start()
		time.Sleep(5 * time.Second)
		r.book.mu.Lock()
		r.book.fail = nil
		r.book.mu.Unlock()
		time.Sleep(time.Second)
		synctest.Wait()
		if got := len(r.book.leases()); got != 1 {
			t.Errorf("leases once proposals work again: got %d, want 1", got)
		}
		r.stop()
		if got := strings.Count(r.logged.String(), "no quorum"); got != 1 {
			t.Errorf("the failure was logged %d times in 25 turns, want once", got)
		}
	})
}

func TestRetriedJobIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.book.strict = true
		r.book.addJob("bs-a", 2, 2)
		r.start()
		failed := false
		for range 30 {
			time.Sleep(300 * time.Millisecond)
			for _, l := range r.book.leases() {
				if l.Slice.N == 4 && !failed { // the first verify slice
					failed = true
					r.book.failSlice(l.Slice, l.Epoch, false, 0)
					continue
				}
				r.book.finish(l.Slice, l.Owner, l.Epoch)
			}
			synctest.Wait()
			if r.book.state("bs-a") == fsm.JobFailed {
				r.book.retry("bs-a")
			}
		}
		if got := r.book.state("bs-a"); !failed || got != fsm.JobSucceeded {
			t.Errorf("job after a failed verify slice and a retry: got %s, want succeeded", got)
		}
		r.stop()
	})
}

func TestLoopComparesDigestsOfABookThatChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		r.book.addJob("bs-a", 1, 1)
		r.start()
		time.Sleep(10 * time.Minute)
		if n := r.book.proposed("every "); n != 1 {
			t.Errorf("comparisons in ten minutes without change: got %d, want 1", n)
		}
		r.stop()
	})
}

// TestLoopLooksForWhatIsUnscanned at once and then seldom, and not in each turn.
func TestLoopLooksForWhatIsUnscanned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1)
		order := fsm.ScanOrder{Name: "orders.scan"}
		r.book.unscanned = []fsm.Unscanned{{Topic: "orders", Anomaly: "an-7f3k", Before: "bs-before", Scan: "bs-own", Order: order}}
		r.start()
		r.renew(95 * time.Second)
		r.stop()
		if r.book.looks != 10 {
			t.Errorf("%d looks in 95 seconds, want 10", r.book.looks)
		}
		if n := r.book.proposed("hours of orders are unusual (an-7f3k)"); n != 10 {
			t.Errorf("%d proposals, want one for each look: the book knows which scans it has begun", n)
		}
	})
}

type brokenBook struct{ *fakeBook }

var errBroken = errors.New("damaged")

func (brokenBook) Overview() (Overview, error) { return Overview{}, errBroken }

func TestLoopEndsWhenTheBookCanNotBeRead(t *testing.T) {
	r := newRig(t, 1)
	r.cfg.Book = brokenBook{r.book}
	loop, err := New(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := loop.Run(context.Background()); !errors.Is(err, errBroken) {
		t.Errorf("run: got %v, want %v", err, errBroken)
	}
}

func TestHalfAConfigIsRefused(t *testing.T) {
	for name, breakIt := range map[string]func(*Config){
		"no self":      func(c *Config) { c.Self = "" },
		"no book":      func(c *Config) { c.Book = nil },
		"no proposer":  func(c *Config) { c.Proposer = nil },
		"no rumours":   func(c *Config) { c.Rumours = nil },
		"no clock":     func(c *Config) { c.Clock = nil },
		"no logger":    func(c *Config) { c.Logger = nil },
		"no tick":      func(c *Config) { c.Tick = 0 },
		"long turn":    func(c *Config) { c.MinTurn = c.Tick + 1 },
		"no lease":     func(c *Config) { c.Limits.Lease = 0 },
		"long silence": func(c *Config) { c.Limits.Silence = c.Limits.Lease },
		"short grace":  func(c *Config) { c.Limits.Grace = 1 },
		"no lanes":     func(c *Config) { c.Limits.LanesPerWeight = 0 },
		"no grants":    func(c *Config) { c.Limits.MaxGrants = 0 },
	} {
		r := newRig(t, 1)
		breakIt(&r.cfg)
		if _, err := New(r.cfg); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

// One turn reads one state per lane, however many slices there are.
func TestTurnReadsHeadsOnly(t *testing.T) {
	book := newFakeBook(t, 3)
	book.addJob("bs-a", 100, 100)
	c := newCache(book)
	over, _ := book.Overview()
	for turn := range 2 {
		book.reads = 0
		if _, err := c.refresh(over.Jobs, 0); err != nil {
			t.Fatal(err)
		}
		if book.reads > 100 {
			t.Errorf("turn %d read %d states of 10,100, want at most 100", turn, book.reads)
		}
	}
}

func BenchmarkDecide10kSlices(b *testing.B) {
	book := newFakeBook(b, 9)
	book.addJob("bs-a", 1000, 9)
	over, _ := book.Overview()
	c := newCache(book)
	rumours := map[partition.NodeID]Rumour{}
	for _, m := range over.Members {
		rumours[m.ID] = Rumour{GossipAlive: true}
	}
	for b.Loop() {
		jobs, err := c.refresh(over.Jobs, time.Minute)
		if err != nil {
			b.Fatal(err)
		}
		l := DefaultLimits()
		l.LanesPerWeight = 200 // all lanes at once: the worst case
		if got := Decide(Input{Now: time.Minute, Self: "node-0", Jobs: jobs, Members: over.Members, Rumours: rumours, Limits: l, Version: 1}); len(got) != 1 {
			b.Fatalf("proposals: got %d, want 1", len(got))
		}
	}
}
