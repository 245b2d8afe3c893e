package cluster_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster"
	"backstitch/cluster/clustertest"
	"backstitch/fsm"
	"backstitch/partition"
)

func TestAKilledLeaderIsReplacedAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.StartAll()
		old := c.WaitLeader()
		mustSubmit(t, old, "bs-before")
		began := time.Now()
		old.Kill()
		next := c.WaitLeader(old)
		mustSubmit(t, next, "bs-after")
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("kill to the next leader's first commit: got %s, want at most 3s", took)
		}
		old.Start()
		c.WaitServing(old)
		c.WaitVoters(3)
		c.WaitSame()
		for _, id := range []string{"bs-before", "bs-after"} {
			if !hasJob(t, old, partition.JobID(id)) {
				t.Errorf("%s lost %s", old.Name, id)
			}
		}
	})
}

func TestALeaderThatIsCutOffChangesNothingAndFollowsAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.Configure = func(_ int, conf *cluster.Config) { conf.ProposeTimeout = 3 * time.Second }
		c.StartAll()
		old := c.WaitLeader()
		c.Net.Isolate(old.Host, c.Hosts()...)
		if _, err := submit(t, old, "bs-cut"); !errors.Is(err, cluster.ErrNoLeader) && !errors.Is(err, cluster.ErrOutcomeUnknown) {
			t.Errorf("propose through a leader that is cut off: got %v, want no leader or outcome unknown", err)
		}
		next := c.WaitLeader(old)
		mustSubmit(t, next, "bs-majority")
		if cluster.OK(old.Node.Health().Ready) {
			t.Errorf("a node without a quorum calls itself ready")
		}
		if !cluster.OK(old.Node.Health().Live) {
			t.Errorf("a node without a quorum calls itself dead")
		}
		c.Net.Heal()
		c.WaitServing(c.Members()...)
		c.WaitSame()
	})
}

func TestANodeComesBackAtAnotherAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.StartAll()
		leader := c.WaitLeader()
		m := c.Member(0)
		if m == leader {
			m = c.Member(1)
		}
		id := m.Node.ID()
		m.Stop()
		m.Move("127.0.0.77")
		m.Start()
		c.WaitServing(m)
		c.WaitVoters(3)
		if m.Node.ID() != id {
			t.Errorf("node id: got %s, want %s", m.Node.ID(), id)
		}
		mustSubmit(t, m, "bs-moved")
		// The leader itself must find it there, also for votes: only the moved node and one other are left.
		leader.Kill()
		next := c.WaitLeader(leader)
		mustSubmit(t, next, "bs-elected")
	})
}

func TestARepeatedRequestIsAnsweredWithTheFirstResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.StartAll()
		env := fsm.Envelope{Actor: "test", RequestID: cluster.NewRequestID()}
		cmd := fsm.SubmitJob{ID: "bs-once", Recipe: []byte("{}"), Locks: []string{"dir:/once/0"}, Slices: 1}
		first, err := c.Member(0).Node.Propose(context.Background(), env, cmd)
		if err != nil || first.Code != fsm.OK {
			t.Fatalf("first: %+v, %v", first, err)
		}
		c.WaitLeader().Kill()
		c.WaitLeader()
		for _, m := range c.Members() {
			if !m.Running() {
				continue
			}
			again, err := m.Node.Propose(context.Background(), env, cmd)
			if err != nil || again.Index != first.Index {
				t.Errorf("again through %s: got index %d, %v, want %d", m.Name, again.Index, err, first.Index)
			}
		}
	})
}

func TestWithoutAQuorumNothingIsProposed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.StartAll()
		left := c.Member(2)
		c.Member(0).Kill()
		c.Member(1).Kill()
		if _, err := submit(t, left, "bs-alone"); !errors.Is(err, cluster.ErrNoLeader) && !errors.Is(err, cluster.ErrOutcomeUnknown) {
			t.Errorf("got %v, want no leader or outcome unknown", err)
		}
		s := left.Node.Status(context.Background())
		if s.Healthy || s.Tolerance != 0 {
			t.Errorf("status: got healthy %t, tolerance %d, want false, 0", s.Healthy, s.Tolerance)
		}
		// All come back, from a power cut, with what was acknowledged.
		c.Member(0).Start()
		c.Member(1).Start()
		c.WaitServing(c.Members()...)
		c.WaitSame()
	})
}

func TestStoppingALeaderHandsOverFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.StartAll()
		old := c.WaitLeader()
		began := time.Now()
		old.Stop()
		next := c.WaitLeader(old)
		mustSubmit(t, next, "bs-next")
		if took := time.Since(began); took > 500*time.Millisecond {
			t.Errorf("stop to the next leader's first commit: got %s, want at most 500ms", took)
		}
	})
}
