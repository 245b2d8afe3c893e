package blocks

import (
	"fmt"
	"slices"
)

// Kind is what goes on in a block. A benchmark names its own beside Nobody.
type Kind byte

// Nobody is the kind of a block in which nothing goes on that is to be measured.
const Nobody Kind = 'A'

// Block is a stretch of time in which one thing was measured.
type Block struct {
	Kind  Kind
	Value float64
}

// Ratios holds each block of a kind against the mean of the blocks of Nobody beside it. For Nobody it is each block against the one of
// Nobody before it.
func Ratios(blocks []Block, kind Kind) []float64 {
	var out []float64
	for i, b := range blocks {
		if b.Kind != kind {
			continue
		}
		before := last(blocks[:i])
		if kind == Nobody {
			if before != nil {
				out = append(out, b.Value/before.Value)
			}
			continue
		}
		after := next(blocks[i+1:])
		if before != nil && after != nil {
			out = append(out, 2*b.Value/(before.Value+after.Value))
		}
	}
	return out
}

func last(blocks []Block) *Block {
	for i := len(blocks) - 1; i >= 0; i-- {
		if blocks[i].Kind == Nobody {
			return &blocks[i]
		}
	}
	return nil
}

func next(blocks []Block) *Block {
	for i := range blocks {
		if blocks[i].Kind == Nobody {
			return &blocks[i]
		}
	}
	return nil
}

// Middle is a median with the half of the values that lies around it.
type Middle struct {
	Median, Low, High float64
	Count             int
}

// MiddleOf sorts values and takes the quartiles by nearest rank.
func MiddleOf(values []float64) Middle {
	if len(values) == 0 {
		return Middle{}
	}
	s := slices.Sorted(slices.Values(values))
	n := len(s)
	return Middle{Median: (s[(n-1)/2] + s[n/2]) / 2, Low: s[(n+3)/4-1], High: s[(3*n+3)/4-1], Count: n}
}

func (m Middle) String() string {
	return fmt.Sprintf("%.2f [%.2f,%.2f] n=%d", m.Median, m.Low, m.High, m.Count)
}
