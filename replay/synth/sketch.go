package synth

import (
	"container/heap"
	"slices"
)

// How keys are counted in bounded memory, by a hash alone. Two sketches: the k smallest hashes tell how many distinct keys there are
// (exactly below k), and counters that the rarest gives up (Metwally's Space-Saving) tell how often the most frequent come.

const (
	distinctKept = 1024 // hashes of a partition; the estimate's standard error is 1/sqrt of it, 3 %
	topKept      = 256  // counters of a partition: a key is counted too high by one record in 256 at most, and that is taken off
	topListed    = 16   // of a partition in the profile
)

// smallest holds the k smallest distinct hashes, the largest of them first.
type smallest struct {
	heap hashes
	in   map[uint64]struct{}
}

type hashes []uint64

func (h hashes) Len() int           { return len(h) }
func (h hashes) Less(i, j int) bool { return h[i] > h[j] }
func (h hashes) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *hashes) Push(x any)        { *h = append(*h, x.(uint64)) }
func (h *hashes) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

func (s *smallest) add(hash uint64) {
	if len(s.heap) == distinctKept && hash >= s.heap[0] {
		return
	}
	if _, ok := s.in[hash]; ok {
		return
	}
	if s.in == nil {
		s.in = map[uint64]struct{}{}
	}
	s.in[hash] = struct{}{}
	heap.Push(&s.heap, hash)
	if len(s.heap) > distinctKept {
		delete(s.in, heap.Pop(&s.heap).(uint64))
	}
}

// distinct is exact below distinctKept.
func (s *smallest) distinct() int64 {
	if len(s.heap) < distinctKept {
		return int64(len(s.heap))
	}
	share := float64(s.heap[0]) / (1 << 64)
	return int64(float64(distinctKept-1)/share + 0.5)
}

// frequent counts the most frequent hashes. The counters lie in a heap with the lowest first, so that giving one up is cheap.
type frequent struct {
	at   map[uint64]int // where in heap
	heap []counter
}

type counter struct {
	hash         uint64
	count, above int64 // above is how much count may be too high
}

func (f *frequent) Len() int           { return len(f.heap) }
func (f *frequent) Less(i, j int) bool { return f.heap[i].count < f.heap[j].count }
func (f *frequent) Swap(i, j int) {
	f.heap[i], f.heap[j] = f.heap[j], f.heap[i]
	f.at[f.heap[i].hash], f.at[f.heap[j].hash] = i, j
}
func (f *frequent) Push(x any) {
	c := x.(counter)
	f.at[c.hash] = len(f.heap)
	f.heap = append(f.heap, c)
}
func (f *frequent) Pop() any {
	last := f.heap[len(f.heap)-1]
	f.heap = f.heap[:len(f.heap)-1]
	delete(f.at, last.hash)
	return last
}

func (f *frequent) add(hash uint64) {
	if f.at == nil {
		f.at = map[uint64]int{}
	}
	if i, ok := f.at[hash]; ok {
		f.heap[i].count++
		heap.Fix(f, i)
		return
	}
	if len(f.heap) < topKept {
		heap.Push(f, counter{hash: hash, count: 1})
		return
	}
	lowest := f.heap[0].count
	delete(f.at, f.heap[0].hash)
	f.heap[0] = counter{hash: hash, count: lowest + 1, above: lowest}
	f.at[hash] = 0
	heap.Fix(f, 0)
}

// top is how often the most frequent hashes came at least, highest first. Those that came once are none.
func (f *frequent) top() []int64 {
	out := []int64{}
	for _, c := range f.heap {
		if n := c.count - c.above; n > 1 {
			out = append(out, n)
		}
	}
	slices.SortFunc(out, func(a, b int64) int { return int(min(1, max(-1, b-a))) })
	return slices.Clip(out[:min(len(out), topListed)])
}
