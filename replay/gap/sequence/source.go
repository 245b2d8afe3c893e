package sequence

import "slices"

// span is a stretch of numbers that are all there, with the times of its first and last.
type span struct {
	from, to        int64 // to is the one after the last
	firstMs, lastMs int64
}

// run is one life of a source: from a start of its numbers to the next.
type run struct {
	spans []span // by number; two never touch
	twice []span // numbers that were there again
	start [16]byte
}

// find returns the span that holds n, or before which n would be put.
func (r *run) find(n int64) (i int, holds bool) {
	// Nearly every number is the next one.
	if last := len(r.spans) - 1; last >= 0 && n >= r.spans[last].from {
		if n < r.spans[last].to {
			return last, true
		}
		return last + 1, false
	}
	return slices.BinarySearchFunc(r.spans, n, func(s span, n int64) int {
		switch {
		case s.to <= n:
			return -1
		case s.from > n:
			return 1
		}
		return 0
	})
}

func (r *run) holds(n int64) bool {
	_, ok := r.find(n)
	return ok
}

func (r *run) lowest() int64 { return r.spans[0].from }

func (r *run) next() int64 { return r.spans[len(r.spans)-1].to }

// add puts n in and returns by how many spans the run has grown. It reports whether n was there already.
func (r *run) add(n, ms int64) (grown int, again bool) {
	i, holds := r.find(n)
	if holds {
		r.twice, grown = put(r.twice, n, ms)
		return grown, true
	}
	r.spans, grown = insert(r.spans, i, n, ms)
	return grown, false
}

// put is add for a list of its own, in which a number may be already.
func put(spans []span, n, ms int64) ([]span, int) {
	r := run{spans: spans}
	i, holds := r.find(n)
	if holds {
		return spans, 0
	}
	return insert(spans, i, n, ms)
}

// insert puts n, which is in none of spans, before the i-th, and joins what touches.
func insert(spans []span, i int, n, ms int64) ([]span, int) {
	left := i > 0 && spans[i-1].to == n
	right := i < len(spans) && spans[i].from == n+1
	switch {
	case left && right:
		spans[i-1].to, spans[i-1].lastMs = spans[i].to, spans[i].lastMs
		return slices.Delete(spans, i, i+1), -1
	case left:
		spans[i-1].to, spans[i-1].lastMs = n+1, ms
	case right:
		spans[i].from, spans[i].firstMs = n, ms
	default:
		return slices.Insert(spans, i, span{n, n + 1, ms, ms}), 1
	}
	return spans, 0
}

// state is what is known of one source.
type state struct {
	runs            []run
	records, twice  int64
	firstMs, lastMs int64
	longestMs       int64 // pause between two of its records
	part            int32
	many            bool // it is in more than one partition
}

// add takes one record. Records come in about the order of their time.
//
// A number that starts a life, 0 or 1, begins a new run when the run has one of other content, or when the run had begun in the
// middle of a life. A number that the run before still lacks goes there when it does not continue this one: it is late.
func (s *state) add(n, ms int64, part int32, hash func() [16]byte) (grown int) {
	s.saw(ms, part)
	if len(s.runs) == 0 {
		s.runs = append(s.runs, run{})
		return s.begin(n, ms, hash)
	}
	cur := &s.runs[len(s.runs)-1]
	if n <= 1 && n <= cur.lowest() && n+1 != cur.lowest() {
		if !cur.holds(n) || cur.start != hash() {
			s.runs = append(s.runs, run{})
			return 1 + s.begin(n, ms, hash)
		}
	}
	if len(s.runs) > 1 && n > cur.next() {
		if before := &s.runs[len(s.runs)-2]; n <= before.next() && !before.holds(n) {
			cur = before
		}
	}
	if n < cur.lowest() {
		cur.start = hash()
	}
	grown, again := cur.add(n, ms)
	if again {
		s.twice++
	}
	return grown
}

func (s *state) begin(n, ms int64, hash func() [16]byte) int {
	r := &s.runs[len(s.runs)-1]
	r.start = hash()
	grown, _ := r.add(n, ms)
	return grown
}

func (s *state) saw(ms int64, part int32) {
	if s.records == 0 {
		s.firstMs, s.lastMs, s.part = ms, ms, part
	}
	s.records++
	s.many = s.many || part != s.part
	s.longestMs = max(s.longestMs, ms-s.lastMs)
	s.firstMs, s.lastMs = min(s.firstMs, ms), max(s.lastMs, ms)
}
