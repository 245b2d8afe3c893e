package ledger_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/record"
)

// What the anchors are for: each of these changes leaves everything else as it was, counts, ends and the last records too, and a
// ledger that overlooks it finds what is not there any more.
func TestAnchorsThatDoNotHold(t *testing.T) {
	swap := func(rs []record.Record) {
		a, b := &rs[100], &rs[200]
		a.Value, b.Value = []byte("something else"), a.Value
	}
	for name, c := range map[string]struct {
		spans  bool
		change func(w *world)
		doubt  string // that must be said, "" for none
		read   int64  // records that must be read at least
	}{
		"nothing": {spans: true, change: func(*world) {}},
		"a recreated topic": {spans: true, read: 1990, doubt: "deleted and created again", change: func(w *world) {
			w.id++
			swap(w.target.Logs[0].Records)
		}},
		"another cluster": {spans: true, read: 1990, doubt: "of cluster", change: func(w *world) {
			w.cluster = "d"
			swap(w.target.Logs[0].Records)
		}},
		"an election that cut the log off": {spans: true, read: 1990, doubt: "an election may have cut the log off", change: func(w *world) {
			rs := slices.Clone(w.target.Logs[0].Records)
			w.elect(0, rs[50].Offset)
			swap(rs)
			w.target.Append(0, rs[50:]...)
		}},
		"brokers that were set back and gave the same epoch again": {spans: true, read: 1990, doubt: "are not those that were read", change: func(w *world) {
			rs := w.target.Logs[0].Records
			swap(rs)
			rs[len(rs)-3].Value = []byte("written in its place")
		}},
		"a log that is shorter": {spans: true, read: 1500, doubt: "the log ends at offset", change: func(w *world) {
			l := w.target.Logs[0]
			l.Records = l.Records[:1500]
		}},
		"a topic that is compacted now": {spans: true, read: 1900, doubt: "compacted", change: func(w *world) {
			w.policy = "compact,delete"
			l := w.target.Logs[0]
			l.Records = append(l.Records[:100:100], l.Records[150:]...)
		}},
		"a topic whose settings nobody may see": {spans: true, read: 1900, doubt: "not known whether the topic is compacted", change: func(w *world) {
			w.policy = ""
			l := w.target.Logs[0]
			l.Records = append(l.Records[:100:100], l.Records[150:]...)
		}},
		"retention": {spans: true, change: func(w *world) {
			l := w.target.Logs[0]
			l.Start = l.Records[700].Offset
			l.Records = l.Records[700:]
		}},
		"an object that was written anew": {spans: true, read: 500, doubt: "objects were added, changed or deleted", change: func(w *world) { w.rewrite(1, swap) }},
		"an object of unknown extent that was written anew": {read: 1500, doubt: "objects were added, changed or deleted", change: func(w *world) {
			w.rewrite(1, swap)
		}},
		"an object that is gone": {spans: true, doubt: "objects were added, changed or deleted", change: func(w *world) {
			w.things[0] = slices.Delete(w.things[0], 1, 2)
		}},
		"an object that fills a hole": {spans: true, doubt: "objects were added, changed or deleted", read: 1, change: func(w *world) {
			o := thing{Object: partition.Object{Base: w.things[0][1].to, Count: 1}, to: w.things[0][1].to + 1}
			r := w.fresh(1 << 30)
			r.Offset = o.Base
			o.records = []record.Record{r}
			w.put(0, o)
		}},
		"other fields": {spans: true, read: 3990, doubt: "other fields", change: func(w *world) { w.holds = record.FieldValue }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, rand.New(rand.NewPCG(1, 2)), 1)
			w.spans = c.spans
			for range 4 {
				w.write(0, 500, func(i int) bool { return i == 77 })
				w.things[0][len(w.things[0])-1].to += 3 // a hole that it could hold
			}
			w.same("first")
			c.change(w)
			use := w.same("second")
			said := fmt.Sprint(use.Doubts)
			if c.doubt == "" && len(use.Doubts) > 0 || !strings.Contains(said, c.doubt) {
				t.Errorf("got doubts %s, want %q", said, c.doubt)
			}
			if use.ReadRecords < c.read || c.read == 0 && use.ReadRecords > 1100 {
				t.Errorf("got %d records read, want %d at least", use.ReadRecords, c.read)
			}
			if again := w.same("third"); w.policy == "delete" && again.ReadRecords > 20 {
				t.Errorf("nothing changed since: got %d records read again, doubts %v", again.ReadRecords, again.Doubts)
			}
		})
	}
}

// rewrite puts another object under the name of one, of the same size.
func (w *world) rewrite(at int, change func([]record.Record)) {
	o := w.things[0][at]
	o.records = slices.Clone(o.records)
	change(o.records)
	w.put(0, o)
}

// Damage is found by every scan, whatever the one before has kept around it.
func TestDamageIsFoundAgain(t *testing.T) {
	for kind := range 4 {
		w := newWorld(t, rand.New(rand.NewPCG(3, 4)), 1)
		w.spans = kind%2 == 0
		for range 3 {
			w.write(0, 400, func(int) bool { return false })
		}
		o := w.things[0][1]
		if o.rotten = kind < 2; !o.rotten {
			o.damaged = partition.Range{From: o.Base + 50, To: o.Base + 60}
		}
		w.put(0, o)
		for _, what := range []string{"first", "second", "third"} {
			w.same(what)
			if rep := w.kept(w.input()); gap.OfKind(rep.Findings, gap.Corrupt) != 1 {
				t.Errorf("%s: got %+v, want the damaged object", what, rep.Findings)
			}
		}
	}
}

// moving is a topic that changes while it is compared: at the second look.
type moving struct {
	gap.Log
	looks int
	then  func()
}

func (m *moving) State(ctx context.Context) (gap.LogState, error) {
	if m.looks++; m.looks == 2 {
		m.then()
	}
	return m.Log.State(ctx)
}

// What was believed at the beginning of a scan and is not so at its end is compared again.
func TestATopicThatIsRecreatedWhileItIsCompared(t *testing.T) {
	w := newWorld(t, rand.New(rand.NewPCG(5, 6)), 1)
	w.write(0, 2000, func(i int) bool { return i == 5 })
	w.same("first")
	w.write(0, 10, func(int) bool { return false })
	w.wrap = func(l gap.Log) gap.Log {
		return &moving{Log: l, then: func() {
			w.id++
			w.target.Logs[0].Records[300].Value = []byte("another one")
		}}
	}
	got := w.kept(w.input())
	w.wrap = nil
	if want := w.full(w.input()); got.Set != want.Set || got.Results[0].MissingRecords != want.Results[0].MissingRecords {
		t.Errorf("got %d missing, want %d", got.Results[0].MissingRecords, want.Results[0].MissingRecords)
	}
	if !strings.Contains(got.Ledger.NotKept, "while it was read") {
		t.Errorf("got %q, want nothing to be written down", got.Ledger.NotKept)
	}
	w.same("after")
}

// A scan of a range uses a ledger and leaves it as it is.
func TestAScanOfARangeWritesNothing(t *testing.T) {
	w := newWorld(t, rand.New(rand.NewPCG(7, 8)), 1)
	w.write(0, 3000, func(i int) bool { return i%500 == 3 })
	w.same("whole")
	before := w.disk()
	w.write(0, 300, func(i int) bool { return i == 3 })
	in := w.input()
	in.Scope.FromMs, in.Scope.ToMs = w.things[0][0].records[1000].TimestampMs, w.things[0][1].records[200].TimestampMs
	want, got := w.full(in), w.kept(in)
	if got.Set != want.Set || got.Results[0].Expected != want.Results[0].Expected {
		t.Errorf("got %+v, want %+v", got.Results[0], want.Results[0])
	}
	if got.Ledger.NotKept == "" || got.Ledger.VouchedRecords == 0 || w.disk() != before {
		t.Errorf("got %+v and a ledger of %d bytes, it had %d", got.Ledger, w.disk(), before)
	}
	w.same("whole again")
}

// A file that is no ledger, is cut short anywhere or has any bit turned over costs a read and no finding. The error names the file.
func TestAHurtLedgerIsReadPast(t *testing.T) {
	w := newWorld(t, rand.New(rand.NewPCG(9, 10)), 1)
	w.write(0, 1500, func(i int) bool { return i == 700 })
	w.same("first")
	files, err := filepath.Glob(filepath.Join(w.dir, "*", "p00000.ledger"))
	if err != nil || len(files) != 1 {
		t.Fatalf("got %v, %v, want one file", files, err)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	hurt := map[string][]byte{"empty": {}, "text": []byte("not a ledger"), "twice": append(slices.Clone(whole), whole...)}
	for _, at := range []int{0, 7, 8, 9, 40, len(whole) / 2, len(whole) - 400, len(whole) - 30, len(whole) - 9, len(whole) - 1} {
		bent := slices.Clone(whole)
		bent[at] ^= 4
		hurt[fmt.Sprintf("bit of byte %d", at)] = bent
		hurt[fmt.Sprintf("cut at %d", at)] = whole[:at]
	}
	for name, raw := range hurt {
		if err := os.WriteFile(files[0], raw, 0o644); err != nil {
			t.Fatal(err)
		}
		use := w.same(name)
		if name != "twice" && (len(use.Doubts) == 0 || use.ReadRecords < 400) {
			t.Errorf("%s: got %+v, want doubts and a read", name, use)
		}
		if len(use.Doubts) > 0 && !strings.Contains(use.Doubts[0].Reason, "p00000.ledger") && !strings.Contains(use.Doubts[0].Reason, "window [") {
			t.Errorf("%s: %q names neither file nor window", name, use.Doubts[0].Reason)
		}
		if use := w.same("after " + name); use.ReadRecords > 20 {
			t.Errorf("after %s: got %d records read, want a ledger that is whole again", name, use.ReadRecords)
		}
	}
}

func TestWhatAKilledScanLeftIsSwept(t *testing.T) {
	w := newWorld(t, rand.New(rand.NewPCG(11, 12)), 1)
	w.write(0, 50, func(int) bool { return false })
	w.same("first")
	dirs, _ := filepath.Glob(filepath.Join(w.dir, "*"))
	left := filepath.Join(dirs[0], ".p00000.ledger.123")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.same("second")
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("got %v, want the file gone", err)
	}
}
