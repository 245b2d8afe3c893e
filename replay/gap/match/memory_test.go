//go:build memory

package match

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"testing"
	"time"

	"backstitch/replay/gap/gaptest"
	"backstitch/replay/record"
	"backstitch/storage/spill"
)

var (
	identities  = flag.Int64("match.identities", 100_000_000, "records of which the target has none")
	alternating = flag.Int64("match.alternating", 1_000_000, "records that are lost of twice as many; each that is there is looked for among them")
)

// mostMemory is what a comparison may have resident, bags and all.
const mostMemory = 256 << 20

// counted is a side of small records, each with its number of n in it, or of each second one.
type counted struct {
	next, n int64
	second  bool
}

func (c *counted) Next(context.Context) (*record.Batch, error) {
	if c.next >= c.n {
		return nil, io.EOF
	}
	const batch = 8192
	slab := record.NewSlab()
	buf := record.NewBuffer(8 * batch)
	for i := 0; i < batch && c.next < c.n; i++ {
		at := len(buf.B)
		buf.B = binary.BigEndian.AppendUint64(buf.B, uint64(c.next))
		slab.Append(record.Record{Offset: c.next, Value: buf.B[at:]})
		if c.next++; c.second {
			c.next++
		}
	}
	slab.Keep(buf)
	return slab.Batch(0, c.next), nil
}

// TestMemoryIsFlatInTheDifference loses every record of a topic: each is an identity that waits for its match to the end.
func TestMemoryIsFlatInTheDifference(t *testing.T) {
	out := bounded(t, "all", *identities, &counted{n: *identities}, &counted{})
	if out.Missing.Len() != *identities || len(out.Missing.Ranges(nil)) != 1 {
		t.Errorf("missing: got %d records, want %d in one range", out.Missing.Len(), *identities)
	}
}

// TestMemoryIsFlatWhenLossesAlternate loses each second record, so that no two of what is missing make a range.
func TestMemoryIsFlatWhenLossesAlternate(t *testing.T) {
	out := bounded(t, "second", *alternating, &counted{n: 2 * *alternating}, &counted{n: 2 * *alternating, second: true})
	if out.Missing.Len() != *alternating || out.Surplus.Len() != 0 {
		t.Errorf("got %d records missing and %d too many, want %d and 0", out.Missing.Len(), out.Surplus.Len(), *alternating)
	}
	for o := range out.Missing.All() {
		if o%2 == 0 {
			t.Fatalf("position %d is missing, and was there", o)
		}
	}
}

// bounded compares, and fails when that took more memory than it may.
func bounded(t *testing.T, what string, lost int64, reference, target *counted) *Outcome {
	t.Helper()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // count from here on
	begun := time.Now()
	out, err := Run(t.Context(), reference, target, Options{
		Fields: record.FieldValue, NewBag: Spill(spill.Options{Dir: t.TempDir(), MemoryBytes: 16 << 20}),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := out.Close(); err != nil {
			t.Error(err)
		}
	})
	var heap runtime.MemStats
	runtime.ReadMemStats(&heap)
	peak := gaptest.ResidentPeak(t)
	fmt.Printf("match lost=%s identities=%d peak_rss=%dMiB heap_sys=%dMiB in %.0f s\n", what, lost, peak>>20, heap.HeapSys>>20, time.Since(begun).Seconds())
	if peak >= mostMemory {
		t.Errorf("peak resident memory: got %d MiB, want less than %d MiB", peak>>20, mostMemory>>20)
	}
	return out
}
