package cluster_test

import (
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster"
	"backstitch/cluster/clustertest"
)

// TestANodeWithNothingToApplyIsNotStuck: idle, alone, and without a majority. Otherwise a watchdog would start the last nodes that
// can still vote over and over.
func TestANodeWithNothingToApplyIsNotStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		first := c.Member(0)
		first.Start()
		time.Sleep(5 * time.Second)
		alone := first.Node.Pulse()
		if !alone.Opened || alone.StuckSince(alone) {
			t.Errorf("before the others come: %+v", alone)
		}
		for _, m := range c.Members()[1:] {
			m.Start()
		}
		c.WaitServing(c.Members()...)
		leader := c.WaitLeader()
		mustSubmit(t, leader, "bs-one")
		time.Sleep(5 * time.Second)
		idle := leader.Node.Pulse()
		if idle.Applied == 0 || idle.Applied < idle.Committed || idle.Turns%2 != 0 || idle.StuckSince(idle) {
			t.Errorf("idle: %+v", idle)
		}
		for _, m := range c.Members() {
			if m != leader {
				m.Kill()
			}
		}
		before := leader.Node.Pulse()
		if _, err := submit(t, leader, "bs-two"); err == nil {
			t.Error("a node alone committed")
		}
		time.Sleep(5 * time.Second)
		if now := leader.Node.Pulse(); now.StuckSince(before) || now.StuckSince(now) {
			t.Errorf("without a majority: %+v, then %+v", before, now)
		}
		leader.Stop()
		if p := leader.Node.Pulse(); p != (cluster.Pulse{}) {
			t.Errorf("stopped: %+v", p)
		}
	})
}
