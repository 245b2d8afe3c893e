//go:build failover

package failover

import (
	"errors"
	"testing"
	"time"

	"backstitch/chaos/testbed"
	"backstitch/cluster/client"
)

func TestLeader(t *testing.T) {
	s := start(t)
	var times []time.Duration
	for round := range *rounds {
		var leader *testbed.Node
		testbed.Eventually(t, time.Minute, "a healthy cluster", func() bool {
			cluster, err := s.Client.Cluster(t.Context())
			leader = s.Leader(t)
			return err == nil && leader != nil && cluster.Healthy && cluster.FailureTolerance == 1 && s.caughtUp(t)
		})
		others := s.Others(leader)
		ask := s.askOnce(t, others)
		leader.Kill()
		at := time.Now()
		testbed.Eventually(t, time.Minute, "a change by the next leader", func() bool {
			_, err := ask.Drain(t.Context(), others[0].Name, "measure failover")
			return committed(err)
		})
		times = append(times, time.Since(at))
		t.Logf("kill %2d: leader %s, next change after %s", round+1, leader.Name, times[round].Round(time.Millisecond))
		if _, err := s.Ask(t, others...).Uncordon(t.Context(), others[0].Name, "measured"); err != nil {
			t.Fatal(err)
		}
		s.Start(t, leader)
		s.Ready(t, leader)
	}
	report(t, "leader", times, leaderMedian, leaderP99)
}

// caughtUp reports whether every voter has the whole log: one that has just been started can neither vote nor be elected, and a
// second loss meanwhile is more than the bar is about.
func (s site) caughtUp(t *testing.T) bool {
	t.Helper()
	peers, err := s.Client.Peers(t.Context())
	if err != nil || len(peers) != len(s.Nodes) {
		return false
	}
	for _, p := range peers {
		if !p.Voter || !p.Healthy || p.State != "leader" && (p.Lag == nil || *p.Lag > 0) {
			return false
		}
	}
	return true
}

// askOnce is a client that gives up at once, so that the measurement asks again at its own pace.
func (s site) askOnce(t *testing.T, nodes []*testbed.Node) *client.Client {
	t.Helper()
	var apis []string
	for _, n := range nodes {
		apis = append(apis, n.API)
	}
	c, err := client.New(client.Config{Addresses: apis, Actor: "failover"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// committed reports whether an answer came through the log: it was done, or it was refused because an earlier try, whose
// answer was lost, has done it.
func committed(err error) bool {
	var e *client.Error
	return err == nil || (errors.As(err, &e) && e.Status == 409)
}
