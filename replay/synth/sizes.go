package synth

import (
	"fmt"
	"math/bits"
	"slices"
)

// How sizes are kept: a histogram whose bins are exact below 16 and an eighth of a power of two wide above. Each bin keeps the sum
// of what fell into it, so that bytes in total are exact and sizes that are all the same stay the same.

// Bin is a class of sizes.
type Bin struct {
	Mean  float64 `json:"mean"` // bytes, of the sizes in this class
	Count int64   `json:"count"`
}

// Sizes is a distribution: bins by size. A class is at most an eighth wide, so there are a few hundred at most.
type Sizes []Bin

// maxBins is how many bins there can be: 16 exact ones and eight for each of the 59 powers of two above.
const maxBins = 16 + 8*59

// Count is how many sizes there are.
func (s Sizes) Count() int64 {
	var n int64
	for _, b := range s {
		n += b.Count
	}
	return n
}

// Bytes is their sum.
func (s Sizes) Bytes() float64 {
	var n float64
	for _, b := range s {
		n += b.Mean * float64(b.Count)
	}
	return n
}

// Quantile is the size below or at which a share q of the sizes is, to the width of a bin. It is 0 where there are none.
func (s Sizes) Quantile(q float64) int {
	want := q * float64(s.Count())
	var n float64
	for _, b := range s {
		if n += float64(b.Count); n >= want {
			return int(b.Mean + 0.5)
		}
	}
	return 0
}

// pick is the size at a place u in [0, 1) of the distribution.
func (s Sizes) pick(u float64) int { return s.Quantile(u) }

func (s Sizes) check(name string) error {
	if len(s) > maxBins {
		return fmt.Errorf("%s: %d classes of sizes, want at most %d", name, len(s), maxBins)
	}
	last := -1.0
	for i, b := range s {
		if b.Count <= 0 || b.Mean < 0 || b.Mean > maxSize || b.Mean <= last {
			return fmt.Errorf("%s[%d]: mean %g and count %d, want a positive count and means from 0 to %d in rising order",
				name, i, b.Mean, b.Count, maxSize)
		}
		last = b.Mean
	}
	return nil
}

// maxSize bounds one key, value or header of a replica, in bytes.
const maxSize = 64 << 20

// histogram counts sizes while they are learnt.
type histogram struct {
	count [maxBins]int64
	sum   [maxBins]float64
}

func (h *histogram) add(n int) {
	i := binOf(n)
	h.count[i]++
	h.sum[i] += float64(n)
}

func (h *histogram) sizes() Sizes {
	out := Sizes{}
	for i, n := range h.count {
		if n > 0 {
			out = append(out, Bin{Mean: h.sum[i] / float64(n), Count: n})
		}
	}
	return slices.Clip(out)
}

// binOf is the bin of a size.
func binOf(n int) int {
	if n < 16 {
		return max(n, 0)
	}
	power := bits.Len(uint(n)) - 1 // at least 4
	eighth := n >> (power - 3) & 7
	return 16 + (power-4)*8 + eighth
}
