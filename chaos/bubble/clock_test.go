package bubble

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestAWrongWallClockLeavesTheMonotonicOneAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c clock
		before := c.Now()
		if !before.Equal(time.Now()) {
			t.Errorf("without a fault: got %s, want %s", before, time.Now())
		}
		c.set(-time.Hour)
		time.Sleep(3 * time.Second)
		after := c.Now()
		if got := after.Sub(before); got != 3*time.Second {
			t.Errorf("monotonic: got %s, want 3s", got)
		}
		if got := after.Round(0).Sub(before.Round(0)); got != 3*time.Second-time.Hour {
			t.Errorf("wall: got %s, want an hour less than 3s", got)
		}
		c.set(0)
		c.stand(true)
		before = c.Now()
		time.Sleep(5 * time.Second)
		after = c.Now()
		if mono, wall := after.Sub(before), after.Round(0).Sub(before.Round(0)); mono != 5*time.Second || wall != 0 {
			t.Errorf("a wall clock that stands still: monotonic %s, wall %s, want 5s and 0s", mono, wall)
		}
		c.stand(false)
		c.freeze(true)
		before = c.Now()
		time.Sleep(7 * time.Second)
		if got := c.Now().Sub(before); got != 0 {
			t.Errorf("frozen: got %s, want 0s", got)
		}
		c.freeze(false)
		if got := c.Now().Sub(before); got != 7*time.Second {
			t.Errorf("thawed: got %s, want 7s", got)
		}
	})
}
