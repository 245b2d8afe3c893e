package raftlog_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"

	"backstitch/storage"
	"backstitch/storage/storagetest"
)

// image is a disk at the moment of one sync, and what was acknowledged by then.
type image struct {
	fs      *vfs.MemFS
	percent int
	acked   uint64 // entries up to here were acknowledged when the power went
	floor   uint64 // entries below were compacted, or about to be
	voted   uint64
}

// TestPowerLossAfterEachSync runs a log through appends, elections, truncation of the tail and compaction, cuts the power
// after every single sync of any file, and opens each image.
func TestPowerLossAfterEachSync(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var images []image
	var acked, floor, voted atomic.Uint64
	rng := rand.New(rand.NewPCG(seed, 0))
	var taking atomic.Bool
	var cut *storagetest.CutFS
	lock := make(chan struct{}, 1) // pebble syncs from several goroutines
	cut = storagetest.NewCutFS(func(n int64) {
		lock <- struct{}{}
		defer func() { <-lock }()
		if !taking.Load() {
			return
		}
		for _, percent := range []int{0, 50, 100} {
			// Acknowledgements only rise, so reading them before the clone asks for no more than was promised.
			im := image{percent: percent, acked: acked.Load(), floor: floor.Load(), voted: voted.Load()}
			im.fs = cut.Crash(percent, rng)
			images = append(images, im)
		}
	})
	n := mustOpen(t, cut, "node")
	taking.Store(true)
	want := map[uint64][]string{} // every version that an index had: lost elections rewrite
	next := uint64(1)
	steps := rand.New(rand.NewPCG(seed, 1))
	for i := range 40 {
		if i%5 == 0 {
			if err := n.log.SetUint64([]byte("CurrentTerm"), uint64(i+1)); err != nil {
				t.Fatal(err)
			}
			voted.Store(uint64(i + 1))
		}
		logs := storagetest.Entries(steps, next, 1+steps.IntN(5), 300)
		if err := n.log.StoreLogs(logs); err != nil {
			t.Fatal(err)
		}
		for _, l := range logs {
			want[l.Index] = append(want[l.Index], string(l.Data))
		}
		next += uint64(len(logs))
		acked.Store(next - 1)
		switch {
		case i == 20:
			floor.Store(next - 10)
			if err := n.log.DeleteRange(1, next-10); err != nil {
				t.Fatal(err)
			}
		case i == 25:
			if err := n.db.Pebble().Flush(); err != nil {
				t.Fatal(err)
			}
		case i%2 == 1: // often, because what a cut finds between the mark and the log is a matter of luck
			acked.Store(next - 3) // raft takes back two entries that lost
			if err := n.log.DeleteRange(next-2, next-1); err != nil {
				t.Fatal(err)
			}
			next -= 2
		}
	}
	taking.Store(false)
	n.mustClose(t)
	t.Logf("%d syncs, %d images", cut.Syncs(), len(images))
	if len(images) < 120 {
		t.Fatalf("got %d images, want one for each of 40 appends and 3 percentages at least", len(images))
	}
	for i, im := range images {
		if err := checkImage(im, want); err != nil {
			t.Fatalf("image %d, %d percent of unsynced data kept: %v", i, im.percent, err)
		}
	}
}

// checkImage opens an image. Power loss alone must never make a node look damaged or shortened, nor lose what it promised.
func checkImage(im image, want map[uint64][]string) error {
	n, err := openNode(im.fs, "node")
	if err != nil {
		return err
	}
	defer n.close() //nolint:errcheck // the image is thrown away
	last, _ := n.log.LastIndex()
	if last < im.acked {
		return errors.New("acknowledged entries are gone")
	}
	for index := im.floor + 1; index <= im.acked; index++ {
		var got raft.Log
		if err := n.log.GetLog(index, &got); err != nil {
			return err
		}
		if !slices.Contains(want[index], string(got.Data)) {
			return errors.New("an entry has other data")
		}
	}
	if im.voted > 0 {
		term, err := n.log.GetUint64([]byte("CurrentTerm"))
		if err != nil || term < im.voted {
			return errors.Join(err, errors.New("a vote is forgotten"))
		}
	}
	return nil
}

// TestControlWithoutSyncLosesEntries proves that the images above are able to show a loss.
func TestControlWithoutSyncLosesEntries(t *testing.T) {
	cut := storagetest.NewCutFS(nil)
	db, err := storage.Open("node", storage.Options{FS: cut})
	if err != nil {
		t.Fatal(err)
	}
	key := storage.BookSpace.Key('k')
	if err := db.Pebble().Set(key, []byte("v"), pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	fs := cut.Crash(0, nil)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db, err = storage.Open("node", storage.Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := db.Pebble().Get(key); !errors.Is(err, pebble.ErrNotFound) {
		t.Errorf("unsynced key after power loss: got %v, want %v", err, pebble.ErrNotFound)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
