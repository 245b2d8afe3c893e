package testbed

import (
	"fmt"
	"testing"
	"time"
)

// limitOfStart is how long an agent may take until it serves, and a fleet until it is whole.
const limitOfStart = time.Minute

// Alive waits until a node answers at all, ready or not.
func (f *Fleet) Alive(t testing.TB, n *Node) {
	t.Helper()
	Eventually(t, limitOfStart, n.Name+" to answer", func() bool {
		if !n.Running() {
			t.Fatalf("%s ended by itself", n.Name)
		}
		_, err := n.client.Health(t.Context(), "live")
		return err == nil
	})
}

// Ready waits until a node serves and has in its book what the leader has now: reads are local, and one that has just been
// started answers with what it knew when it died.
func (f *Fleet) Ready(t testing.TB, n *Node) {
	t.Helper()
	if !f.Serves(t, n) {
		t.Fatalf("%s ended by itself", n.Name)
	}
}

// Serves waits until a node is Ready, or has ended by itself: then it is false.
func (f *Fleet) Serves(t testing.TB, n *Node) (serves bool) {
	t.Helper()
	why := ""
	deadline := time.Now().Add(limitOfStart)
	Eventually(t, limitOfStart+time.Second, n.Name+" to be ready", func() bool {
		if !n.Running() {
			return true
		}
		health, err := n.client.Health(t.Context(), "ready")
		if err == nil && health.OK {
			serves = f.upToDate(t, n)
			return serves
		}
		for _, check := range health.Checks {
			if !check.OK {
				why = check.Name + ": " + check.Reason
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not ready: %v %s", n.Name, err, why)
		}
		return false
	})
	return serves
}

func (f *Fleet) upToDate(t testing.TB, n *Node) bool {
	t.Helper()
	mine, err := n.client.Cluster(t.Context())
	if err != nil || mine.Leader == nil {
		return false
	}
	leader := f.Node(mine.Leader.Name)
	if leader == nil {
		return false
	}
	theirs, err := leader.client.Cluster(t.Context())
	return err == nil && mine.AppliedIndex >= theirs.AppliedIndex
}

// Healthy waits until every node votes and one may be lost.
func (f *Fleet) Healthy(t testing.TB) {
	t.Helper()
	why := ""
	deadline := time.Now().Add(limitOfStart)
	Eventually(t, limitOfStart+time.Second, "healthy voters", func() bool {
		c, err := f.Client.Cluster(t.Context())
		if err == nil && c.Healthy && c.Voters == len(f.Nodes) && c.FailureTolerance == (len(f.Nodes)-1)/2 {
			return true
		}
		if why = fmt.Sprintf("%+v, %v", c, err); time.Now().After(deadline) {
			t.Fatalf("not healthy: %s", why)
		}
		return false
	})
}
