package offsetmap

import (
	"encoding/binary"
	"iter"
	"sort"
)

// Run is a stretch in which both logs are in step: the record at Source+i is the one at Target+i, for each i below Count.
type Run struct {
	Source int64 `json:"source"`
	Target int64 `json:"target"`
	Count  int64 `json:"count"`
}

// Runs are all pairs of one partition, by source offset. A topic that was written in transactions falls out of step at each marker, so
// runs may be many and short: each is kept as its distance from the one before, which takes 3 to 6 bytes instead of 24.
type Runs struct {
	text  []byte
	marks []mark
	runs  int64
	pairs int64
	back  int64
}

// mark is where decoding can begin.
type mark struct {
	source int64 // of the run that begins at text
	text   int
	ends   Run // whose end the run is told from
}

// markEvery is how many runs a lookup decodes at most.
const markEvery = 64

// encode keeps runs, which are sorted by source and share no offset.
func encode(list []Run) Runs {
	var out Runs
	var last Run
	for i, r := range list {
		if i%markEvery == 0 {
			out.marks = append(out.marks, mark{source: r.Source, text: len(out.text), ends: last})
		}
		if i > 0 && r.Target < last.Target {
			out.back++
		}
		out.text = binary.AppendVarint(out.text, r.Source-(last.Source+last.Count))
		out.text = binary.AppendVarint(out.text, r.Target-(last.Target+last.Count))
		out.text = binary.AppendUvarint(out.text, uint64(r.Count))
		out.pairs += r.Count
		last = r
	}
	out.runs = int64(len(list))
	return out
}

// Len is the number of runs.
func (r *Runs) Len() int64 { return r.runs }

// Pairs is the number of pairs in them.
func (r *Runs) Pairs() int64 { return r.pairs }

// Back is how often the target goes back while the source goes on: 0 when both have one order.
func (r *Runs) Back() int64 { return r.back }

// All yields the runs by source offset.
func (r *Runs) All() iter.Seq[Run] { return r.from(mark{}) }

func (r *Runs) from(m mark) iter.Seq[Run] {
	return func(yield func(Run) bool) {
		last := m.ends
		for text := r.text[m.text:]; len(text) > 0; {
			source, n := binary.Varint(text)
			target, k := binary.Varint(text[n:])
			count, l := binary.Uvarint(text[n+k:])
			text = text[n+k+l:]
			last = Run{Source: last.Source + last.Count + source, Target: last.Target + last.Count + target, Count: int64(count)}
			if !yield(last) {
				return
			}
		}
	}
}

// Target returns the target offset of the record at a source offset.
func (r *Runs) Target(source int64) (int64, bool) {
	i := sort.Search(len(r.marks), func(i int) bool { return r.marks[i].source > source })
	if i == 0 {
		return 0, false
	}
	for run := range r.from(r.marks[i-1]) {
		if run.Source > source {
			return 0, false
		}
		if d := source - run.Source; d < run.Count {
			return run.Target + d, true
		}
	}
	return 0, false
}

// Source returns the source offset of the record at a target offset. It looks through all runs, since targets may go back.
func (r *Runs) Source(target int64) (int64, bool) {
	for run := range r.All() {
		if d := target - run.Target; d >= 0 && d < run.Count {
			return run.Source + d, true
		}
	}
	return 0, false
}
