package raftlog_test

import (
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"backstitch/storage"
	"backstitch/storage/raftlog"
	"backstitch/storage/storagetest"
)

// TestAKilledNodeOnDisk copies the files of a running node on a real disk, where log files have zeros behind their end, and
// opens the copy: whole, and with flipped bits in the live log, also in its very last record.
func TestAKilledNodeOnDisk(t *testing.T) {
	dir := t.TempDir()
	db, err := storage.Open(dir, storage.Options{MemTableBytes: 256 << 10, CacheBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	log, err := raftlog.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	logs := storagetest.Entries(rand.New(rand.NewPCG(7, 7)), 1, 100, 256)
	if err := log.SetUint64([]byte("CurrentTerm"), 12); err != nil {
		t.Fatal(err)
	}
	for _, l := range logs {
		if err := log.StoreLog(l); err != nil {
			t.Fatal(err)
		}
	}
	files, err := storagetest.Files(vfs.Default, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	killed := storagetest.CloneWith(t, files, storagetest.Flip{})
	live := newestLog(t, killed, dir)
	if verdict, err := judge(logs)(storagetest.CloneWith(t, files, storagetest.Flip{}), dir); verdict != storagetest.Harmless {
		t.Fatalf("the copy as it is: got verdict %d, %v, want all entries", verdict, err)
	}
	body := files[live]
	end := len(body)
	for end > 0 && body[end-1] == 0 {
		end--
	}
	if len(body)-end < 1000 {
		t.Logf("the log has only %d zeros behind its end: this file system does not reserve", len(body)-end)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	named, harmless := 0, 0
	for i := range 60 {
		f := storagetest.Flip{Path: live, Bit: uint(rng.IntN(8))}
		switch i % 3 {
		case 0:
			f.Byte = rng.Int64N(int64(end))
		case 1:
			f.Byte = int64(end) - 1 - rng.Int64N(200) // the last record
		default:
			f.Byte = rng.Int64N(int64(len(body)))
		}
		switch verdict, err := judge(logs)(storagetest.CloneWith(t, files, f), dir); verdict {
		case storagetest.Served:
			t.Errorf("%s (end is at %d): not found: %v", f, end, err)
		case storagetest.Named:
			named++
		default:
			harmless++
		}
	}
	t.Logf("60 flips in the live log: named %d, harmless %d", named, harmless)
	if named < 40 {
		t.Errorf("named: got %d, want at least the 40 that are before the end", named)
	}
}
