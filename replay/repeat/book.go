package repeat

import (
	"sync"

	"backstitch/partition"
	"backstitch/replay/source"
)

// Book is what readers have left out, by partition. It may be used by several goroutines.
type Book struct {
	mu    sync.Mutex
	parts map[int32]*Part
}

// Part is one partition of a Book.
type Part struct {
	Left    partition.Ranges // positions of repetitions
	Keyed   int64            // records whose key could be read
	Unkeyed source.Reasons   // those whose key could not, which were kept
	to      partition.Offset // below which all was seen
}

// NewBook makes an empty one.
func NewBook() *Book { return &Book{parts: map[int32]*Part{}} }

// Part is that of a partition; an empty one where nothing was read. It is for when readers are done.
func (b *Book) Part(n int32) Part {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.parts[n]; p != nil {
		return *p
	}
	return Part{}
}

// reached enters what a reader has seen up to a position. A scan reads a partition several times, and not always to its end. Each of them
// finds the same, so the one that came furthest knows what the others do.
func (b *Book) reached(n int32, p *Part, to partition.Offset) {
	p.to = max(p.to, to)
	b.mu.Lock()
	defer b.mu.Unlock()
	if have := b.parts[n]; have == nil || have.to <= p.to {
		b.parts[n] = p
	}
}

func (p *Part) left(o partition.Offset) {
	if n := len(p.Left); n > 0 && p.Left[n-1].To == o {
		p.Left[n-1].To = o + 1
		return
	}
	p.Left = append(p.Left, partition.Range{From: o, To: o + 1})
}
