package cluster_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"backstitch/cluster"
	"backstitch/cluster/clustertest"
	"backstitch/fsm"
	"backstitch/storage"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/hashicorp/raft"
)

// follower is a member that does not lead.
func follower(c *clustertest.Cluster) *clustertest.Member {
	leader := c.WaitLeader()
	for _, m := range c.Members() {
		if m != leader && m.Running() {
			return m
		}
	}
	return nil
}

// flip changes one bit in the largest file under dir whose name ends in one of the suffixes.
func flip(t *testing.T, fs *vfs.MemFS, dir string, suffix string) {
	t.Helper()
	var name string
	var size int64
	var walk func(string)
	walk = func(d string) {
		names, err := fs.List(d)
		if err != nil {
			return
		}
		for _, n := range names {
			path := fs.PathJoin(d, n)
			info, err := fs.Stat(path)
			if err != nil {
				continue
			}
			if info.IsDir() {
				walk(path)
			} else if strings.HasSuffix(n, suffix) && info.Size() > size {
				name, size = path, info.Size()
			}
		}
	}
	walk(dir)
	if name == "" {
		t.Fatalf("no %s under %s", suffix, dir)
	}
	f, err := fs.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, size/2); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b, size/2); err != nil {
		t.Fatal(err)
	}
}

func TestADamagedNodeComesBackAsALearnerAndThenVotes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.StartAll()
		c.WaitVoters(3)
		m := follower(c)
		for _, id := range []string{"bs-a", "bs-b", "bs-c"} {
			mustSubmit(t, m, jobID(id))
		}
		m.Stop()
		flip(t, m.FS, "/data", ".log")
		id := m.Node.ID()
		m.Start()
		wasLearner := false
		c.Eventually("serving", func() bool {
			if !m.Running() {
				t.Fatalf("ended: %v", m.WaitEnd())
			}
			for _, p := range c.WaitLeader().Node.Status(context.Background()).Peers {
				wasLearner = wasLearner || (p.ID == id && !p.Voter)
			}
			return cluster.OK(m.Node.Health().Ready)
		})
		if !wasLearner {
			t.Errorf("the damaged node was never seen as a learner")
		}
		if s := m.Node.Status(context.Background()); !strings.Contains(s.SetAside, "damaged") || s.Node != id {
			t.Errorf("status: got id %s, set aside %q, want %s and a directory", s.Node, s.SetAside, id)
		}
		c.WaitVoters(3)
		c.WaitSame()
		if !hasJob(t, m, "bs-a") {
			t.Errorf("the book did not come back")
		}
	})
}

// TestADamagedTableIsSetAside: pebble meets a damaged block of a table only when it is read, tells of it by an event, and returns it
// as an error as well. The event alone would end the node, at this start and at every other.
func TestADamagedTableIsSetAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.StartAll()
		c.WaitVoters(3)
		m := follower(c)
		for _, id := range []string{"bs-a", "bs-b", "bs-c"} {
			mustSubmit(t, m, jobID(id))
		}
		m.Stop()
		m.Start() // flushes the log to a table
		c.WaitVoters(3)
		m.Stop()
		flip(t, m.FS, "/data", ".sst")
		m.Start()
		c.Eventually("serving", func() bool {
			if !m.Running() {
				t.Fatalf("ended: %v", m.WaitEnd())
			}
			return cluster.OK(m.Node.Health().Ready)
		})
		if s := m.Node.Status(context.Background()); !strings.Contains(s.SetAside, "damaged") {
			t.Errorf("status: set aside: got %q, want a directory", s.SetAside)
		}
		c.WaitVoters(3)
		c.WaitSame()
		if !hasJob(t, m, "bs-a") {
			t.Errorf("the book did not come back")
		}
	})
}

// TestDamageThatNoCheckReadsIsSetAside: a block that only a compaction reads is whole as far as a start can tell.
func TestDamageThatNoCheckReadsIsSetAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.StartAll()
		c.WaitVoters(3)
		m := follower(c)
		mustSubmit(t, m, "bs-a")
		m.Node.Fatal(storage.Damaged("/data/data/pebble/000005.sst", errors.New("checksum mismatch")))
		if err := m.WaitEnd(); cluster.ExitStatus(err) != cluster.ExitLatched {
			t.Fatalf("got %v (exit status %d), want %d, at which a supervisor starts it again", err, cluster.ExitStatus(err), cluster.ExitLatched)
		}
		m.Start()
		c.WaitServing(m)
		if s := m.Node.Status(context.Background()); !strings.Contains(s.SetAside, "damaged") {
			t.Errorf("status: set aside: got %q, want a directory", s.SetAside)
		}
		c.WaitVoters(3)
		c.WaitSame()
		if !hasJob(t, m, "bs-a") {
			t.Errorf("the book did not come back")
		}
		m.Stop()
		m.Start()
		c.WaitServing(m)
		if s := m.Node.Status(context.Background()); s.SetAside != "" {
			t.Errorf("the start after that set %q aside once more", s.SetAside)
		}
	})
}

func TestAShortenedLogDoesNotVote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.StartAll()
		c.WaitVoters(3)
		leader := c.WaitLeader()
		short := follower(c)
		var third *clustertest.Member
		for _, m := range c.Members() {
			if m != leader && m != short {
				third = m
			}
		}
		// The third node misses what the other two agree on.
		third.Kill()
		mustSubmit(t, leader, "bs-agreed")
		short.Stop()
		// The disk of the short node comes back without its data, as from an old image: it acknowledged bs-agreed and forgot it.
		if err := short.FS.RemoveAll("/data/data"); err != nil {
			t.Fatal(err)
		}
		leader.Kill()
		short.Start()
		third.Start()
		// With an honest empty log it would elect the third node, and bs-agreed would be lost. It must wait instead.
		<-time.After(deaf)
		if l := c.Leader(); l != nil {
			t.Fatalf("%s leads without the only node that knows what was agreed", l.Name)
		}
		if s := short.Node.Status(context.Background()); s.Phase != cluster.PhaseWaiting {
			t.Errorf("phase: got %q, want %q", s.Phase, cluster.PhaseWaiting)
		}
		if cluster.OK(short.Node.Health().Startup) || !cluster.OK(short.Node.Health().Live) {
			t.Errorf("health of a node that waits: got %+v, want live and not started", short.Node.Health())
		}
		leader.Start()
		c.WaitServing(c.Members()...)
		c.WaitVoters(3)
		c.WaitSame()
		if !hasJob(t, short, "bs-agreed") {
			t.Errorf("what was agreed is lost")
		}
	})
}

func TestALoneNodeThatIsDamagedSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 1)
		c.StartAll()
		m := c.Member(0)
		mustSubmit(t, m, "bs-lone")
		m.Stop()
		flip(t, m.FS, "/data", ".log")
		m.Start()
		err := m.WaitEnd()
		if !errors.Is(err, cluster.ErrCannotRejoin) || cluster.ExitStatus(err) != cluster.ExitDamaged {
			t.Errorf("got %v (exit status %d), want cannot rejoin and %d", err, cluster.ExitStatus(err), cluster.ExitDamaged)
		}
	})
}

func TestAFullDiskEndsTheNodeAndNothingElse(t *testing.T) {
	for name, row := range map[string]struct {
		err  error
		exit int
	}{"full": {syscall.ENOSPC, cluster.ExitDiskFull}, "broken": {syscall.EIO, cluster.ExitDisk}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := clustertest.New(t, 3)
				var fail atomic.Bool
				m := c.Member(0)
				m.Wrap = func(fs vfs.FS) vfs.FS {
					return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
						if fail.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
							return row.err
						}
						return nil
					}))
				}
				c.StartAll()
				c.WaitVoters(3)
				fail.Store(true)
				other := c.Member(1)
				mustSubmit(t, other, "bs-goeson")
				err := m.WaitEnd()
				if cluster.ExitStatus(err) != row.exit {
					t.Errorf("got %v (exit status %d), want %d", err, cluster.ExitStatus(err), row.exit)
				}
				mustSubmit(t, other, "bs-after")
				fail.Store(false)
				m.FS = m.FS.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(3, 4))})
				m.Start()
				c.WaitServing(m)
				c.WaitSame()
			})
		})
	}
}

// Where the others are is noted for bad days. A node that can open no file at that moment notes it later.
func TestANodeThatCanNotNoteItsPeersGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		var lack atomic.Bool
		var refused atomic.Int64
		m := c.Member(0)
		m.Wrap = func(fs vfs.FS) vfs.FS {
			return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
				if lack.Load() && op.Kind == errorfs.OpCreate && strings.Contains(op.Path, "cluster.json") {
					refused.Add(1)
					return syscall.EMFILE
				}
				return nil
			}))
		}
		c.StartAll()
		c.WaitServing(m)
		lack.Store(true)
		noted := func() bool {
			text, err := storage.ReadFile(m.FS, "/data/cluster.json")
			return err == nil && strings.Contains(string(text), `"peers"`)
		}
		c.Eventually("a note to be refused", func() bool { return refused.Load() > 0 })
		if noted() {
			t.Fatal("the peers are noted already: nothing was refused that matters")
		}
		lack.Store(false)
		c.Eventually("the peers to be noted", noted)
		mustSubmit(t, m, "bs-goeson")
	})
}

func TestNewerDataIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 1)
		c.StartAll()
		m := c.Member(0)
		m.Stop()
		path := "/data/data/FORMAT"
		body, err := storage.ReadFile(m.FS, path)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := storage.Unseal(body)
		if err != nil {
			t.Fatal(err)
		}
		newer := strings.Replace(string(plain), "1", "9", 1)
		if err := storage.WriteFile(m.FS, path, storage.Seal([]byte(newer))); err != nil {
			t.Fatal(err)
		}
		m.Start()
		if err := m.WaitEnd(); !errors.Is(err, storage.ErrNewer) || cluster.ExitStatus(err) != cluster.ExitNewer {
			t.Errorf("got %v (exit status %d), want newer and %d", err, cluster.ExitStatus(err), cluster.ExitNewer)
		}
		if again, err := storage.ReadFile(m.FS, path); err != nil || string(again) == string(body) {
			t.Errorf("the newer data was touched: %v", err)
		}
	})
}

func TestSaveAndRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.StartAll()
		c.WaitVoters(3)
		m := follower(c)
		mustSubmit(t, m, "bs-kept")
		stream, meta, err := m.Node.SaveSnapshot(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		saved, err := io.ReadAll(stream)
		stream.Close()
		if err != nil || int64(len(saved)) != meta.Size {
			t.Fatalf("snapshot: %d bytes, %v, want %d", len(saved), err, meta.Size)
		}
		mustSubmit(t, m, "bs-gone")

		broken := []byte(string(saved))
		broken[len(broken)/2] ^= 1
		if _, err := m.Node.RestoreSnapshot(context.Background(), strings.NewReader(string(broken))); !errors.Is(err, fsm.ErrSnapshot) {
			t.Errorf("restore of a changed snapshot: got %v, want %v", err, fsm.ErrSnapshot)
		}
		if !hasJob(t, m, "bs-gone") {
			t.Errorf("a refused restore changed the book")
		}
		// From a follower: it travels to the leader.
		if _, err := m.Node.RestoreSnapshot(context.Background(), strings.NewReader(string(saved))); err != nil {
			t.Fatalf("restore: %v", err)
		}
		for _, m := range c.Members() {
			c.Eventually("the restored book on "+m.Name, func() bool { return !hasJob(t, m, "bs-gone") && hasJob(t, m, "bs-kept") })
		}
		mustSubmit(t, m, "bs-after")
		c.WaitSame()
		m.Kill()
		m.Start()
		c.WaitServing(m)
		c.WaitSame()
	})
}

func TestASnapshotOfAnotherClusterIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := clustertest.New(t, 3)
		old.StartAll()
		mustSubmit(t, old.Member(0), "bs-old")
		stream, _, err := old.Member(0).Node.SaveSnapshot(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		saved, err := io.ReadAll(stream)
		stream.Close()
		if err != nil {
			t.Fatal(err)
		}
		old.StopAll()

		c := clustertest.New(t, 3) // the same names, other nodes
		c.StartAll()
		c.WaitVoters(3)
		m := c.WaitLeader()
		if _, err := m.Node.RestoreSnapshot(context.Background(), strings.NewReader(string(saved))); err != nil {
			t.Fatal(err)
		}
		c.Eventually("our own members in the restored book", func() bool {
			v, err := m.Node.View()
			if err != nil {
				return false
			}
			defer v.Close()
			members, err := v.Members()
			if err != nil || len(members) != 3 {
				return false
			}
			for _, o := range c.Members() {
				if _, ok, _ := v.Member(o.Node.ID()); !ok {
					return false
				}
			}
			return true
		})
		<-time.After(time.Minute)
		c.WaitVoters(3)
		c.WaitSame()
		if !hasJob(t, follower(c), "bs-old") {
			t.Errorf("the restored book lacks the old cluster's job")
		}
	})
}

func TestAReplicaThatDiffersIsRebuilt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.StartAll()
		c.WaitVoters(3)
		m := follower(c)
		m.Stop()
		forge(t, m.FS)
		m.Start()
		mustSubmit(t, c.WaitLeader(m), "bs-real")
		err := m.WaitEnd() // the leader compares digests every half minute
		if !errors.Is(err, fsm.ErrDiverged) || cluster.ExitStatus(err) != cluster.ExitLatched {
			t.Fatalf("a replica that differs: got %v (exit status %d), want diverged and %d", err, cluster.ExitStatus(err), cluster.ExitLatched)
		}
		m.Start()
		c.WaitServing(m)
		c.WaitVoters(3)
		c.WaitSame()
		if hasJob(t, m, "bs-forged") || !hasJob(t, m, "bs-real") {
			t.Errorf("the rebuilt book still holds what it made up, or lacks what was agreed")
		}
	})
}

// forge makes the book of a stopped node hold an entry that the others do not have, under the index of the next real one.
func forge(t *testing.T, fs *vfs.MemFS) {
	t.Helper()
	db, err := storage.Open("/data", storage.Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	book, err := fsm.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	data, err := fsm.Encode(fsm.Envelope{Actor: "nobody"}, fsm.SubmitJob{ID: "bs-forged", Recipe: []byte("{}"), Locks: []string{"dir:/x/0"}, Slices: 1})
	if err != nil {
		t.Fatal(err)
	}
	res, ok := book.Apply(&raft.Log{Index: book.Applied() + 1, Term: 2, Type: raft.LogCommand, Data: data}).(*fsm.Result)
	if !ok || res.Code != fsm.OK {
		t.Fatalf("forge: %+v", res)
	}
}

func TestAWrongComparisonThrowsNothingAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.StartAll()
		c.WaitVoters(3)
		mustSubmit(t, c.Member(0), "bs-kept")
		v, err := c.WaitLeader().Node.View()
		if err != nil {
			t.Fatal(err)
		}
		at := v.Applied()
		_ = v.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_, _ = c.WaitLeader().Node.Propose(ctx, fsm.Envelope{Actor: "bug"}, fsm.CompareDigest{Index: at, Digest: [32]byte{1, 2, 3}})
		ended := 0
		for range 3 { // some apply it only after the others were started again
			<-time.After(10 * time.Second)
			for _, m := range c.Members() {
				if m.Running() {
					continue
				}
				if err := m.WaitEnd(); cluster.ExitStatus(err) != cluster.ExitLatched {
					t.Errorf("%s: got %v, want latched", m.Name, err)
				}
				ended++
				m.Start()
			}
		}
		if ended < 2 {
			t.Errorf("nodes that stopped over a wrong comparison: got %d, want a majority", ended)
		}
		for _, m := range c.Members() {
			names, err := m.FS.List("/data")
			if err != nil {
				t.Fatal(err)
			}
			if all := strings.Join(names, " "); strings.Contains(all, "damaged") {
				t.Errorf("%s threw its data away: %s", m.Name, all)
			}
			m.ExpectEnd()
		}
	})
}

func TestAVoterThatStaysAwayLosesItsPlaceAndGetsItBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.Configure = func(_ int, conf *cluster.Config) { conf.Autopilot.DeadAfter = time.Minute }
		c.StartAll()
		c.WaitVoters(3)
		m := follower(c)
		m.Kill()
		<-time.After(30 * time.Second)
		if s := c.WaitLeader().Node.Status(context.Background()); s.Voters != 3 || s.Healthy {
			t.Errorf("after half a minute: %d voters, healthy %t, want 3, false", s.Voters, s.Healthy)
		}
		c.Eventually("two voters", func() bool { return c.WaitLeader().Node.Status(context.Background()).Voters == 2 })
		m.Start()
		c.WaitServing(m)
		c.WaitVoters(3)
	})
}

func TestASnapshotThatIsAheadOfTheBookIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clustertest.New(t, 3)
		c.StartAll()
		c.WaitVoters(3)
		m, leader := follower(c), c.WaitLeader()
		m.Kill()
		mustSubmit(t, leader, "bs-last")
		stream, _, err := leader.Node.SaveSnapshot(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		stream.Close()
		// As after a crash that took the book's last writes and left the snapshot, which is synced by itself.
		dir := storage.SnapshotDir(m.FS, "/data")
		if _, err := vfs.Clone(leader.FS, m.FS, dir, dir, vfs.CloneSync); err != nil {
			t.Fatal(err)
		}
		m.Start()
		c.WaitServing(m)
		c.WaitSame()
		if !hasJob(t, m, "bs-last") {
			t.Errorf("the book has a hole where the snapshot is")
		}
	})
}
