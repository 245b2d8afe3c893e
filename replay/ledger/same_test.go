package ledger_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/record"
	"backstitch/replay/sink"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	firstSeed = flag.Uint64("ledger.first", 0, "first seed; 0 for a new one")
	seeds     = flag.Uint64("ledger.seeds", 4, "how many seeds")
)

// A world in which everything happens that may happen between two scans: after each step a scan with the ledger gives what one
// without gives.
func TestAScanWithALedgerIsTheSame(t *testing.T) {
	first := *firstSeed
	if first == 0 {
		first = rand.Uint64() >> 16
	}
	t.Logf("seeds from %d (-ledger.first=%d -ledger.seeds=1)", first, first)
	var vouched int64
	happened := map[string]int{}
	for seed := first; seed < first+*seeds; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0))
			w := newWorld(t, rng, 1+rng.Int32N(3))
			for p := range w.parts {
				w.write(p, 200+rng.IntN(1500), w.losses())
			}
			w.same("first")
			for step := range 12 {
				what := "nothing"
				for range 1 + rng.IntN(2) {
					what = w.happen()
					happened[what]++
				}
				use := w.same(fmt.Sprintf("step %d, %s", step, what))
				vouched += use.VouchedRecords
			}
		})
	}
	if *seeds >= 4 && (vouched == 0 || len(happened) < 12) {
		t.Errorf("%d records were vouched for, and this happened: %v", vouched, happened)
	}
}

// losses drops a run and some single records.
func (w *world) losses() func(int) bool {
	if w.rng.IntN(3) == 0 {
		return func(int) bool { return false }
	}
	from, n, one := w.rng.IntN(300), w.rng.IntN(40), 1+w.rng.IntN(400)
	return func(i int) bool { return i >= from && i < from+n || i%one == one-1 }
}

// happen does one thing to the world and says what.
func (w *world) happen() string {
	p := w.rng.Int32N(w.parts)
	l, objects := w.target.Logs[p], w.things[p]
	some := func() *record.Record {
		if len(l.Records) == 0 {
			return nil
		}
		return &l.Records[w.rng.IntN(len(l.Records))]
	}
	start, end, _ := w.target.Bounds(w.t.Context(), p)
	switch w.rng.IntN(17) {
	case 0, 1, 2:
		w.write(p, 1+w.rng.IntN(300), w.losses())
		return "append"
	case 3:
		l.Start = start + w.rng.Int64N(end-start+1)
		l.Records = slices.DeleteFunc(l.Records, func(r record.Record) bool { return r.Offset < l.Start })
		if len(l.Records) == 0 {
			l.End = end
		}
		return "retention"
	case 4:
		if r := some(); r != nil {
			again := *r
			w.target.Append(p, again, again)
		}
		return "duplicates in the topic"
	case 5:
		if len(objects) > 1 {
			w.things[p] = slices.Delete(objects, 1, 2)
		}
		return "an object is deleted"
	case 6:
		if len(objects) > 0 {
			w.things[p] = objects[1:]
			if len(objects) == 1 {
				w.write(p, 10, w.losses())
			}
		}
		return "the oldest object expires"
	case 7: // another object under the same name
		o := objects[w.rng.IntN(len(objects))]
		o.records = slices.Clone(o.records)
		if n := len(o.records); n > 1 {
			a, b := w.rng.IntN(n), w.rng.IntN(n)
			o.records[a].Value, o.records[b].Value = o.records[b].Value, o.records[a].Value
		}
		w.put(p, o)
		return "values of an object are swapped"
	case 8:
		o := objects[w.rng.IntN(len(objects))]
		o.damaged, o.rotten = partition.Range{}, w.rng.IntN(3) == 0
		if w.rng.IntN(3) > 0 && o.to-o.Base > 3 {
			at := o.Base + w.rng.Int64N(o.to-o.Base-2)
			o.damaged = partition.Range{From: at, To: at + 2}
		}
		w.put(p, o)
		return "an object is damaged, or mended"
	case 9: // the topic is made again, with swapped and lost values
		w.id++
		for p, l := range w.target.Logs {
			rs := l.Records
			l.Records, l.Start, l.End = nil, 0, 0
			w.epochs[p] = []gap.EpochEnd{{}}
			lose := w.losses()
			for i, r := range rs {
				if i > 0 && w.rng.IntN(200) == 0 {
					r.Value = rs[i-1].Value
				}
				if !lose(i) {
					w.target.Append(p, r)
				}
			}
		}
		return "the topic is recreated"
	case 10:
		from := end - w.rng.Int64N(min(end-start, 50)+1)
		w.elect(p, from)
		for range w.rng.IntN(80) {
			w.target.Append(p, w.fresh(6))
		}
		return "an unclean election"
	case 11:
		w.elect(p, end)
		return "an election"
	case 12:
		if n := len(objects[0].records); n > 0 { // as a repair writes
			for range 1 + w.rng.IntN(5) {
				w.target.AppendOurs("job", "orders", p, objects[0].records[w.rng.IntN(n)])
			}
		}
		return "a repair"
	case 13: // and is archived again
		o := thing{Object: partition.Object{Base: objects[len(objects)-1].to}}
		o.to = o.Base
		for range 1 + w.rng.IntN(4) {
			if n := len(objects[0].records); n > 0 {
				r := objects[0].records[w.rng.IntN(n)]
				r.Headers = []record.Header{{Key: sink.OriginHeader, Value: fmt.Appendf(nil, "orders/%d/%d", p, r.Offset)}}
				r.Offset, o.to = o.to, o.to+1
				o.records = append(o.records, r)
			}
		}
		if o.Count = o.to - o.Base; o.Count > 0 {
			w.put(p, o)
		}
		return "a repair is archived"
	case 14:
		w.hurt()
		return "the ledger is hurt"
	case 15:
		switch w.rng.IntN(3) {
		case 0:
			w.holds = record.AllFields &^ record.FieldHeaders
		case 1:
			w.holds = record.FieldValue
		default:
			w.holds = record.AllFields
		}
		return "other fields are compared"
	default:
		if !w.spans {
			w.policy = []string{"delete", "compact", "compact,delete", ""}[w.rng.IntN(4)]
			return "the policy changes"
		}
		o := objects[w.rng.IntN(len(objects))] // a copy that began elsewhere
		if n := len(o.records); n > 1 {
			o.Key, o.records, o.damaged = "", o.records[n/2:], partition.Range{}
			o.Base = o.records[0].Offset
			o.Count = o.to - o.Base
			w.put(p, o)
		}
		return "objects overlap"
	}
}

// hurt does to a file of the ledger what disks and people do.
func (w *world) hurt() {
	files, err := filepath.Glob(filepath.Join(w.dir, "*", "p*.ledger"))
	if err != nil || len(files) == 0 {
		return
	}
	file := files[w.rng.IntN(len(files))]
	raw, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	switch w.rng.IntN(4) {
	case 0:
		raw = raw[:w.rng.IntN(len(raw))]
	case 1:
		raw = append(raw, raw[:w.rng.IntN(len(raw))]...)
	default:
		raw[w.rng.IntN(len(raw))] ^= byte(1 << w.rng.IntN(8))
	}
	if err := os.WriteFile(file, raw, 0o644); err != nil {
		w.t.Fatal(err)
	}
}
