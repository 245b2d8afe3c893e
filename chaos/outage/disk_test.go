//go:build chaos && linux

package outage

import (
	"testing"
	"time"

	"backstitch/chaos/limits"
	"backstitch/chaos/testbed"
	"backstitch/cluster"
)

// TestDisks hurts the disks of one cluster, one after the other. Each fault has to leave it as it found it.
func TestDisks(t *testing.T) {
	s := newSite(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"power loss of an owner", s.powerLossOfAnOwner},
		{"power loss of all", s.powerLossOfAll},
		{"full", s.full},
		{"read-only", s.readOnly},
		{"dead", s.dead},
		{"failed sync", s.failedSync},
		{"stalled", s.stalled},
		{"slow", s.slow},
		{"lying", s.lying},
	} {
		if !t.Run(test.name, test.run) {
			return // the next one would find a cluster that is hurt already
		}
	}
}

func (s *site) powerLossOfAnOwner(t *testing.T) {
	s.job(t, func(owner *testbed.Node) {
		must(t, s.disk(owner).CutPower())
		owner.Kill()
		must(t, s.disk(owner).PowerOn())
		s.up(t, owner)
		s.keptItsData(t, owner)
	})
}

// keptItsData wants that an honest disk makes an honest node: what it had acknowledged outlived the cut, so it votes at once.
func (s *site) keptItsData(t *testing.T, nodes ...*testbed.Node) {
	t.Helper()
	for _, n := range nodes {
		if aside := s.asides(t, n); len(aside) > 0 {
			t.Errorf("%s does not trust what outlived the cut of its power: %q", n.Name, aside)
		}
	}
}

func (s *site) powerLossOfAll(t *testing.T) {
	s.job(t, func(*testbed.Node) {
		for _, n := range s.Nodes {
			must(t, s.disk(n).CutPower())
		}
		for _, n := range s.Nodes {
			n.Kill()
			must(t, s.disk(n).PowerOn())
		}
		s.up(t, s.Nodes...)
		s.keptItsData(t, s.Nodes...)
	})
}

// full takes all room away in the middle of a job. A node goes on in the room that it has reserved; what it does when that is
// used up is shown by refusals. Started again it has nothing reserved, and says so until there is room.
func (s *site) full(t *testing.T) {
	var full *testbed.Node
	var heal func() error
	s.job(t, func(owner *testbed.Node) {
		var err error
		full = owner
		heal, err = s.disk(owner).Fill()
		must(t, err)
	})
	full.Terminate(patience)
	s.Start(s.parent, full)
	s.ends(t, full, cluster.ExitDiskFull)
	must(t, heal())
	s.up(t, full)
	s.healthy(t)
	s.sameBooks(t)
}

func (s *site) readOnly(t *testing.T) {
	s.job(t, func(owner *testbed.Node) {
		must(t, s.disk(owner).TurnReadOnly())
		s.ends(t, owner, cluster.ExitDisk)
		must(t, s.disk(owner).Remount())
		s.up(t, owner)
	})
}

func (s *site) dead(t *testing.T) {
	s.job(t, func(owner *testbed.Node) {
		must(t, s.disk(owner).Die())
		s.ends(t, owner, cluster.ExitDisk)
		must(t, s.disk(owner).Remount())
		s.up(t, owner)
	})
}

// failedSync is the fault that a retry would turn into a loss.
func (s *site) failedSync(t *testing.T) {
	s.job(t, func(owner *testbed.Node) {
		s.Sandbox.Pace(t, pace/4) // what has room already can be written for a while
		seen, heal, err := s.disk(owner).FailSyncs()
		must(t, err)
		t.Logf("syncs: %v, then %v", seen.First, seen.Second)
		s.ends(t, owner, cluster.ExitDiskFull, cluster.ExitDisk)
		must(t, heal())
		must(t, s.disk(owner).Remount())
		s.up(t, owner)
	})
}

// stalled is longer than a lease.
func (s *site) stalled(t *testing.T) {
	s.job(t, func(owner *testbed.Node) {
		resume, err := s.disk(owner).Stall()
		must(t, err)
		s.Sandbox.Pace(t, pace/4)
		testbed.During(t, 5*time.Second)
		must(t, resume())
	})
}

func (s *site) slow(t *testing.T) {
	if err := limits.Check(limits.Blkio); err != nil {
		t.Skipf("NOT TESTED: %v", err)
	}
	s.job(t, func(owner *testbed.Node) {
		g := s.group(t, owner)
		major, minor, err := s.disk(owner).Device()
		must(t, err)
		must(t, g.SlowDevice(major, minor, 20*time.Millisecond))
		s.Sandbox.Pace(t, pace/2)
		testbed.During(t, 3*time.Second)
		must(t, g.SlowDevice(major, minor, 0))
	})
}

// lying takes back from one node what its disk had promised. It can not know, and has to get it from the others, who still have it.
func (s *site) lying(t *testing.T) {
	s.job(t, func(owner *testbed.Node) {
		must(t, s.disk(owner).Lie())
		testbed.During(t, time.Second)
		must(t, s.disk(owner).CutPower())
		owner.Kill()
		must(t, s.disk(owner).PowerOn())
		s.up(t, owner)
	})
}

// group makes a control group with a node in it.
func (s *site) group(t *testing.T, n *testbed.Node) *limits.Group {
	t.Helper()
	g, err := limits.NewGroup(n.Name)
	must(t, err)
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	must(t, g.Add(n.PID()))
	return g
}
