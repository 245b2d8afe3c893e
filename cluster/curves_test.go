package cluster_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster"
	"backstitch/cluster/clustertest"
	"backstitch/cluster/curve"
	"backstitch/fsm"
	"backstitch/partition"
)

// TestEveryNodeRemembersHowAJobWent: what was written, under which bound, when it rested; and the line ends with the job.
func TestEveryNodeRemembersHowAJobWent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.StartAll()
		c.WaitLeader()
		workers := map[*clustertest.Member]*worker{}
		for _, m := range c.Members() {
			workers[m] = work(t, m)
		}
		job := partition.JobID("bs-curve")
		slice := run(t, c.Member(0), job)
		first := owner(c, workers, slice, nil)
		last := func(m *clustertest.Member) curve.Point {
			points := m.Node.Curve(job)
			if len(points) == 0 {
				return curve.Point{}
			}
			return points[len(points)-1]
		}
		propose := func(cmd fsm.Command) {
			t.Helper()
			res, err := first.Node.Propose(context.Background(), fsm.Envelope{Actor: "test", RequestID: cluster.NewRequestID()}, cmd)
			if err != nil || res.Code != fsm.OK {
				t.Fatalf("%T: got %+v, %v, want OK", cmd, res, err)
			}
		}
		everywhere := func(what string, holds func(p curve.Point) bool) {
			c.Eventually(what, func() bool {
				for _, m := range c.Members() {
					if !holds(last(m)) {
						return false
					}
				}
				return true
			})
		}
		everywhere("a point with what was written", func(p curve.Point) bool { return p.Written == 1 && p.Dealt == 1 && p.Cap == 0 && !p.Rest })
		propose(fsm.PutBudget{Scope: fsm.Scope("job/" + job), Rate: partition.Rate{Bytes: 7 << 20}})
		everywhere("the bound", func(p curve.Point) bool { return p.Cap == 7<<20 })
		propose(fsm.PauseJob{ID: job})
		everywhere("the rest", func(p curve.Point) bool { return p.Rest })
		propose(fsm.CancelJob{ID: job})
		<-time.After(30 * time.Second)
		ended := last(first).At
		<-time.After(time.Minute)
		if at := last(first).At; !at.Equal(ended) {
			t.Errorf("the line of a job that has ended goes on from %s to %s", ended, at)
		}
		if other := first.Node.Curve("bs-other"); other != nil {
			t.Errorf("a job that nobody knows: %v", other)
		}
	})
}

// TestNodesRememberWhoLed: the one before, that nobody did, and the one after, on a node that was neither.
func TestNodesRememberWhoLed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.StartAll()
		first := c.WaitLeader()
		first.Kill()
		second := c.WaitLeader(first)
		var led []cluster.Led
		c.Eventually("the leader after", func() bool {
			led = second.Node.Leaders()
			return len(led) > 0 && led[len(led)-1].Leader == second.Node.ID()
		})
		before, nobody := false, false
		for i, l := range led {
			before = before || l.Leader == first.Node.ID()
			nobody = nobody || before && l.Leader == ""
			if i > 0 && (l.Since.Before(led[i-1].Since) || l.Term < led[i-1].Term) {
				t.Errorf("%d: %+v behind %+v", i, l, led[i-1])
			}
		}
		if !before || !nobody || len(led) > 16 {
			t.Errorf("got %+v, want %s, nobody, and %s", led, first.Name, second.Name)
		}
	})
}
