package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster"
	"backstitch/cluster/clustertest"
	"backstitch/fsm"
	"backstitch/partition"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func TestALateVoterAndAWorkerJoin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.Configure = func(i int, conf *cluster.Config) {
			if i == 4 {
				conf.Role = fsm.RoleWorker
			}
		}
		c.StartAll()
		mustSubmit(t, c.Member(0), "bs-early")
		late, worker := c.Add(), c.Add()
		late.Start()
		worker.Start()
		c.WaitServing(late, worker)
		c.WaitVoters(4)
		c.WaitSame()
		mustSubmit(t, worker, "bs-worker")
		if !hasJob(t, worker, "bs-early") {
			t.Errorf("the worker does not have the book")
		}
		<-time.After(15 * time.Second) // three times as long as a voter waits for its vote
		for _, p := range c.Leader().Node.Status(context.Background()).Peers {
			if p.Voter == (p.ID == worker.Node.ID()) {
				t.Errorf("%s: voter %t", p.Name, p.Voter)
			}
		}
	})
}

func TestANodeThatExpectsToBootstrapJoinsWhatExists(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.Configure = func(_ int, conf *cluster.Config) { conf.BootstrapExpect = 3 }
		c.StartAll()
		more := []*clustertest.Member{c.Add(), c.Add(), c.Add()}
		for _, m := range more {
			m.Start()
		}
		c.WaitServing(more...)
		for _, m := range more {
			if got, want := m.Node.ClusterID(), c.Member(0).Node.ClusterID(); got != want {
				t.Errorf("%s is of cluster %q, want %q", m.Name, got, want)
			}
		}
	})
}

func TestAnInterruptedBootstrapIsTakenUpAgain(t *testing.T) {
	// The node that makes the cluster dies at some moment of doing so, with and without the others' promises.
	for _, after := range []time.Duration{0, 50 * time.Millisecond, 100 * time.Millisecond, 150 * time.Millisecond, 200 * time.Millisecond, 300 * time.Millisecond, 600 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			c := clustertest.New(t, 3)
			for _, m := range c.Members() {
				m.Start()
			}
			<-time.After(after)
			for _, m := range c.Members() {
				m.Kill()
				m.Start()
			}
			c.WaitServing(c.Members()...)
			c.WaitVoters(3)
			mustSubmit(t, c.Member(1), "bs-after")
		})
	}
}

func TestTheSameNodeTwiceIsRefused(t *testing.T) {
	rows := map[string]struct {
		prepare func(c *clustertest.Cluster, second *clustertest.Member)
		want    string
	}{
		"another directory with the id": {func(c *clustertest.Cluster, second *clustertest.Member) {
			id := string(c.Member(0).Node.ID())
			c.Configure = func(i int, conf *cluster.Config) {
				if i == 3 {
					conf.NodeID = id
				}
			}
		}, "belongs to another data directory"},
		"another directory with the name": {func(c *clustertest.Cluster, second *clustertest.Member) {
			second.Name = c.Member(0).Name
		}, "belongs to another node"},
		"a copy of the directory": {func(c *clustertest.Cluster, second *clustertest.Member) {
			second.FS, second.Name = c.Member(0).FS.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 2))}), c.Member(0).Name
		}, "is running at"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := clustertest.New(t, 3)
				c.StartAll()
				mustSubmit(t, c.Member(0), "bs-kept")
				second := c.Add()
				row.prepare(c, second)
				second.Start()
				err := second.WaitEnd()
				if !errors.Is(err, cluster.ErrNodeIDInUse) || cluster.ExitStatus(err) != cluster.ExitNodeIDUse || !strings.Contains(err.Error(), row.want) {
					t.Errorf("second node: got %v (exit status %d), want %q and %d", err, cluster.ExitStatus(err), row.want, cluster.ExitNodeIDUse)
				}
				// The first one is not hurt, and neither is the cluster.
				c.WaitServing(c.Members()[:3]...)
				mustSubmit(t, c.Member(0), "bs-after")
				c.WaitVoters(3)
			})
		})
	}
}

func TestACopyThatCanNotSeeTheOriginalIsRefusedByTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.StartAll()
		original := follower(c)
		second := c.Add()
		second.FS, second.Name = original.FS.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(5, 6))}), original.Name
		c.Net.Cut(second.Host, original.Host)
		second.Start()
		if err := second.WaitEnd(); !errors.Is(err, cluster.ErrNodeIDInUse) || !strings.Contains(err.Error(), "is running at") {
			t.Errorf("a copy: got %v, want node id in use", err)
		}
		c.Net.Heal()
		c.WaitServing(c.Members()[:3]...)
		c.WaitVoters(3)
	})
}

func TestANodeOfAnotherClusterIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lone := clustertest.New(t, 1)
		lone.StartAll()
		stranger := lone.Member(0).FS
		lone.Member(0).Stop()

		c := clustertest.New(t, 3)
		c.StartAll()
		m := c.Add()
		m.FS, m.Name = stranger, "node-a"
		c.Configure = func(i int, conf *cluster.Config) { conf.Name = "stranger" }
		m.Start()
		// It has state of its own and the others' gossip and RPC will not have it: it never serves, and they lose nothing.
		<-time.After(10 * time.Second)
		if got := c.WaitLeader().Node.ClusterID(); got == m.Node.ClusterID() {
			t.Errorf("two clusters have become one: %s", got)
		}
		members, err := c.Member(0).Node.View()
		if err != nil {
			t.Fatal(err)
		}
		defer members.Close()
		if all, err := members.Members(); err != nil || len(all) != 3 {
			t.Errorf("members: got %d, %v, want 3", len(all), err)
		}
	})
}

func TestDrainAndLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.StartAll()
		m := c.WaitLeader()
		other := c.Member(0)
		if other == m {
			other = c.Member(1)
		}
		env := fsm.Envelope{Actor: "test", Reason: "kernel", RequestID: cluster.NewRequestID()}
		if res, err := other.Node.SetState(context.Background(), env, m.Name, fsm.MemberDraining); err != nil || res.Code != fsm.OK {
			t.Fatalf("drain: %+v, %v", res, err)
		}
		if got := state(t, other, m.Node.ID()); got != fsm.MemberDraining {
			t.Errorf("state: got %s, want draining", got)
		}
		if err := m.Node.Leave(context.Background(), "decommissioned"); err != nil {
			t.Fatalf("leave: %v", err)
		}
		if err := m.WaitEnd(); err != nil || !m.Node.Left() {
			t.Errorf("Run after leaving: got %v, left %t, want nil, true", err, m.Node.Left())
		}
		if got := state(t, other, m.Node.ID()); got != fsm.MemberLeft {
			t.Errorf("state: got %s, want left", got)
		}
		c.WaitVoters(2)
		mustSubmit(t, other, "bs-two")
		// It changes its mind.
		m.Start()
		c.WaitServing(m)
		c.WaitVoters(3)
		if got := state(t, other, m.Node.ID()); got != fsm.MemberActive {
			t.Errorf("state after coming back: got %s, want active", got)
		}
	})
}

func state(t *testing.T, m *clustertest.Member, id partition.NodeID) fsm.MemberState {
	t.Helper()
	v, err := m.Node.View()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	got, ok, err := v.Member(id)
	if err != nil || !ok {
		t.Fatalf("member %s: %t, %v", id, ok, err)
	}
	return got.State
}

func TestTransferAndRemove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.StartAll()
		c.WaitVoters(3)
		old := c.WaitLeader()
		to := c.Member(0)
		if to == old {
			to = c.Member(1)
		}
		moved, err := old.Node.TransferLeadership(context.Background(), to.Name)
		if err != nil || moved.From != old.Node.ID() || moved.To != to.Node.ID() {
			t.Fatalf("transfer: got %+v, %v, want %s to %s", moved, err, old.Node.ID(), to.Node.ID())
		}
		if _, err := old.Node.TransferLeadership(context.Background(), "nobody"); !errors.Is(err, cluster.ErrUnknownNode) {
			t.Errorf("transfer to nobody: got %v, want unknown node", err)
		}
		c.WaitLeader(old)
		gone := old.Node.ID()
		old.Kill()
		if err := to.Node.RemovePeer(context.Background(), old.Name, "burnt"); err != nil {
			t.Fatalf("remove: %v", err)
		}
		c.WaitVoters(2)
		last := c.Member(2)
		if last == to || last == old {
			last = c.Member(1)
		}
		last.Kill()
		c.Eventually("no leader", func() bool { return to.Node.Leader() == "" })
		last.Start()
		c.WaitServing(last)
		// A removed node that is started again asks to be let in and is.
		old.Start()
		c.WaitServing(old)
		c.WaitVoters(3)
		if old.Node.ID() != gone {
			t.Errorf("node id changed")
		}
	})
}

// Whoever removes the machine that burnt does so while the others still take it for the leader.
func TestALeaderThatIsGoneIsRemovedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.StartAll()
		c.WaitVoters(3)
		old := c.WaitLeader()
		other := c.Member(0)
		if other == old {
			other = c.Member(1)
		}
		old.Kill()
		if leader := other.Node.Leader(); leader != old.Node.ID() {
			t.Fatalf("the others believe in %q, want the one that is gone", leader)
		}
		if err := other.Node.RemovePeer(context.Background(), old.Name, "burnt"); err != nil {
			t.Errorf("remove: %v", err)
		}
		c.WaitVoters(2)
	})
}

func TestTheLastVoterThatAnswersIsNotRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.StartAll()
		c.WaitVoters(3)
		leader := c.WaitLeader()
		var rest []*clustertest.Member
		for _, m := range c.Members() {
			if m != leader {
				rest = append(rest, m)
			}
		}
		rest[0].Kill()
		err := leader.Node.RemovePeer(context.Background(), rest[1].Name, "wrong one")
		var e *cluster.Error
		if !errors.As(err, &e) || e.Code != cluster.CodeLastVoter || e.Hint == "" {
			t.Errorf("remove a voter that is needed: got %v, want %s with a hint", err, cluster.CodeLastVoter)
		}
		mustSubmit(t, leader, "bs-still")
	})
}

func TestANodeThatHasEndedSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 1)
		c.StartAll()
		m := c.Member(0)
		m.Stop()
		if _, err := m.Node.SetState(context.Background(), fsm.Envelope{Actor: "test"}, m.Name, fsm.MemberDraining); !errors.Is(err, cluster.ErrNotReady) {
			t.Errorf("drain through a node that has ended: got %v, want not ready", err)
		}
	})
}

// TestANodeStopsWhileItIsAsked: what Raft has queued when it is shut down it never answers, and a node that waits for it would
// never end.
func TestANodeStopsWhileItIsAsked(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			c := clustertest.New(t, 1)
			c.StartAll()
			m := c.Member(0)
			var asking sync.WaitGroup
			busy := make(chan struct{})
			for i := range 16 {
				asking.Add(1)
				go func() {
					defer asking.Done()
					for n := 0; ; n++ {
						if _, err := submit(t, m, jobID(fmt.Sprintf("bs-%d-%d", i, n))); err != nil {
							return
						}
						if i == 0 && n == 9 {
							close(busy)
						}
					}
				}()
			}
			<-busy
			m.Stop()
			asking.Wait()
		})
	}
}

// TestStatusSaysHowLongALostVoterKeepsItsPlace, and no more of it once it is back.
func TestStatusSaysHowLongALostVoterKeepsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.StartAll()
		c.WaitVoters(3)
		lost := follower(c)
		lost.Kill()
		killed := time.Now()
		<-time.After(10 * time.Second)
		s := c.WaitLeader(lost).Node.Status(context.Background())
		if s.Healthy || s.Tolerance != 0 {
			t.Errorf("with one of three lost: healthy %t and tolerance %d, want false and 0", s.Healthy, s.Tolerance)
		}
		for _, p := range s.Peers {
			gone := p.Name == lost.Name
			if gone == p.Gone.IsZero() || gone == p.Until.IsZero() || gone == p.Healthy {
				t.Errorf("%s: gone since %v, keeps its place until %v, healthy %t", p.Name, p.Gone, p.Until, p.Healthy)
			}
			if after := cluster.DefaultConfig().Autopilot.DeadAfter; gone && (p.Gone.Before(killed) || p.Until.Sub(p.Gone) != after) {
				t.Errorf("%s: killed at %v, gone since %v, keeps its place until %v, want %s later", p.Name, killed, p.Gone, p.Until, after)
			}
		}
		lost.Start()
		c.WaitServing(lost)
		c.Eventually("all is healthy again", func() bool {
			s := c.WaitLeader().Node.Status(context.Background())
			return s.Healthy && s.Tolerance == 1 && !slices.ContainsFunc(s.Peers, func(p cluster.Peer) bool { return !p.Until.IsZero() })
		})
	})
}
