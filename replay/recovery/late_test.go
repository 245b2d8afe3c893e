package recovery_test

import (
	"testing"

	"backstitch/partition"
	"backstitch/replay/recovery"
)

// A slice begins with what is said of it, else of the last one before it, else with what the target had.
func TestWhatASliceBeginsWith(t *testing.T) {
	had := int64(100)
	l := recovery.Late{Parts: []recovery.LatePart{
		{Partition: 1, HighestMs: &had, Begins: []recovery.LateBegin{{Slice: 3, HighestMs: 200}, {Slice: 5, HighestMs: 300}}},
		{Partition: 4, Begins: []recovery.LateBegin{{Slice: 9, HighestMs: 7}}},
	}}
	for _, c := range []struct {
		part int32
		n    uint32
		want int64 // 0 is none
	}{{1, 2, 100}, {1, 3, 200}, {1, 4, 200}, {1, 5, 300}, {1, 6, 300}, {4, 8, 0}, {4, 9, 7}, {4, 10, 7}, {2, 5, 0}} {
		got := l.Begins(partition.Slice{ID: partition.SliceID{N: c.n}, Partition: c.part}).Ms()
		if got == nil && c.want != 0 || got != nil && *got != c.want {
			t.Errorf("slice %d of partition %d: got %v, want %d", c.n, c.part, got, c.want)
		}
	}
}
