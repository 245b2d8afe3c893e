package storagetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/raft"
)

// Store is what raft keeps its log and hard state in.
type Store interface {
	raft.LogStore
	raft.StableStore
}

// Opener opens the store under test again and again at one place. Close must make everything durable.
type Opener func(tb testing.TB) (s Store, close func())

// Entries makes n entries from index first on. Data is size bytes drawn from rng.
func Entries(rng *rand.Rand, first uint64, n, size int) []*raft.Log {
	logs := make([]*raft.Log, n)
	for i := range logs {
		data := make([]byte, size)
		for j := range data {
			data[j] = byte(rng.Uint32())
		}
		index := first + uint64(i)
		logs[i] = &raft.Log{Index: index, Term: 1 + index/100, Type: raft.LogCommand, Data: data,
			Extensions: []byte{byte(index)}, AppendedAt: time.Unix(1_700_000_000, int64(index))}
	}
	return logs
}

// sameEntry compares what raft uses of an entry; stores may return another time zone or nil for empty.
var sameEntry = []cmp.Option{cmpopts.EquateEmpty(), cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })}

// TestStore runs the rules that raft relies on. newOpener gives an Opener at a new, empty place. known names rules that a
// store is known to break, with what it does instead; they are skipped with that text.
func TestStore(t *testing.T, newOpener func(tb testing.TB) Opener, known map[string]string) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, open Opener)
	}{
		{"an empty store has bounds 0 and finds nothing", emptyStore},
		{"what was stored comes back whole, also after a restart", storedComesBack},
		{"the head can be deleted", deleteHead},
		{"the tail can be deleted and written anew", deleteTail},
		{"all can be deleted and the log begins elsewhere", deleteAll},
		{"hard state is kept and unset keys are not found", hardState},
		{"a random history gives the same bounds and entries as a slice", randomHistory},
	} {
		t.Run(c.name, func(t *testing.T) {
			if why, ok := known[c.name]; ok {
				t.Skip(why)
			}
			c.run(t, newOpener(t))
		})
	}
}

func emptyStore(t *testing.T, open Opener) {
	s, done := open(t)
	defer done()
	wantBounds(t, s, 0, 0)
	if err := s.GetLog(1, &raft.Log{}); err != raft.ErrLogNotFound { //nolint:errorlint // raft compares with ==
		t.Errorf("GetLog(1): got %v, want %v", err, raft.ErrLogNotFound)
	}
}

func storedComesBack(t *testing.T, open Opener) {
	logs := Entries(rand.New(rand.NewPCG(1, 1)), 1, 50, 200)
	s, done := open(t)
	store(t, s, logs[:1]...)
	store(t, s, logs[1:20]...)
	store(t, s, logs[20:]...)
	wantLogs(t, s, logs)
	done()
	s, done = open(t)
	defer done()
	wantLogs(t, s, logs)
}

func deleteHead(t *testing.T, open Opener) {
	logs := Entries(rand.New(rand.NewPCG(2, 1)), 1, 50, 20)
	s, done := open(t)
	store(t, s, logs...)
	remove(t, s, 1, 30)
	wantLogs(t, s, logs[30:])
	done()
	s, done = open(t)
	defer done()
	wantLogs(t, s, logs[30:])
}

func deleteTail(t *testing.T, open Opener) {
	logs := Entries(rand.New(rand.NewPCG(3, 1)), 1, 50, 20)
	s, done := open(t)
	store(t, s, logs...)
	remove(t, s, 31, 50)
	wantLogs(t, s, logs[:30])
	anew := Entries(rand.New(rand.NewPCG(4, 1)), 31, 5, 20)
	for _, l := range anew {
		l.Term = 9
	}
	store(t, s, anew...)
	want := append(append([]*raft.Log{}, logs[:30]...), anew...)
	wantLogs(t, s, want)
	done()
	s, done = open(t)
	defer done()
	wantLogs(t, s, want)
}

func deleteAll(t *testing.T, open Opener) {
	rng := rand.New(rand.NewPCG(5, 1))
	s, done := open(t)
	store(t, s, Entries(rng, 1, 20, 20)...)
	remove(t, s, 1, 20)
	wantBounds(t, s, 0, 0)
	done()
	s, done = open(t)
	wantBounds(t, s, 0, 0)
	logs := Entries(rng, 1001, 5, 20)
	store(t, s, logs...)
	wantLogs(t, s, logs)
	done()
	s, done = open(t)
	defer done()
	wantLogs(t, s, logs)
}

func hardState(t *testing.T, open Opener) {
	s, done := open(t)
	// Raft takes both answers for "never set".
	if v, err := s.GetUint64([]byte("CurrentTerm")); v != 0 || (err != nil && err.Error() != "not found") {
		t.Errorf("GetUint64 of an unset key: got %d, %v, want 0 and nil or not found", v, err)
	}
	must(t, s.SetUint64([]byte("CurrentTerm"), 7))
	must(t, s.Set([]byte("LastVoteCand"), []byte("node-a")))
	must(t, s.SetUint64([]byte("CurrentTerm"), 8))
	done()
	s, done = open(t)
	defer done()
	if term, err := s.GetUint64([]byte("CurrentTerm")); err != nil || term != 8 {
		t.Errorf("CurrentTerm: got %d, %v, want 8", term, err)
	}
	if cand, err := s.Get([]byte("LastVoteCand")); err != nil || !bytes.Equal(cand, []byte("node-a")) {
		t.Errorf("LastVoteCand: got %q, %v, want node-a", cand, err)
	}
}

// randomHistory appends, truncates, compacts and restarts at random and compares with a slice after each step.
func randomHistory(t *testing.T, open Opener) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	s, done := open(t)
	defer func() { done() }()
	want, next := []*raft.Log{}, uint64(1)
	for range 60 {
		switch op := rng.IntN(10); {
		case op < 6 || len(want) == 0:
			logs := Entries(rng, next, 1+rng.IntN(8), rng.IntN(100))
			store(t, s, logs...)
			want, next = append(want, logs...), next+uint64(len(logs))
		case op == 6:
			n := 1 + rng.IntN(len(want))
			remove(t, s, want[0].Index, want[n-1].Index)
			want = want[n:]
		case op == 7:
			n := rng.IntN(len(want))
			remove(t, s, want[n].Index, want[len(want)-1].Index)
			next, want = want[n].Index, want[:n]
		default:
			done()
			s, done = open(t)
		}
		wantLogs(t, s, want)
	}
}

func store(tb testing.TB, s Store, logs ...*raft.Log) {
	tb.Helper()
	must(tb, s.StoreLogs(logs))
}

func remove(tb testing.TB, s Store, from, to uint64) {
	tb.Helper()
	must(tb, s.DeleteRange(from, to))
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func wantBounds(tb testing.TB, s raft.LogStore, first, last uint64) {
	tb.Helper()
	gotFirst, err := s.FirstIndex()
	must(tb, err)
	gotLast, err := s.LastIndex()
	must(tb, err)
	if gotFirst != first || gotLast != last {
		tb.Fatalf("bounds: got %d to %d, want %d to %d", gotFirst, gotLast, first, last)
	}
}

func wantLogs(tb testing.TB, s raft.LogStore, want []*raft.Log) {
	tb.Helper()
	if len(want) == 0 {
		wantBounds(tb, s, 0, 0)
		return
	}
	wantBounds(tb, s, want[0].Index, want[len(want)-1].Index)
	if err := SameLogs(s, want); err != nil {
		tb.Fatal(err)
	}
}

// SameLogs reads the entries of want from s and says where the first one differs.
func SameLogs(s raft.LogStore, want []*raft.Log) error {
	for _, w := range want {
		var got raft.Log
		if err := s.GetLog(w.Index, &got); err != nil {
			return fmt.Errorf("entry %d: %w", w.Index, err)
		}
		if bytes.Equal(w.Data, got.Data) && bytes.Equal(w.Extensions, got.Extensions) && w.Term == got.Term &&
			w.Index == got.Index && w.Type == got.Type && w.AppendedAt.Equal(got.AppendedAt) {
			continue // cmp is slow over many entries
		}
		if diff := cmp.Diff(w, &got, sameEntry...); diff != "" {
			return fmt.Errorf("entry %d (-want +got):\n%s", w.Index, diff)
		}
	}
	return nil
}
