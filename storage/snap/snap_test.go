package snap_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/raft"
	"go.uber.org/goleak"

	"backstitch/storage"
	"backstitch/storage/snap"
	"backstitch/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var voters = raft.Configuration{Servers: []raft.Server{{ID: "a", Address: "a:1"}, {ID: "b", Address: "b:1"}}}

func open(tb testing.TB, fs vfs.FS) *snap.Store {
	tb.Helper()
	s, err := snap.Open("snapshots", snap.Options{FS: fs})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// take writes body as the snapshot of index, in uneven pieces.
func take(tb testing.TB, s *snap.Store, index uint64, body []byte) string {
	tb.Helper()
	sink, err := s.Create(1, index, 3, voters, 1, nil)
	if err != nil {
		tb.Fatal(err)
	}
	for rest := body; len(rest) > 0; {
		n := min(len(rest), 100_003)
		if _, err := sink.Write(bytes.Clone(rest[:n])); err != nil {
			tb.Fatal(err)
		}
		rest = rest[n:]
	}
	if err := sink.Close(); err != nil {
		tb.Fatal(err)
	}
	return sink.ID()
}

func random(seed uint64, n int) []byte {
	rng := rand.NewChaCha8([32]byte{byte(seed)})
	b := make([]byte, n)
	_, _ = rng.Read(b)
	return b
}

// read opens what List gives first and returns all of it.
func read(s *snap.Store) (*raft.SnapshotMeta, []byte, error) {
	metas, err := s.List()
	if err != nil || len(metas) == 0 {
		return nil, nil, err
	}
	meta, r, err := s.Open(metas[0].ID)
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(r)
	return meta, body, errors.Join(err, r.Close())
}

func TestASnapshotComesBackWhole(t *testing.T) {
	fs := vfs.NewMem()
	for i, n := range []int{0, 1, 256 << 10, 700_000} {
		want := random(uint64(i), n)
		id := take(t, open(t, fs), uint64(10+i), want)
		meta, got, err := read(open(t, fs))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes: got others back", n)
		}
		wantMeta := &raft.SnapshotMeta{Version: 1, ID: id, Index: uint64(10 + i), Term: 3, Configuration: voters,
			ConfigurationIndex: 1, Size: int64(n)}
		if diff := cmp.Diff(wantMeta, meta); diff != "" {
			t.Errorf("meta (-want +got):\n%s", diff)
		}
	}
	metas, err := open(t, fs).List()
	if err != nil || len(metas) != 2 || metas[0].Index != 13 || metas[1].Index != 12 {
		t.Errorf("kept: got %v, %v, want the newest two, newest first", metas, err)
	}
}

func TestAnUnfinishedSnapshotIsNotThere(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, fs)
	sink, err := s.Create(1, 5, 1, voters, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sink.Write([]byte("half")); err != nil {
		t.Fatal(err)
	}
	if metas, _ := s.List(); len(metas) != 0 {
		t.Errorf("while written: got %v, want none", metas)
	}
	if err := sink.Cancel(); err != nil {
		t.Fatal(err)
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	if names, _ := fs.List("snapshots"); len(names) != 0 {
		t.Errorf("after cancel: got %v, want nothing", names)
	}
}

// TestPowerLossKeepsWholeSnapshots cuts the power after every sync of taking three snapshots.
func TestPowerLossKeepsWholeSnapshots(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	bodies := map[uint64][]byte{1: random(1, 300_000), 2: random(2, 10), 3: random(3, 300_000)}
	var finished uint64
	images := 0
	var cut *storagetest.CutFS
	cut = storagetest.NewCutFS(func(int64) {
		for _, percent := range []int{0, 50, 100} {
			images++
			meta, got, err := read(open(t, cut.Crash(percent, rng)))
			switch {
			case err != nil:
				t.Errorf("after snapshot %d, %d percent kept: %v", finished, percent, err)
			case meta == nil && finished > 0, meta != nil && meta.Index < finished:
				t.Errorf("snapshot %d is gone, got %v", finished, meta)
			case meta != nil && !bytes.Equal(got, bodies[meta.Index]):
				t.Errorf("snapshot %d has other bytes", meta.Index)
			}
		}
	})
	s := open(t, cut)
	for index := uint64(1); index <= 3; index++ {
		take(t, s, index, bodies[index])
		finished = index
	}
	if images < 30 {
		t.Errorf("got %d images, want 30 at least", images)
	}
}

func TestAFlippedBitIsNeverRestored(t *testing.T) {
	fs := vfs.NewMem()
	body := random(9, 600_000)
	take(t, open(t, fs), 7, body)
	tally := storagetest.FlipBits(t, fs, "snapshots", rand.Uint64(), nil, func(fs vfs.FS, _ string) (storagetest.Verdict, error) {
		s, err := snap.Open("snapshots", snap.Options{FS: fs})
		if err != nil {
			return storagetest.Served, err
		}
		meta, got, err := read(s)
		if meta != nil && bytes.Equal(got, body) {
			return storagetest.Harmless, nil
		}
		if len(got) > 0 {
			return storagetest.Served, errors.New("unverified bytes were served")
		}
		bad, lerr := s.Damaged()
		if lerr != nil || len(bad) != 1 || !errors.Is(bad[0], storage.ErrDamaged) || !strings.Contains(bad[0].Error(), "snapshot 0000000000000003-0000000000000007") {
			return storagetest.Served, errors.Join(append(bad, lerr, err)...)
		}
		return storagetest.Named, nil
	})
	if got, all := tally.Of(storagetest.Named), tally.Flips(); got != all || all == 0 {
		t.Errorf("named: got %d, want all %d, a snapshot has no dead bytes", got, all)
	}
}

func TestADamagedNewestDoesNotCostTheOlder(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, fs)
	take(t, s, 1, random(1, 100))
	bad := take(t, s, 2, random(2, 100))
	files, err := storagetest.Files(fs, "snapshots")
	if err != nil {
		t.Fatal(err)
	}
	s = open(t, storagetest.CloneWith(t, files, storagetest.Flip{Path: "snapshots/" + bad + "/state.bin", Byte: 20, Bit: 3}))
	if _, _, err := s.Open(bad); !errors.Is(err, storage.ErrDamaged) {
		t.Errorf("Open: got %v, want %v", err, storage.ErrDamaged)
	}
	take(t, s, 3, random(3, 100))
	metas, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	var indexes []uint64
	for _, m := range metas {
		indexes = append(indexes, m.Index)
	}
	if diff := cmp.Diff([]uint64{3, 2, 1}, indexes); diff != "" {
		t.Errorf("a damaged one must not count among the two that are kept (-want +got):\n%s", diff)
	}
}

func TestAnIDIsNotAPath(t *testing.T) {
	for _, id := range []string{"", "..", "../x", "a/b", `a\b`} {
		if _, _, err := open(t, vfs.NewMem()).Open(id); err == nil {
			t.Errorf("Open(%q): got nil, want an error", id)
		}
	}
}
