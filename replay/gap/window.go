package gap

import (
	"iter"
	"math"
	"slices"
	"sort"

	"backstitch/partition"
)

// Window says how much of the reference lies in a stretch of positions.
type Window struct {
	Range   partition.Range // from its first record to after its last
	Records int64
	Bytes   int64
	MinMs   int64 // timestamps, when the reference has them
	MaxMs   int64
}

const (
	firstWindow = 1       // records in a window at first
	maxWindows  = 1 << 14 // then neighbours are joined: a partition's windows take 1 MiB at most
)

// windows builds the Windows of one partition, from its first record to its last. Small partitions get fine windows, large ones
// coarse.
type windows struct {
	list []Window
	size int64 // records of a full window
}

func (w *windows) add(o partition.Offset, bytes, ms int64) {
	if w.size == 0 {
		w.size = firstWindow
	}
	if n := len(w.list); n == 0 || w.list[n-1].Records >= w.size {
		if n == maxWindows {
			w.join()
		}
		if n == cap(w.list) {
			more := max(n, 16) // append would copy such a list twenty times on its way
			if n >= maxWindows/4 {
				more = maxWindows
			}
			w.list = slices.Grow(w.list, min(more, maxWindows-n))
		}
		w.list = append(w.list, Window{Range: partition.Range{From: o}, MinMs: math.MaxInt64, MaxMs: math.MinInt64})
	}
	last := &w.list[len(w.list)-1]
	last.Range.To = o + 1
	last.Records++
	last.Bytes += bytes
	last.MinMs, last.MaxMs = min(last.MinMs, ms), max(last.MaxMs, ms)
}

func (w *windows) join() {
	half := w.list[:0]
	for i := 0; i+1 < len(w.list); i += 2 {
		a, b := w.list[i], w.list[i+1]
		half = append(half, Window{
			Range:   partition.Range{From: a.Range.From, To: b.Range.To},
			Records: a.Records + b.Records, Bytes: a.Bytes + b.Bytes,
			MinMs: min(a.MinMs, b.MinMs), MaxMs: max(a.MaxMs, b.MaxMs),
		})
	}
	w.list, w.size = half, 2*w.size
}

// around returns the windows that share a position with r.
func around(ws []Window, r partition.Range) []Window {
	i := sort.Search(len(ws), func(i int) bool { return ws[i].Range.To > r.From })
	j := i
	for j < len(ws) && ws[j].Range.From < r.To {
		j++
	}
	return ws[i:j]
}

// estimate is how many bytes count records in rs take, and between which times they lie. Records of one window count alike.
func estimate(ws []Window, rs iter.Seq[partition.Range], count int64) (bytes, firstMs, lastMs int64) {
	var seenRecords, seenBytes int64
	firstMs, lastMs = math.MaxInt64, math.MinInt64
	for r := range rs {
		for _, w := range around(ws, r) {
			part := partition.Range{From: max(w.Range.From, r.From), To: min(w.Range.To, r.To)}
			share := max(1, int64(float64(w.Records)*float64(part.Len())/float64(w.Range.Len())+0.5))
			seenRecords += share
			seenBytes += int64(float64(w.Bytes) * float64(share) / float64(w.Records))
			firstMs, lastMs = min(firstMs, w.MinMs), max(lastMs, w.MaxMs)
		}
	}
	if seenRecords == 0 {
		return 0, 0, 0
	}
	return int64(float64(seenBytes) * float64(count) / float64(seenRecords)), firstMs, lastMs
}
