package cluster_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster"
	"backstitch/cluster/clustertest"
	"backstitch/fsm"
	"backstitch/partition"
)

// worker is the smallest thing that holds leases: it renews twice a second and remembers what it was given and when.
type worker struct {
	node   *cluster.Node
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu   sync.Mutex
	held map[partition.SliceID]partition.Epoch
	at   map[partition.SliceID]time.Time
}

func work(t *testing.T, m *clustertest.Member) *worker {
	ctx, cancel := context.WithCancel(context.Background())
	w := &worker{node: m.Node, cancel: cancel, held: map[partition.SliceID]partition.Epoch{}, at: map[partition.SliceID]time.Time{}}
	w.done.Add(2)
	go func() {
		defer w.done.Done()
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for {
			w.mu.Lock()
			var entries []fsm.SliceCheckpoint
			for id, epoch := range w.held {
				entries = append(entries, fsm.SliceCheckpoint{Slice: id, Checkpoint: fsm.Checkpoint{Epoch: epoch, Records: 1}})
			}
			w.mu.Unlock()
			_, _ = m.Node.Checkpoint(ctx, entries)
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	go func() {
		defer w.done.Done()
		var index uint64
		for ctx.Err() == nil {
			a, err := m.Node.Assignment(ctx, index)
			if err != nil {
				continue
			}
			index = a.Index
			w.mu.Lock()
			clear(w.held)
			for _, k := range a.Work {
				w.held[k.Slice.ID] = k.Epoch
				if _, ok := w.at[k.Slice.ID]; !ok {
					w.at[k.Slice.ID] = time.Now()
				}
			}
			w.mu.Unlock()
		}
	}()
	t.Cleanup(w.stop)
	return w
}

func (w *worker) stop() {
	w.cancel()
	w.done.Wait()
}

func (w *worker) holds(id partition.SliceID) (partition.Epoch, time.Time, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e, ok := w.held[id]
	return e, w.at[id], ok
}

// run submits a job of one slice and starts it.
func run(t *testing.T, m *clustertest.Member, job partition.JobID) partition.SliceID {
	t.Helper()
	mustSubmit(t, m, job)
	slice := partition.Slice{ID: partition.SliceID{Job: job, N: 0}, Kind: partition.SliceFill, Ranges: partition.Ranges{{From: 0, To: 10}}, Records: 10, Bytes: 100}
	for _, cmd := range []fsm.Command{fsm.AddSlices{Job: job, Slices: []partition.Slice{slice}}, fsm.StartJob{ID: job}} {
		res, err := m.Node.Propose(context.Background(), fsm.Envelope{Actor: "test", RequestID: cluster.NewRequestID()}, cmd)
		if err != nil || res.Code != fsm.OK {
			t.Fatalf("%T: got %+v, %v, want OK", cmd, res, err)
		}
	}
	return slice.ID
}

// owner waits until somebody but except holds the slice.
func owner(c *clustertest.Cluster, workers map[*clustertest.Member]*worker, slice partition.SliceID, except *clustertest.Member) *clustertest.Member {
	var found *clustertest.Member
	c.Eventually("an owner", func() bool {
		for m, w := range workers {
			if _, _, ok := w.holds(slice); ok && m != except {
				found = m
				return true
			}
		}
		return false
	})
	return found
}

func TestAKilledOwnersSliceMovesAndAPauseMovesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.StartAll()
		workers := map[*clustertest.Member]*worker{}
		for _, m := range c.Members() {
			workers[m] = work(t, m)
		}
		slice := run(t, c.Member(0), "bs-moves")
		first := owner(c, workers, slice, nil)
		if first == c.WaitLeader() { // an election would be measured, too
			if _, err := first.Node.TransferLeadership(context.Background(), ""); err != nil {
				t.Fatal(err)
			}
			c.WaitLeader(first)
			<-time.After(5 * time.Second)
		}
		epoch, _, _ := workers[first].holds(slice)

		// A pause of one second: the node answers nobody, and nobody is refused.
		c.Net.Isolate(first.Host, c.Hosts()...)
		<-time.After(time.Second)
		c.Net.Heal()
		<-time.After(5 * time.Second)
		if again, _, ok := workers[first].holds(slice); !ok || again != epoch {
			t.Errorf("after a pause of one second: got epoch %d, held %t, want %d, true", again, ok, epoch)
		}

		began := time.Now()
		first.Kill()
		workers[first].stop()
		next := owner(c, workers, slice, first)
		moved, at, _ := workers[next].holds(slice)
		// Two hints, the refused port and a second of silence; gossip and the end of the lease take half a second more.
		if took := at.Sub(began); moved <= epoch || took > 2*time.Second {
			t.Errorf("kill to the new owner: epoch %d after %s, want above %d within 2s", moved, took, epoch)
		}

		// A zombie's word is refused.
		res, err := c.WaitLeader().Node.Finish(context.Background(), fsm.FinishSlice{Slice: slice, Owner: first.Node.ID(), Epoch: epoch})
		if err != nil || res.Code != fsm.StaleEpoch {
			t.Errorf("finish under the old epoch: got %+v, %v, want stale epoch", res, err)
		}
		refused, err := workers[next].node.Checkpoint(context.Background(), []fsm.SliceCheckpoint{{Slice: slice, Checkpoint: fsm.Checkpoint{Epoch: epoch}}})
		if err != nil || len(refused) != 1 || refused[0].Code != fsm.StaleEpoch {
			t.Errorf("checkpoint under the old epoch: got %+v, %v, want one stale epoch", refused, err)
		}
	})
}

// The next leader counts nobody's silence at first. Of the one before it, it knows more than that.
func TestASliceOfAKilledLeaderMovesRightAfterTheElection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.StartAll()
		workers := map[*clustertest.Member]*worker{}
		for _, m := range c.Members() {
			workers[m] = work(t, m)
		}
		slice := run(t, c.Member(0), "bs-leads")
		first := owner(c, workers, slice, nil)
		if leader := c.WaitLeader(); leader != first {
			if _, err := leader.Node.TransferLeadership(context.Background(), string(first.Node.ID())); err != nil {
				t.Fatal(err)
			}
			c.WaitLeader(leader)
			<-time.After(5 * time.Second) // everybody has renewed with it
		}
		began := time.Now()
		first.Kill()
		workers[first].stop()
		next := owner(c, workers, slice, first)
		// An election of about a second, then a refused port and the old leader's silence since its death.
		if _, at, _ := workers[next].holds(slice); at.Sub(began) > 2*time.Second {
			t.Errorf("kill of a leader to the new owner of its slice: %s, want at most 2s", at.Sub(began))
		}
	})
}

// What a node held when it was killed is somebody else's by the time at which it comes back, and its own book does not know yet.
func TestANodeThatComesBackTakesUpNothingFromItsOldBook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.StartAll()
		workers := map[*clustertest.Member]*worker{}
		for _, m := range c.Members() {
			workers[m] = work(t, m)
		}
		slice := run(t, c.Member(0), "bs-old")
		first := owner(c, workers, slice, nil)
		first.Kill()
		workers[first].stop()
		owner(c, workers, slice, first)

		c.Net.Isolate(first.Host, c.Hosts()...)
		first.Start()
		short, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if a, err := first.Node.Assignment(short, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cut off: got %d leases, %v, want to wait for the leader", len(a.Work), err)
		}
		c.Net.Heal()
		c.WaitServing(first)
		if a, err := first.Node.Assignment(context.Background(), 0); err != nil || len(a.Work) != 0 {
			t.Errorf("caught up: got %d leases, %v, want none", len(a.Work), err)
		}
	})
}

func TestANodeThatIsCutOffCanNotRenew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.StartAll()
		leader := c.WaitLeader()
		if _, err := leader.Node.Checkpoint(context.Background(), nil); err != nil {
			t.Errorf("renew on the leader: %v", err)
		}
		m := follower(c)
		if _, err := m.Node.Checkpoint(context.Background(), nil); err != nil {
			t.Errorf("renew on a follower: %v", err)
		}
		for _, m := range []*clustertest.Member{m, leader} {
			c.Net.Isolate(m.Host, c.Hosts()...)
			began := time.Now()
			if _, err := m.Node.Checkpoint(context.Background(), nil); !errors.Is(err, cluster.ErrNoLeader) && !errors.Is(err, cluster.ErrOutcomeUnknown) {
				t.Errorf("renew on %s, cut off: got %v, want no leader or outcome unknown", m.Name, err)
			}
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("renew on %s, cut off: took %s, want at most the lease time and a little", m.Name, took)
			}
			c.Net.Heal()
			c.WaitServing(c.Members()...)
		}
	})
}

func TestAssignmentWaitsForNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 1)
		c.StartAll()
		m := c.Member(0)
		first, err := m.Node.Assignment(context.Background(), 0)
		if err != nil || len(first.Work) != 0 {
			t.Fatalf("first: got %+v, %v, want no work", first, err)
		}
		short, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		mustSubmit(t, m, "bs-nonews") // moves the index and no lease
		if _, err := m.Node.Assignment(short, first.Index); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without news: got %v, want to wait until the context ends", err)
		}
	})
}

func TestAnEmptyBookHasNoAssignmentYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		for _, m := range c.Members() {
			m.Start()
		}
		m := c.Member(0)
		c.Eventually("the data directory is open", func() bool { return m.Node.ID() != "" })
		a, err := m.Node.Assignment(context.Background(), 0)
		if err != nil || a.Index == 0 {
			t.Errorf("the first assignment of a new cluster: got index %d, %v, want one above 0: 0 says nothing seen yet, and would be asked for at once", a.Index, err)
		}
	})
}
