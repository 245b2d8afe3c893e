package cluster_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster/clustertest"
	"backstitch/cluster/vitals"
)

// TestAClockThatRunsAheadIsNamedOnEveryNode and said once, not with every look.
func TestAClockThatRunsAheadIsNamedOnEveryNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ahead = 700 * time.Millisecond
		c := clustertest.New(t, 3)
		off := c.Member(2)
		off.Clock = func() time.Time { return time.Now().Add(ahead) }
		c.StartAll()
		<-time.After(10 * time.Second)

		for _, m := range c.Members() {
			k := m.Node.Status(context.Background()).Clock
			if k.Compared != 2 || (k.Max-ahead).Abs() > k.Within || !k.Loud() || k.Node != off.Node.ID() {
				t.Errorf("%s: got %+v, want %s apart and %s named", m.Name, k, ahead, off.Name)
			}
			if n := strings.Count(m.Log.String(), "clocks are apart"); n != 1 {
				t.Errorf("%s said %d times that clocks are apart, want once", m.Name, n)
			}
		}
	})
}

func TestClocksThatAgreeAreLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.Member(2).Clock = func() time.Time { return time.Now().Add(vitals.Limit / 2) }
		c.StartAll()
		<-time.After(10 * time.Second)
		for _, m := range c.Members() {
			if k := m.Node.Status(context.Background()).Clock; k.Compared != 2 || k.Loud() {
				t.Errorf("%s: got %+v, want it compared and within the limit", m.Name, k)
			}
			if strings.Contains(m.Log.String(), "clocks are apart") {
				t.Errorf("%s says that clocks are apart", m.Name)
			}
		}
	})
}
