package cluster_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"backstitch/cluster"
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

// TestAFullDiskGivesItsWorkToOthers and takes work again once there is room; meanwhile it takes nothing that needs room.
func TestAFullDiskGivesItsWorkToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		used := map[*clustertest.Member]*atomic.Uint64{}
		for _, m := range c.Members() {
			used[m] = &atomic.Uint64{}
			m.DiskUsage = func() (vfs.DiskUsage, error) {
				n := used[m].Load()
				return vfs.DiskUsage{UsedBytes: n, AvailBytes: 100 - n}, nil
			}
		}
		c.StartAll()
		workers := map[*clustertest.Member]*worker{}
		for _, m := range c.Members() {
			workers[m] = work(t, m)
		}
		slice := run(t, c.Member(0), "bs-full")
		first := owner(c, workers, slice, nil)

		used[first].Store(90) // past the soft mark: what it has it keeps
		<-time.After(10 * time.Second)
		if _, _, ok := workers[first].holds(slice); !ok {
			t.Errorf("%s lost its slice at the soft mark", first.Name)
		}
		if s := c.WaitLeader().Node.Status(context.Background()); !s.Healthy || s.Disks[first.Node.ID()].Level != vitals.Soft {
			t.Errorf("at the soft mark: got healthy %t and %+v, want true and a soft one", s.Healthy, s.Disks)
		}

		used[first].Store(96)
		began := time.Now()
		next := owner(c, workers, slice, first)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("the slice moved after %s, want 10 s at most", took)
		}
		if _, err := first.Node.RestoreSnapshot(context.Background(), strings.NewReader("")); !refusedFor(err, cluster.CodeDiskHard) {
			t.Errorf("restore through a node without room: got %v, want %s with what to do", err, cluster.CodeDiskHard)
		}
		<-time.After(5 * time.Second) // until next has asked, too, and not the leader alone
		if s := next.Node.Status(context.Background()); s.Healthy || !strings.Contains(strings.Join(s.Reasons, ""), "node "+first.Name+" has a full disk: 96 % full") {
			t.Errorf("at the hard mark: got healthy %t, %q, want false and why", s.Healthy, s.Reasons)
		}

		used[first].Store(20)
		<-time.After(10 * time.Second)
		for _, m := range c.Members() {
			if m != first {
				used[m].Store(99)
			}
		}
		c.Eventually("the slice is back where there is room", func() bool {
			_, _, here := workers[first].holds(slice)
			_, _, there := workers[next].holds(slice)
			return here && !there
		})
		if n := strings.Count(first.Log.String(), "has room again"); n != 1 {
			t.Errorf("%s said %d times that there is room again, want once", first.Name, n)
		}
	})
}

func refusedFor(err error, code string) bool {
	var e *cluster.Error
	return errors.As(err, &e) && e.Code == code && e.Hint != ""
}
