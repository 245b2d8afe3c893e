package match

import (
	"iter"
	"maps"
	"math/bits"
	"slices"

	"backstitch/partition"
)

// Positions is a set of positions that come in any order. A list of ranges would need one entry per position until it is
// sorted, which for a lost hour of a busy topic is gigabytes. So positions are kept in blocks of 65536: a block with few is a
// sorted list, one with many is a bitmap. The zero value is empty.
type Positions struct {
	blocks map[int64]*block
	n      int64
}

const (
	blockBits = 16
	listMax   = 4096 // a list of this length takes as much as the bitmap
)

type block struct {
	list []uint16
	bits *[1 << blockBits / 64]uint64
}

// Add puts o into the set. It reports whether o was not there yet.
func (p *Positions) Add(o partition.Offset) bool {
	if p.blocks == nil {
		p.blocks = map[int64]*block{}
	}
	b := p.blocks[o>>blockBits]
	if b == nil {
		b = &block{}
		p.blocks[o>>blockBits] = b
	}
	if !b.add(uint16(o)) {
		return false
	}
	p.n++
	return true
}

func (b *block) add(low uint16) bool {
	if b.bits != nil {
		word, bit := &b.bits[low>>6], uint64(1)<<(low&63)
		fresh := *word&bit == 0
		*word |= bit
		return fresh
	}
	i, found := slices.BinarySearch(b.list, low)
	if found {
		return false
	}
	if len(b.list) < listMax {
		b.list = slices.Insert(b.list, i, low)
		return true
	}
	b.bits = new([1 << blockBits / 64]uint64)
	for _, l := range b.list {
		b.bits[l>>6] |= 1 << (l & 63)
	}
	b.list = nil
	return b.add(low)
}

// Contains reports whether o is in the set.
func (p *Positions) Contains(o partition.Offset) bool {
	b := p.blocks[o>>blockBits]
	if b == nil {
		return false
	}
	low := uint16(o)
	if b.bits != nil {
		return b.bits[low>>6]&(1<<(low&63)) != 0
	}
	_, found := slices.BinarySearch(b.list, low)
	return found
}

// Len is the number of positions in the set.
func (p *Positions) Len() int64 { return p.n }

// All yields the positions in ascending order.
func (p *Positions) All() iter.Seq[partition.Offset] {
	return func(yield func(partition.Offset) bool) {
		for _, high := range slices.Sorted(maps.Keys(p.blocks)) {
			b := p.blocks[high]
			for _, low := range b.list {
				if !yield(high<<blockBits | int64(low)) {
					return
				}
			}
			if b.bits == nil {
				continue
			}
			for i, word := range b.bits {
				for ; word != 0; word &= word - 1 {
					if !yield(high<<blockBits | int64(i<<6|bits.TrailingZeros64(word))) {
						return
					}
				}
			}
		}
	}
}

// Span is the smallest range that covers the set, the zero Range when it is empty.
func (p *Positions) Span() (span partition.Range) {
	for o := range p.All() {
		if span.Empty() {
			span.From = o
		}
		span.To = o + 1
	}
	return span
}

// Ranges returns the set as ranges, 16 bytes each. Runs has the same without a list.
func (p *Positions) Ranges(holes partition.Ranges) partition.Ranges {
	var out partition.Ranges
	for r := range p.Runs(holes) {
		out = append(out, r)
	}
	return out
}

// Runs yields the set as ranges in ascending order, each with how many of its positions are in the set. Two neighbours are joined when
// nothing but holes lies between them: positions at which the reference has no record, so that it makes no difference whether they are
// in.
func (p *Positions) Runs(holes partition.Ranges) iter.Seq2[partition.Range, int64] {
	return func(yield func(partition.Range, int64) bool) {
		holes := holes
		var run partition.Range
		var n int64
		for o := range p.All() {
			for n > 0 && len(holes) > 0 && holes[0].To <= run.To {
				holes = holes[1:]
			}
			if n > 0 && (run.To == o || len(holes) > 0 && holes[0] == partition.Range{From: run.To, To: o}) {
				run.To = o + 1
				n++
				continue
			}
			if n > 0 && !yield(run, n) {
				return
			}
			run, n = partition.Range{From: o, To: o + 1}, 1
		}
		if n > 0 {
			yield(run, n)
		}
	}
}
