//go:build chaos && linux

package outage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstitch/chaos/disk"
	"backstitch/chaos/testbed"
)

// TestBytes damages what a stopped node has on disk. Unless it can do without, the node says so, sets it aside, serves nothing of
// it, and comes back with the others' book and with its vote.
func TestBytes(t *testing.T) {
	s := newSite(t)
	s.job(t, func(*testbed.Node) {})
	s.snapshotEverywhere(t)
	for _, n := range s.Nodes { // what is in the log is flushed to tables at a start
		n.Terminate(patience)
		s.up(t, n)
	}
	s.healthy(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"bit in log", s.bitIn(disk.Log)},
		{"bit in sst", s.bitIn(disk.Table)},
		{"bit in snapshot", s.spareSnapshot(func(t *testing.T, home string) {
			files, err := disk.Snapshot.Of(home)
			must(t, err)
			_, err = disk.Flip(files[0], s.random)
			must(t, err)
		})},
		{"lost snapshot", s.spareSnapshot(func(t *testing.T, home string) { must(t, disk.LoseSnapshot(home)) })},
		{"shortened log", s.shortenedLog},
		{"old disk", s.oldDisk},
		{"old disk without its data", s.oldDiskWithoutData},
	} {
		if !t.Run(test.name, test.run) {
			return
		}
	}
}

// follower is a node that does not lead and has a file of that kind.
func (s *site) follower(t *testing.T, with disk.Files) *testbed.Node {
	t.Helper()
	var leader *testbed.Node
	testbed.Eventually(t, patience, "a leader", func() bool {
		leader = s.Leader(t)
		return leader != nil
	})
	for _, n := range s.Others(leader) {
		if _, err := with.Of(s.home(n)); err == nil {
			return n
		}
	}
	t.Fatalf("vacuous: no follower has a %s", with)
	return nil
}

// snapshotEverywhere makes every node write a snapshot: a backup of the book is taken and given back.
func (s *site) snapshotEverywhere(t *testing.T) {
	t.Helper()
	file := filepath.Join(s.Dir, "book.snap")
	s.Must(t, "cluster", "snapshot", "save", file, "-q")
	s.Must(t, "cluster", "snapshot", "restore", file, "--confirm", filepath.Base(file), "-q")
	s.healthy(t)
	s.sameBooks(t)
}

// damage stops a node, does something to its directory and starts it again. It returns what the node said, and whether it set
// its data aside.
func (s *site) damage(t *testing.T, in disk.Files, do func(home string)) (said string, aside bool) {
	t.Helper()
	n := s.follower(t, in)
	if status := n.Terminate(patience); status != 0 {
		t.Fatalf("%s ended with %d when asked to", n.Name, status)
	}
	before := len(s.asides(t, n))
	do(s.home(n))
	mark := s.mark(t, n)
	s.mends(t, n)
	s.healthy(t)
	s.sameBooks(t)
	return s.says(t, n, mark), len(s.asides(t, n)) > before
}

func (s *site) asides(t *testing.T, n *testbed.Node) []string {
	t.Helper()
	out, err := filepath.Glob(filepath.Join(s.home(n), "data.damaged-*"))
	must(t, err)
	return out
}

// flips is how many bits are turned over at most before the node has to have named one.
const flips = 5

// bitIn turns one bit over in the newest file of a kind. Not every bit is read: a filter, a table that is superseded, a block under a
// deletion. A node that says nothing of a bit still has the others' book, which damage demands; but of a few bits it has to name one.
func (s *site) bitIn(kind disk.Files) func(*testing.T) {
	return func(t *testing.T) {
		named := false
		for try := 0; try < flips && !named; try++ {
			said, aside := s.damage(t, kind, func(home string) {
				files, err := kind.Of(home)
				must(t, err)
				at, err := disk.Flip(files[0], s.random)
				must(t, err)
				t.Logf("flipped a bit at %d of %s", at, files[0])
			})
			named = aside || strings.Contains(said, "damaged")
			t.Logf("set aside: %t, named: %t", aside, named)
		}
		if !named {
			t.Errorf("vacuous, or a node does not say that bits of its %s are wrong: none of %d was named", kind, flips)
		}
		s.job(t, func(*testbed.Node) {})
	}
}

// spareSnapshot damages a snapshot. A node whose book holds all of it goes on, and checks it when somebody asks for it; one whose log begins
// behind a snapshot that is gone sets its data aside. What every node knows afterwards is the same, which damage demands.
func (s *site) spareSnapshot(do func(t *testing.T, home string)) func(*testing.T) {
	return func(t *testing.T) {
		_, aside := s.damage(t, disk.Snapshot, func(home string) { do(t, home) })
		t.Logf("set aside: %t", aside)
		s.job(t, func(*testbed.Node) {})
	}
}

// shortenedLog takes the end of the log away. It is a correct, shorter log, and must not vote.
func (s *site) shortenedLog(t *testing.T) {
	s.job(t, func(*testbed.Node) {}) // the log has an end that matters
	said, aside := s.damage(t, disk.Log, func(home string) {
		logs, err := disk.Log.Of(home)
		must(t, err)
		st, err := os.Stat(logs[0])
		must(t, err)
		must(t, disk.Shorten(logs[0], st.Size()))
	})
	if !aside || !strings.Contains(said, "comes back as a learner") {
		t.Errorf("set aside: %t, and it said:\n%s", aside, said)
	}
	s.job(t, func(*testbed.Node) {})
}

// oldDisk puts back what a node had before a job. The node can not know; those who can are alive, and it learns from them.
func (s *site) oldDisk(t *testing.T) {
	n := s.follower(t, disk.Log)
	old, err := s.disk(n).Keep()
	must(t, err)
	s.job(t, func(*testbed.Node) {})
	n.Kill()
	must(t, s.disk(n).PutBack(old))
	s.up(t, n)
	s.healthy(t)
	s.sameBooks(t)
	s.job(t, func(*testbed.Node) {})
}

// oldDiskWithoutData is how an old volume should come back: without its data directory the node remembers that it once knew more,
// and asks to be let in before it votes.
func (s *site) oldDiskWithoutData(t *testing.T) {
	n := s.follower(t, disk.Log)
	old, err := s.disk(n).Keep()
	must(t, err)
	s.job(t, func(*testbed.Node) {})
	n.Kill()
	must(t, s.disk(n).PutBack(old))
	must(t, os.RemoveAll(filepath.Join(s.home(n), "data")))
	mark := s.mark(t, n)
	s.up(t, n)
	s.healthy(t)
	if said := s.says(t, n, mark); !strings.Contains(said, "waiting to be let in again") {
		t.Errorf("%s did not ask to be let in again:\n%s", n.Name, said)
	}
	s.sameBooks(t)
}
