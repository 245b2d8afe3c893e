package cluster_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster"
	"backstitch/cluster/clustertest"
	"backstitch/cluster/inject"
	"backstitch/partition"
)

func expendable(t *testing.T, n int) *clustertest.Cluster {
	t.Helper()
	c := clustertest.New(t, n)
	c.Configure = func(_ int, conf *cluster.Config) { conf.Environment = cluster.Staging }
	c.StartAll()
	return c
}

func hurt(t *testing.T, m *clustertest.Member, f inject.Fault) inject.Active {
	t.Helper()
	f.By = "test"
	a, err := m.Node.Hurt(t.Context(), f)
	if err != nil {
		t.Fatalf("%s on %s: %v", f.Kind, m.Name, err)
	}
	return a
}

func hits(t *testing.T, m *clustertest.Member, id string) int64 {
	t.Helper()
	list, err := m.Node.Hurts()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(a inject.Active) bool { return a.ID == id })
	if i < 0 {
		t.Fatalf("%s is not active: %v", id, list)
	}
	return list[i].Hits
}

func TestAProductionNodeDoesNotLetItselfBeHurt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 1)
		c.StartAll()
		node := c.Member(0).Node
		for _, k := range inject.Kinds() {
			_, err := node.Hurt(t.Context(), inject.Fault{Kind: k, TTL: time.Second})
			var say *cluster.Error
			if !errors.Is(err, cluster.ErrProtected) || !errors.As(err, &say) || say.Code != cluster.CodeProtected {
				t.Errorf("%s: got %v, want %v with %s", k, err, cluster.ErrProtected, cluster.CodeProtected)
			}
		}
		if _, err := node.Hurts(); !errors.Is(err, cluster.ErrProtected) {
			t.Errorf("list: got %v, want %v", err, cluster.ErrProtected)
		}
		if _, err := node.Heal("", "test"); !errors.Is(err, cluster.ErrProtected) {
			t.Errorf("heal: got %v, want %v", err, cluster.ErrProtected)
		}
	})
}

func TestALeaderCutOffOnPurposeIsReplacedAndFollowsWhenItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := expendable(t, 3)
		first := c.WaitLeader()
		a := hurt(t, first, inject.Fault{Kind: inject.CutRPC, TTL: 10 * time.Second})
		second := c.WaitLeader(first)
		if hits(t, first, a.ID) == 0 {
			t.Error("the cut hit nothing")
		}
		time.Sleep(10 * time.Second)
		if list, _ := first.Node.Hurts(); len(list) > 0 {
			t.Errorf("still there after its time: %v", list)
		}
		c.WaitServing(first)
		mustSubmit(t, second, "bs-after")
		c.WaitSame()
	})
}

// Each side cuts what it dials; both together are a partition of the two, and the third still sees both.
func TestACutFromOnePeerLeavesTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := expendable(t, 3)
		leads := c.WaitLeader()
		var others []*clustertest.Member
		for _, m := range c.Members() {
			if m != leads {
				others = append(others, m)
			}
		}
		a, b := others[0], others[1]
		hurt(t, a, inject.Fault{Kind: inject.CutRPC, Peers: []string{b.Name}, TTL: time.Minute})
		hurt(t, b, inject.Fault{Kind: inject.CutRPC, Peers: []string{a.Name}, TTL: time.Minute})
		time.Sleep(20 * time.Second)
		if now := c.Leader(); now != leads {
			t.Errorf("a cut between followers moved leadership from %s to %v", leads.Name, now)
		}
		mustSubmit(t, a, "bs-beside")
		if _, err := a.Node.Hurt(t.Context(), inject.Fault{Kind: inject.CutRPC, Peers: []string{"node-z"}, TTL: time.Second}); !errors.Is(err, cluster.ErrUnknownNode) {
			t.Errorf("an unknown peer: got %v, want %v", err, cluster.ErrUnknownNode)
		}
		if _, err := a.Node.Hurt(t.Context(), inject.Fault{Kind: inject.CutRPC, Peers: []string{a.Name}, TTL: time.Second}); !errors.Is(err, inject.ErrInvalid) {
			t.Errorf("itself: got %v, want %v", err, inject.ErrInvalid)
		}
	})
}

func TestGossipCutOnPurposeCallsTheNodeDeadAndHealedAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := expendable(t, 3)
		c.WaitLeader()
		lost, sees := c.Member(0), c.Member(1)
		alive := func() bool { return sees.Node.Alive()[lost.Node.ID()] }
		c.Eventually("gossip has met", alive)
		a := hurt(t, lost, inject.Fault{Kind: inject.CutGossip, TTL: 5 * time.Minute})
		c.Eventually("the others call it dead", func() bool { return !alive() })
		if hits(t, lost, a.ID) == 0 {
			t.Error("the cut hit nothing")
		}
		if n, err := lost.Node.Heal("", "test"); n != 1 || err != nil {
			t.Errorf("heal: got %d, %v", n, err)
		}
		c.Eventually("it is back", alive)
	})
}

func TestAPausedWorkerIsNotHeardUntilItIsHealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := expendable(t, 3)
		c.WaitLeader()
		m := c.Member(1)
		renew := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := m.Node.Checkpoint(ctx, nil)
			return err
		}
		if err := renew(); err != nil {
			t.Fatalf("before: %v", err)
		}
		a := hurt(t, m, inject.Fault{Kind: inject.Pause, TTL: time.Minute})
		if err := renew(); !errors.Is(err, inject.ErrPaused) {
			t.Errorf("paused: got %v, want %v", err, inject.ErrPaused)
		}
		if n, err := m.Node.Heal(a.ID, "test"); n != 1 || err != nil {
			t.Errorf("heal: got %d, %v", n, err)
		}
		if err := renew(); err != nil {
			t.Errorf("healed: %v", err)
		}
	})
}

func TestASlowDiskAndSlowConnectionsSlowACommandDown(t *testing.T) {
	for _, kind := range []inject.Kind{inject.SlowDisk, inject.DelayRPC} {
		t.Run(string(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := expendable(t, 3)
				leads := c.WaitLeader()
				took := func(id string) time.Duration {
					began := time.Now()
					mustSubmit(t, leads, partition.JobID(id))
					return time.Since(began)
				}
				quick := took("bs-quick")
				a := hurt(t, leads, inject.Fault{Kind: kind, Delay: 60 * time.Millisecond, TTL: time.Minute})
				slow := took("bs-slow")
				if slow < quick+50*time.Millisecond {
					t.Errorf("%s before and %s after", quick, slow)
				}
				if hits(t, leads, a.ID) == 0 {
					t.Error("it hit nothing")
				}
				leads.Node.Heal("", "test")
				time.Sleep(time.Second)
				if again := took("bs-again"); again > quick+20*time.Millisecond {
					t.Errorf("%s before and %s after it was healed", quick, again)
				}
			})
		})
	}
}

func TestStepDownMovesLeadershipAndOnlyTheLeaderCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := expendable(t, 3)
		first := c.WaitLeader()
		for _, m := range c.Members() {
			if m != first {
				if _, err := m.Node.Hurt(t.Context(), inject.Fault{Kind: inject.StepDown, TTL: time.Second}); !errors.Is(err, cluster.ErrRefused) {
					t.Errorf("%s, which follows: got %v, want %v", m.Name, err, cluster.ErrRefused)
				}
			}
		}
		hurt(t, first, inject.Fault{Kind: inject.StepDown, TTL: time.Second})
		c.WaitLeader(first)
		// A node of a test is no process; to pretend that it ended would be a lie.
		if _, err := first.Node.Hurt(t.Context(), inject.Fault{Kind: inject.Crash, TTL: time.Second}); !errors.Is(err, cluster.ErrRefused) {
			t.Errorf("crash: got %v, want %v", err, cluster.ErrRefused)
		}
	})
}
