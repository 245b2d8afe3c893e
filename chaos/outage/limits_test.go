//go:build chaos && linux

package outage

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"backstitch/chaos/limits"
	"backstitch/chaos/testbed"
	"backstitch/cluster"
)

// TestLimits gives nodes of one cluster too little, one after the other.
func TestLimits(t *testing.T) {
	s := newSite(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"little of a core", s.littleOfACore},
		{"out of memory", s.outOfMemory},
		{"no more files", s.noMoreFiles},
		{"small files only", s.smallFilesOnly},
	} {
		if !t.Run(test.name, test.run) {
			return
		}
	}
}

// littleOfACore gives an owner less and less until the kernel throttles it: how little it lives on changes with the program.
func (s *site) littleOfACore(t *testing.T) {
	if err := limits.Check(limits.CPU); err != nil {
		t.Skipf("NOT TESTED: %v", err)
	}
	s.job(t, func(owner *testbed.Node) {
		g := s.group(t, owner)
		s.Sandbox.Pace(t, pace/4)
		share, n := 0.1, int64(0)
		for ; n == 0 && share > 0.01; share /= 2 {
			must(t, g.CPU(share))
			testbed.During(t, 4*time.Second)
			var err error
			n, err = g.Throttled()
			must(t, err)
		}
		if n == 0 {
			t.Error("vacuous: the kernel never throttled the node")
		}
		t.Logf("throttled in %d periods at %.3f of a core", n, 2*share)
		must(t, g.CPU(0))
	})
}

// outOfMemory restarts an owner with less memory than it needs: the kernel kills it in the middle of its work, as often as it is started,
// until the limit goes.
func (s *site) outOfMemory(t *testing.T) {
	if err := limits.Check(limits.Memory); err != nil {
		t.Skipf("NOT TESTED: %v", err)
	}
	s.job(t, func(owner *testbed.Node) {
		owner.Kill()
		s.Start(s.parent, owner)
		g := s.group(t, owner) // memory that a process has before it is in a group does not count
		must(t, g.Memory(24<<20))
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if status, err := owner.Wait(ctx); err != nil || status != -1 {
			t.Fatalf("%s: got status %d, %v, want that it is killed", owner.Name, status, err)
		}
		if n, err := g.OOMKills(); err != nil || n == 0 {
			t.Errorf("vacuous: the kernel counts %d kills, %v", n, err)
		}
		s.up(t, owner)
	})
}

// noMoreFiles takes what is left with connections from outside, as a client does that never closes them, until the agent has none and
// new ones wait at its door in vain, which it says.
func (s *site) noMoreFiles(t *testing.T) {
	s.job(t, func(owner *testbed.Node) {
		mark := s.mark(t, owner)
		heal, err := limits.MoreFiles(owner.PID(), 4)
		must(t, err)
		s.Sandbox.Pace(t, pace/2)
		full, asked := 0, 0
		for end := time.Now().Add(4 * time.Second); time.Now().Before(end); testbed.During(t, 20*time.Millisecond) {
			left, err := limits.FilesLeft(owner.PID())
			must(t, err)
			if left == 0 {
				full++
				continue
			}
			if asked >= 512 {
				continue // each that is at the door takes what the agent gives back
			}
			for range left + 1 {
				c, err := net.DialTimeout("tcp", owner.API, time.Second)
				must(t, err)
				defer c.Close()
				asked++
			}
		}
		if !owner.Running() {
			t.Fatalf("%s has ended", owner.Name)
		}
		if full < 10 {
			t.Errorf("vacuous: the agent had no file left at %d looks, with %d connections asked for", full, asked)
		}
		said := strings.Count(s.says(t, owner, mark), "connections are not taken")
		if said == 0 {
			t.Error("the agent does not say that it takes no connections")
		}
		t.Logf("no file left at %d looks; said %d times", full, said)
		must(t, heal())
	})
}

// smallFilesOnly makes every write behind the first 64 KiB of a file fail with EFBIG.
func (s *site) smallFilesOnly(t *testing.T) {
	s.job(t, func(owner *testbed.Node) {
		_, err := limits.FileSize(owner.PID(), 64<<10)
		must(t, err)
		s.ends(t, owner, cluster.ExitDisk)
		s.up(t, owner)
	})
}
