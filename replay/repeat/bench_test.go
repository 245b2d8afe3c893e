package repeat_test

import (
	"fmt"
	"testing"
	"time"

	"backstitch/replay/record"
	"backstitch/replay/repeat"
	"backstitch/replay/spec"
	"backstitch/replay/tree"
	"backstitch/storage/spill"
)

// What it takes to look at a record, of which one in ten repeats another, against reading its value into a tree, which any key in a value
// takes: with all of a partition's keys in memory, and with most of them on disk. One iteration is a partition of 2 million records.
//
//	go test ./replay/repeat -run '^$' -bench See -benchtime 1x
func BenchmarkSee(b *testing.B) {
	const n = 2_000_000
	value := func(buf []byte, i int) []byte {
		return fmt.Appendf(buf[:0], `{"event_id":"0c9c7f2e-4d8a-4a57-9d0e-%012d","customer":{"id":%d,"zip":"01234"},"amount":12.50,"items":[{"sku":"a-%d","n":1}]}`, i-i%10/9*5, i, i)
	}
	for _, c := range []struct {
		name   string
		memory int64
	}{{"memory", 1 << 30}, {"disk", 16 << 20}} {
		b.Run(c.name, func(b *testing.B) {
			r, err := repeat.New([]spec.KeyPart{"value.event_id"}, 24*time.Hour)
			if err != nil {
				b.Fatal(err)
			}
			for range b.N {
				var buf []byte
				var parser tree.Parser
				parsing := time.Now()
				for i := range n {
					buf = value(buf, i)
					if _, err := parser.Parse(buf); err != nil {
						b.Fatal(err)
					}
				}
				parsed := time.Since(parsing)
				f := r.Finder(spill.Options{Dir: b.TempDir(), MemoryBytes: c.memory})
				found := 0
				seeing := time.Now()
				for i := range n {
					buf = value(buf, i)
					repetition, _, err := f.See(&record.Record{Offset: int64(i), TimestampMs: int64(i), Value: buf})
					if err != nil {
						b.Fatal(err)
					}
					if repetition {
						found++
					}
				}
				seen := time.Since(seeing)
				if err := f.Close(); err != nil {
					b.Fatal(err)
				}
				if found != n/10 {
					b.Fatalf("got %d repetitions, want %d", found, n/10)
				}
				b.ReportMetric(float64(seen)/float64(parsed), "see/parse")
				b.ReportMetric(float64(seen.Nanoseconds())/n, "ns/record")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}
