//go:build memory

package gap

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"os"
	"testing"

	"backstitch/partition"
	"backstitch/replay/gap/gaptest"
	"backstitch/replay/gap/match"
	"backstitch/replay/record"
	"backstitch/replay/sink"
	"backstitch/replay/source"
	"backstitch/storage/spill"
)

var scattered = flag.Int64("gap.scattered", 10_000_000, "records that are lost, no two of which make a range")

// mostMemory is what a scan may have resident, in bytes, with all that it lists.
const mostMemory = 256 << 20

// sparse is a reference with a record at each second position, of which a target has none.
type sparse struct{ n int64 }

func (s sparse) Open(context.Context, partition.Slice, partition.Offset) (source.Reader, error) {
	return &sparseReader{n: s.n}, nil
}
func (s sparse) Fields() record.Fields { return record.FieldValue }
func (s sparse) Close() error          { return nil }

type sparseReader struct{ next, n int64 }

func (r *sparseReader) Next(context.Context) (*record.Batch, error) {
	if r.next == r.n {
		return nil, io.EOF
	}
	const batch = 8192
	slab, buf := record.NewSlab(), record.NewBuffer(8*batch)
	for i := 0; i < batch && r.next < r.n; i++ {
		buf.B = binary.BigEndian.AppendUint64(buf.B, uint64(r.next))
		slab.Append(record.Record{Offset: 2 * r.next, Value: buf.B[8*i:]})
		r.next++
	}
	slab.Keep(buf)
	return slab.Batch(0, 2*r.next), nil
}
func (r *sparseReader) Close() error { return nil }

// void is a target without records.
type void struct{}

func (void) Bounds(context.Context, int32) (start, end int64, err error) { return 0, 0, nil }
func (void) Settled(context.Context, int32) error                        { return nil }
func (void) Read(context.Context, int32, int64, int64) (sink.Reader, error) {
	return void{}, nil
}
func (void) Next(context.Context) (*record.Batch, error) { return nil, io.EOF }
func (void) Position() int64                             { return 0 }
func (void) Fields() record.Fields                       { return record.FieldValue }
func (void) Close() error                                { return nil }

// TestMemoryIsFlatInScatteredLosses scans to the report, whose lists end somewhere, and walks through all that is missing.
func TestMemoryIsFlatInScatteredLosses(t *testing.T) {
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // count from here on
	cfg := DefaultConfig()
	cfg.NewBag = match.Spill(spill.Options{Dir: t.TempDir(), MemoryBytes: bagBytes})
	in := Input{
		Dataset: "sparse", Reference: sparse{*scattered}, Target: void{}, Facts: Facts{CleanupPolicy: "delete", Recreated: "no"},
		Extents: map[int32]Extent{0: {Range: partition.Range{From: 0, To: 2 * *scattered}}},
	}
	rep, err := Scan(t.Context(), in, cfg)
	if err != nil {
		t.Fatal(err)
	}
	res := rep.Result(0)
	var places, records int64
	for r, n := range res.Lost() {
		if r.From%2 != 0 {
			t.Fatalf("%s is missing, and no record is there", r)
		}
		places, records = places+1, records+n
	}
	if records != *scattered || int64(len(res.Missing))+res.MissingLeft != places || len(res.Missing) != cfg.MaxRanges {
		t.Errorf("got %d records in %d places, %d of them listed and %d not, want %d records", records, places, len(res.Missing), res.MissingLeft, *scattered)
	}
	peak := gaptest.ResidentPeak(t)
	fmt.Printf("scan lost=scattered identities=%d places=%d peak_rss=%dMiB\n", records, places, peak>>20)
	if peak >= mostMemory {
		t.Errorf("peak resident memory: got %d MiB, want less than %d MiB", peak>>20, mostMemory>>20)
	}
}
