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
	"strings"
	"testing"
	"time"

	"backstitch/replay/record"
	"backstitch/storage/spill"
)

var identities = flag.Int64("match.identities", 100_000_000, "records of which the target has none")

// mostMemory is what a comparison may have resident, bags and all.
const mostMemory = 256 << 20

// counted is a side of n different small records.
type counted struct{ next, n int64 }

func (c *counted) Next(context.Context) (*record.Batch, error) {
	if c.next == c.n {
		return nil, io.EOF
	}
	const batch = 8192
	slab := record.NewSlab()
	buf := record.NewBuffer(8 * batch)
	for range min(batch, c.n-c.next) {
		at := len(buf.B)
		buf.B = binary.BigEndian.AppendUint64(buf.B, uint64(c.next))
		slab.Append(record.Record{Offset: c.next, Value: buf.B[at:]})
		c.next++
	}
	slab.Keep(buf)
	return slab.Batch(0, c.next), nil
}

// TestMemoryIsFlatInTheDifference loses every record of a topic: each is an identity that waits for its match to the end.
func TestMemoryIsFlatInTheDifference(t *testing.T) {
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // count from here on
	begun := time.Now()
	out, err := Run(t.Context(), &counted{n: *identities}, &counted{}, Options{
		Fields: record.FieldValue, NewBag: Spill(spill.Options{Dir: t.TempDir(), MemoryBytes: 16 << 20}),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if out.Missing.Len() != *identities || len(out.Missing.Ranges(nil)) != 1 {
		t.Errorf("missing: got %d records, want %d in one range", out.Missing.Len(), *identities)
	}
	var heap runtime.MemStats
	runtime.ReadMemStats(&heap)
	peak := residentPeak(t)
	fmt.Printf("match identities=%d peak_rss=%dMiB heap_sys=%dMiB in %.0f s\n", *identities, peak>>20, heap.HeapSys>>20, time.Since(begun).Seconds())
	if peak >= mostMemory {
		t.Errorf("peak resident memory: got %d MiB, want less than %d MiB", peak>>20, mostMemory>>20)
	}
}

func residentPeak(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var kib int64
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kib); err == nil {
			return kib << 10
		}
	}
	t.Fatal("no peak in /proc/self/status")
	return 0
}
