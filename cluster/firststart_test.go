package cluster_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster"
	"backstitch/cluster/clustertest"
	"backstitch/storage"
	"backstitch/storage/storagetest"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// What a node finds that died at its very first start, once or many times, and what one may do that seems to be at its first
// start and is not.

// step leaves syncs out, as each is paid for with the race detector; make test-drawn takes each without it. It is no multiple of three,
// so that all of what is left of a disk, and all members, get their turn.
var step = flag.Int64("cluster.step", 4, "let nodes of a cluster of three die at every such sync of their first start; 1 is each")

// every is how many syncs further the next death is. A lone node costs little and dies at each.
func every(nodes int) int64 {
	if nodes == 1 {
		return 1
	}
	return *step
}

// death is the end of a node right after one of its syncs.
type death struct {
	c       *clustertest.Cluster
	m       *clustertest.Member
	crashed chan *vfs.MemFS // the disk as it was then
}

// dieAt lets the next start of m end after that many syncs, as a power cut does that leaves percent of what was not synced. What
// the node does after it, before it is buried, nobody hears and no disk keeps.
func dieAt(c *clustertest.Cluster, m *clustertest.Member, syncs int64, percent int) *death {
	d := &death{c: c, m: m, crashed: make(chan *vfs.MemFS, 1)}
	m.Wrap = func(fs vfs.FS) vfs.FS {
		disk := &storagetest.CutFS{FS: fs, Mem: m.FS}
		disk.OnSync = func(n int64) {
			if n == syncs {
				c.Net.Down(m.Host)
				d.crashed <- disk.Crash(percent, rand.New(rand.NewPCG(uint64(syncs), 1)))
			}
		}
		return disk
	}
	return d
}

// bury waits for the death, at most for that long, and reports whether there was one. A node that outlives it is killed as well.
func (d *death) bury(limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	d.m.Wrap = nil
	select {
	case disk := <-d.crashed:
		d.m.ExpectEnd()
		d.m.Stop()
		d.m.FS = disk
		return true
	case <-timer.C:
		d.m.Kill()
		return false
	}
}

// whole starts everybody for good and wants one cluster that works.
func whole(t *testing.T, c *clustertest.Cluster, what string) {
	t.Helper()
	for _, m := range c.Members() {
		m.Start()
	}
	working(t, c, what)
	for _, m := range c.Members() {
		if s := m.Node.Status(context.Background()); s.SetAside != "" {
			t.Errorf("%s: %s set data aside: %s", what, m.Name, s.SetAside)
		}
	}
}

func working(t *testing.T, c *clustertest.Cluster, what string) {
	t.Helper()
	c.WaitServing(c.Members()...)
	c.WaitVoters(len(c.Members()))
	for _, m := range c.Members() {
		if got, want := m.Node.ClusterID(), c.Member(0).Node.ClusterID(); got != want || got == "" {
			t.Errorf("%s: cluster of %s: got %q, want %q", what, m.Name, got, want)
		}
	}
	mustSubmit(t, c.Member(0), "bs-whole")
	c.WaitSame()
}

// deaf is how long a leader has to be missed before it is said that there is none: twenty elections.
const deaf = 10 * time.Second

// settled is longer than a first start takes.
const settled = 5 * time.Second

// together lets every member live until the given sync of its own, and reports whether any got that far.
func together(c *clustertest.Cluster, syncs int64, percent int) bool {
	var deaths []*death
	for _, m := range c.Members() {
		deaths = append(deaths, dieAt(c, m, syncs, percent))
		m.Start()
	}
	died := false
	for _, d := range deaths {
		died = d.bury(settled) || died
	}
	return died
}

// TestAllMayDieAtTheirFirstStart lets a lone node die after each sync in turn, and then all of three after the same one.
func TestAllMayDieAtTheirFirstStart(t *testing.T) {
	for _, nodes := range []int{1, 3} {
		for syncs, died := int64(1), true; died && !t.Failed(); syncs += every(nodes) {
			synctest.Test(t, func(t *testing.T) {
				c := clustertest.New(t, nodes)
				died = together(c, syncs, int(syncs%3)*50)
				whole(t, c, fmt.Sprintf("%d nodes died after sync %d", nodes, syncs))
			})
		}
	}
}

// TestAllMayDieAgainAndAgain lets all nodes die after their first sync, start again and die after a later one, and so on until one life
// outlasts the making of the cluster: each death finds what all those before it have left.
func TestAllMayDieAgainAndAgain(t *testing.T) {
	for _, nodes := range []int{1, 3} {
		for percent := 0; percent <= 100; percent += 50 {
			synctest.Test(t, func(t *testing.T) {
				c := clustertest.New(t, nodes)
				for syncs := int64(1); together(c, syncs, percent); syncs += every(nodes) {
				}
				whole(t, c, fmt.Sprintf("%d nodes died after each sync, %d %% of the rest was there", nodes, percent))
			})
		}
	}
}

// TestOneMayDieTwiceAtItsFirstStart lets one of three die early, when its generation is counted and nothing promised, and then after
// a sync, every -cluster.step of them in turn, while the others live.
func TestOneMayDieTwiceAtItsFirstStart(t *testing.T) {
	const early = 4
	for syncs, died := int64(1), true; died && !t.Failed(); syncs += every(3) {
		synctest.Test(t, func(t *testing.T) {
			c := clustertest.New(t, 3)
			m := c.Member(int(syncs % 3))
			first := dieAt(c, m, early, 0)
			for _, o := range c.Members() {
				o.Start()
			}
			if !first.bury(settled) {
				t.Fatalf("%s did not get to sync %d", m.Name, early)
			}
			second := dieAt(c, m, syncs, 0)
			m.Start()
			died = second.bury(settled)
			m.Start()
			working(t, c, fmt.Sprintf("%s died after sync %d, then %d", m.Name, early, syncs))
		})
	}
}

// TestAPromiseOutlivesAPowerCut cuts the power of all when each is bound and none has been let in.
func TestAPromiseOutlivesAPowerCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		for _, m := range c.Members() {
			m.Start()
		}
		c.Eventually("all are bound", func() bool {
			for _, m := range c.Members() {
				if m.Node.ClusterID() == "" {
					return false
				}
			}
			return true
		})
		for _, m := range c.Members() {
			if cluster.OK(m.Node.Health().Ready) {
				t.Fatalf("%s serves already, so its promise is not what binds it", m.Name)
			}
			want := m.Node.ClusterID()
			m.Kill()
			if mark, err := storage.ReadFile(m.FS, "/data/cluster.json"); err != nil || !strings.Contains(string(mark), want) {
				t.Errorf("%s promised to make %s and has forgotten it: %q, %v", m.Name, want, mark, err)
			}
		}
		whole(t, c, "after the promises")
	})
}

// wiped are ways to lose what a voter knew that leave it something to start with.
var wiped = map[string]func(t *testing.T, m *clustertest.Member){
	"the data":            func(t *testing.T, m *clustertest.Member) { remove(t, m, "/data/data") },
	"what is in the data": func(t *testing.T, m *clustertest.Member) { empty(t, m, "/data/data") },
	"the database":        func(t *testing.T, m *clustertest.Member) { remove(t, m, "/data/data/pebble", "/data/data/mark") },
	"what is in the database": func(t *testing.T, m *clustertest.Member) {
		empty(t, m, "/data/data/pebble")
		remove(t, m, "/data/data/mark")
	},
	"the data and the mark of it": func(t *testing.T, m *clustertest.Member) { remove(t, m, "/data/data", "/data/cluster.json") },
}

func remove(t *testing.T, m *clustertest.Member, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if err := m.FS.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
}

func empty(t *testing.T, m *clustertest.Member, dir string) {
	t.Helper()
	names, err := m.FS.List(dir)
	if err != nil || len(names) == 0 {
		t.Fatalf("list %s: %d names, %v", dir, len(names), err)
	}
	for _, name := range names {
		remove(t, m, m.FS.PathJoin(dir, name))
	}
}

// TestAVoterThatForgotIsNotTakenAsFresh wipes the only node besides the dead leader that knows what was agreed. The third one does
// not know it, and with the vote of the wiped node it would lead.
func TestAVoterThatForgotIsNotTakenAsFresh(t *testing.T) {
	for name, wipe := range wiped {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := clustertest.New(t, 3)
				c.StartAll()
				c.WaitVoters(3)
				leader, forgot := c.WaitLeader(), follower(c)
				var third *clustertest.Member
				for _, m := range c.Members() {
					if m != leader && m != forgot {
						third = m
					}
				}
				third.Kill()
				mustSubmit(t, leader, "bs-agreed")
				forgot.Stop()
				leader.Kill()
				wipe(t, forgot)
				forgot.Start()
				third.Start()
				<-time.After(deaf)
				if l := c.Leader(); l != nil {
					t.Fatalf("%s leads without the only node that knows what was agreed", l.Name)
				}
				leader.Start()
				working(t, c, name+" was lost")
				if !hasJob(t, forgot, "bs-agreed") {
					t.Errorf("what was agreed is lost")
				}
			})
		})
	}
}

// TestAnIDThatVotedIsRefusedOnANewDisk: a node with an id of its operator's choice lost all of its disk. It is another instance, and
// with the old id it would have the old vote.
func TestAnIDThatVotedIsRefusedOnANewDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.Configure = func(i int, conf *cluster.Config) { conf.NodeID = fmt.Sprintf("chosen-%d", i) }
		c.StartAll()
		c.WaitVoters(3)
		leader, forgot := c.WaitLeader(), follower(c)
		forgot.Stop()
		leader.Kill()
		forgot.FS = vfs.NewCrashableMem()
		forgot.Start()
		<-time.After(deaf)
		if l := c.Leader(); l != nil {
			t.Fatalf("%s leads by the vote of a node that forgot everything", l.Name)
		}
		leader.Start()
		if err := forgot.WaitEnd(); !errors.Is(err, cluster.ErrNodeIDInUse) {
			t.Errorf("got %v, want %v", err, cluster.ErrNodeIDInUse)
		}
	})
}
