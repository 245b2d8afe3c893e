package raftlog

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/raft"
)

// TestGoldenBytes holds the bytes of FORMATS.md for ever: data of format 1 is on disks.
func TestGoldenBytes(t *testing.T) {
	entry := &raft.Log{Index: 7, Term: 3, Type: raft.LogCommand, Data: []byte("data"), Extensions: []byte("ext"),
		AppendedAt: time.Unix(1_700_000_000, 5)}
	bare := &raft.Log{Index: 8, Term: 3, Type: raft.LogNoop}
	encode := func(l *raft.Log) []byte { b := make([]byte, entrySize(l)); putEntry(b, l); return b }
	for name, got := range map[string][]byte{
		"entry":  encode(entry),
		"bare":   encode(bare),
		"key":    entryKey(7),
		"first":  firstValue(7),
		"stable": stableValue([]byte("CurrentTerm"), []byte{0, 0, 0, 0, 0, 0, 0, 9}),
		"mark":   mark{Seq: 4, Index: 7, Term: 3}.encode(),
	} {
		path := filepath.Join("testdata", name+".hex")
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.TrimSpace(string(want)), hex.EncodeToString(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	var back raft.Log
	if err := getEntry(encode(entry), 7, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(entry, &back, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); diff != "" {
		t.Errorf("entry (-want +got):\n%s", diff)
	}
	if err := getEntry(encode(bare), 8, &back); err != nil || !back.AppendedAt.IsZero() || back.Data != nil {
		t.Errorf("bare entry: got %+v, %v, want no time and no data", back, err)
	}
}

func FuzzEntry(f *testing.F) {
	l := &raft.Log{Index: 7, Term: 3, Data: []byte("data"), Extensions: []byte("ext")}
	b := make([]byte, entrySize(l))
	putEntry(b, l)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		var l raft.Log
		if err := getEntry(b, 7, &l); err != nil {
			return
		}
		again := make([]byte, entrySize(&l))
		putEntry(again, &l)
		if diff := cmp.Diff(b, again); diff != "" {
			t.Errorf("an accepted entry must encode to itself (-in +out):\n%s", diff)
		}
	})
}
