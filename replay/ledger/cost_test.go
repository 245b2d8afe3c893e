package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"backstitch/replay/record"
)

// The second scan reads what is new and what changed, whatever is there. The bytes are counted where they leave the two sides.
func TestTheSecondScanReadsTheDifference(t *testing.T) {
	const n, size = 40_000, 1000
	w := large(t, n, size)
	first := w.scanned("first")
	again := w.scanned("again")
	if again > first/5000 {
		t.Errorf("nothing changed: got %d bytes read, the first scan read %d", again, first)
	}
	for range n / 20_000 { // one record in ten thousand on either side, each in an object of its own or at the end of the log
		w.big(size, 1)
		w.target.Append(0, w.fresh(1<<30))
	}
	second := w.scanned("second")
	disk := w.disk()
	t.Logf("first scan %d bytes, again %d, at 0.01%% difference %d (%.3f%%); the ledger takes %d bytes, %.1f a record and side",
		first, again, second, 100*float64(second)/float64(first), disk, float64(disk)/n/2)
	if second*50 > first {
		t.Errorf("got %d bytes read, want less than 2%% of %d", second, first)
	}
	// An object that was written anew costs what lies in its windows.
	o := w.things[0][3]
	w.put(0, o)
	if rewritten := w.scanned("rewritten"); rewritten < int64(len(o.records))*size || rewritten > int64(len(o.records)+2048)*size+second {
		t.Errorf("got %d bytes read for an object of %d records that was written anew", rewritten, len(o.records))
	}
}

// BenchmarkSecondScan scans a million records again of which one in ten thousand is new. Bytes are those that were read of the two sides.
func BenchmarkSecondScan(b *testing.B) {
	for _, kept := range []bool{false, true} {
		b.Run(fmt.Sprintf("ledger=%t", kept), func(b *testing.B) {
			w := large(b, 1_000_000, 200)
			w.kept(w.input())
			b.ResetTimer()
			w.read.Store(0)
			for b.Loop() {
				w.big(200, 50)
				if in := w.input(); kept {
					w.kept(in)
				} else {
					w.full(in)
				}
			}
			b.ReportMetric(float64(w.read.Load())/float64(b.N), "read-B/op")
		})
	}
}

// large is a world of one partition with n records of that size, of which one in 5000 is lost.
func large(t testing.TB, n, size int) *world {
	w := newWorld(t, rand.New(rand.NewPCG(7, 7)), 1)
	w.spans, w.target.Batch = true, 1000
	for range n / 5000 {
		w.big(size, 5000)
	}
	return w
}

// big writes n records of that size as one object and into the topic, but for the last of 5000.
func (w *world) big(size, n int) {
	from := len(w.target.Logs[0].Records)
	w.write(0, n, func(i int) bool { return i == 4999 })
	o := w.things[0][len(w.things[0])-1]
	rs := w.target.Logs[0].Records[from:]
	for i := range o.records {
		value := make([]byte, size)
		copy(value, fmt.Sprintf("%d %d", o.Base, i))
		o.records[i].Key, o.records[i].Value = nil, value
		if i < len(rs) {
			rs[i] = record.Record{Offset: rs[i].Offset, TimestampMs: o.records[i].TimestampMs, Value: value}
		}
	}
}

// scanned is how many bytes a scan with the ledger reads. What it finds is compared with a full scan.
func (w *world) scanned(what string) int64 {
	w.t.Helper()
	w.same(what)
	return w.read.Load()
}

func (w *world) disk() (n int64) {
	w.t.Helper()
	files, err := filepath.Glob(filepath.Join(w.dir, "*", "*.ledger"))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			w.t.Fatal(err)
		}
		n += info.Size()
	}
	return n
}
