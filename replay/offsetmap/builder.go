package offsetmap

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
)

// ErrFragmented says that two logs are in step nowhere for long: a map of them would hold a run for nearly each record.
var ErrFragmented = errors.New("the two sides fall out of step too often to be mapped")

// budget is how many runs all partitions of a map may hold together.
type budget struct {
	limit int64
	held  atomic.Int64
}

// take asks for room for one more.
func (b *budget) take() bool {
	if b.held.Add(1) > b.limit {
		b.held.Add(-1)
		return false
	}
	return true
}

// builder takes pairs as a comparison finds them: nearly in order, and those of late records at the end.
type builder struct {
	budget *budget
	runs   []Run
	sorted int // runs that were joined already
}

// joinAfter is how many new runs make another try at joining worth its cost.
const joinAfter = 1 << 16

// add takes one pair. No offset of either side comes twice.
func (b *builder) add(source, target int64) error {
	if n := len(b.runs); n > 0 {
		if last := &b.runs[n-1]; last.Source+last.Count == source && last.Target+last.Count == target {
			last.Count++
			return nil
		}
	}
	if len(b.runs)-b.sorted >= max(joinAfter, b.sorted) {
		b.join()
	}
	if !b.budget.take() {
		b.join()
		if !b.budget.take() {
			return fmt.Errorf("more than %d stretches in which both sides are in step: %w", b.budget.limit, ErrFragmented)
		}
	}
	b.runs = append(b.runs, Run{source, target, 1})
	return nil
}

// join sorts the runs and makes one of those that touch on both sides.
func (b *builder) join() {
	slices.SortFunc(b.runs, func(x, y Run) int { return cmp.Compare(x.Source, y.Source) })
	out := b.runs[:0]
	for _, r := range b.runs {
		if n := len(out); n > 0 && out[n-1].Source+out[n-1].Count == r.Source && out[n-1].Target+out[n-1].Count == r.Target {
			out[n-1].Count += r.Count
			continue
		}
		out = append(out, r)
	}
	b.budget.held.Add(int64(len(out) - len(b.runs)))
	b.runs, b.sorted = out, len(out)
}

// done returns all runs.
func (b *builder) done() Runs {
	b.join()
	out := encode(b.runs)
	b.runs, b.sorted = nil, 0
	return out
}
