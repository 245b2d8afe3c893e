//go:build memory

package delivered_test

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"os"
	"testing"

	"backstitch/partition"
	"backstitch/replay/gap"
	"backstitch/replay/gap/delivered"
	"backstitch/replay/gap/gaptest"
	"backstitch/replay/record"
	"backstitch/replay/source"
)

var scattered = flag.Int64("delivered.scattered", 10_000_000, "records that a sink has left out, no two of which make a range")

// mostMemory is what a scan may have resident, in bytes, with all that it lists.
const mostMemory = 256 << 20

// sparse is a topic with a record at each second offset.
type sparse struct{ n int64 }

func (s sparse) Open(_ context.Context, slice partition.Slice, from partition.Offset) (source.Reader, error) {
	return &sparseReader{next: (from + 1) / 2, end: min(s.n, (slice.Ranges.Span().To+1)/2), want: slice.Ranges}, nil
}
func (s sparse) Fields() record.Fields { return record.AllFields }
func (s sparse) Close() error          { return nil }

type sparseReader struct {
	next, end int64
	want      partition.Ranges
}

func (r *sparseReader) Next(context.Context) (*record.Batch, error) {
	if r.next >= r.end {
		return nil, io.EOF
	}
	const batch = 8192
	slab, buf := record.NewSlab(), record.NewBuffer(8*batch)
	for i := 0; i < batch && r.next < r.end; i++ {
		buf.B = binary.BigEndian.AppendUint64(buf.B, uint64(r.next))
		if r.want.Contains(2 * r.next) {
			slab.Append(record.Record{Offset: 2 * r.next, TimestampMs: newest - 1, Value: buf.B[8*i:]})
		}
		r.next++
	}
	slab.Keep(buf)
	return slab.Batch(0, 2*r.next), nil
}
func (r *sparseReader) Close() error { return nil }

// TestMemoryIsFlatInWhatASinkLeavesOut scans an archive whose only object can not be read, where it lies over the topic's second half.
func TestMemoryIsFlatInWhatASinkLeavesOut(t *testing.T) {
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // count from here on
	n := *scattered
	object := partition.Object{Key: "broken", Base: n, Count: n}
	store := store{objects: map[string][]record.Record{}, damaged: map[string]*source.DamagedError{
		"broken": {Object: "broken", Offset: -1, Next: -1, Code: source.CodeCorrupt, Err: io.ErrUnexpectedEOF},
	}, fields: record.AllFields}
	in := delivered.Input{
		Topic: "t", Reference: sparse{n}, Archive: &store, Exact: true, NewestMs: newest,
		Extents: map[int32]gap.Extent{0: {Range: partition.Range{To: 2 * n}}},
		Objects: map[int32]gap.Extent{0: {Range: partition.Range{To: 2 * n}, Objects: []partition.Object{object}}},
		DueTo:   map[int32]int64{0: 2 * n},
	}
	cfg := gap.DefaultConfig()
	rep, err := delivered.Scan(t.Context(), in, cfg)
	if err != nil {
		t.Fatal(err)
	}
	var missing, unread, ranges int64
	for _, f := range rep.Findings {
		switch f.Kind {
		case gap.Partly, gap.Missing:
			missing += f.Count
			ranges += int64(len(f.Ranges)) + f.RangesLeft
		case gap.Corrupt:
			unread += f.Count
		}
	}
	if missing != n/2 || unread != n/2 || ranges <= int64(cfg.MaxRanges) {
		t.Errorf("got %d records in %d ranges missing and %d unread, want %d of both and more than %d ranges", missing, ranges, unread, n/2, cfg.MaxRanges)
	}
	peak := gaptest.ResidentPeak(t)
	fmt.Printf("sink left=scattered identities=%d ranges=%d peak_rss=%dMiB\n", missing, ranges, peak>>20)
	if peak >= mostMemory {
		t.Errorf("peak resident memory: got %d MiB, want less than %d MiB", peak>>20, mostMemory>>20)
	}
}
