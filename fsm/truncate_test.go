package fsm

import (
	"strings"
	"testing"

	"backstitch/storage/storagetest"
)

// TestEveryTruncation ends the write-ahead log of a node at 50 places, -fsm.times as many. Whatever is found must be the book of exactly one
// index: facts, index and digest come and go together.
func TestEveryTruncation(t *testing.T) {
	r := seed(t)
	n := newNode(t)
	g := newGenerator(r)
	running(n, "bs-aa", slicesPerJob)
	if err := n.db.Pebble().Flush(); err != nil {
		t.Fatal(err)
	}
	first := n.m.Applied()
	books := map[uint64]string{first: n.dump()}
	for range 60 {
		n.view(func(v *View) { g.learn(t, v) })
		n.apply(g.envelope(), g.command())
		books[n.m.Applied()] = n.dump()
	}
	n.stop()
	files, err := storagetest.Files(n.fs, "node")
	if err != nil {
		t.Fatal(err)
	}
	newest := ""
	for path := range files {
		if strings.HasSuffix(path, ".log") && path > newest {
			newest = path
		}
	}
	whole := files[newest]
	found := map[uint64]bool{}
	for end := len(whole); end > 0; end -= 1 + len(whole)/(50**times) {
		files[newest] = whole[:end]
		lost := recovered(t, storagetest.CloneWith(t, files, storagetest.Flip{}))
		at := lost.m.Applied()
		found[at] = true
		if lost.dump() != books[at] {
			t.Errorf("log ends at byte %d of %d: the book of index %d is not what it was", end, len(whole), at)
		}
		lost.stop()
	}
	if len(found) < 20 {
		t.Errorf("found %d different books: the test tests nothing", len(found))
	}
}

// TestDigestCoversEachChange: two commands that differ in one key, one value or one removal have different digests.
func TestDigestCoversEachChange(t *testing.T) {
	n := newNode(t)
	changes := map[string]func(*tx){
		"nothing":           func(*tx) {},
		"a key":             func(t *tx) { t.write(key(kindLock, []byte("a")), lockHolder{"bs-a"}) },
		"another key":       func(t *tx) { t.write(key(kindLock, []byte("b")), lockHolder{"bs-a"}) },
		"another value":     func(t *tx) { t.write(key(kindLock, []byte("a")), lockHolder{"bs-b"}) },
		"a removal":         func(t *tx) { t.remove(key(kindLock, []byte("a"))) },
		"another removal":   func(t *tx) { t.remove(key(kindLock, []byte("b"))) },
		"another index":     func(t *tx) { t.begin(2, [32]byte{}) },
		"another beginning": func(t *tx) { t.begin(1, [32]byte{1}) },
	}
	seen := map[[32]byte]string{}
	for name, change := range changes {
		batch := n.db.Pebble().NewIndexedBatch()
		x := &tx{book: book{r: batch}, batch: batch}
		x.begin(1, [32]byte{})
		change(x)
		if x.err != nil {
			t.Fatal(x.err)
		}
		if other, ok := seen[x.digest()]; ok {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[x.digest()] = name
		if err := batch.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
