package traffic

import "math/rand/v2"

// Loss says which events of a stream are lost: runs of neighbours, as an outage takes them, and single ones.
type Loss struct {
	runs    int64
	every   int64 // length of the stretches that each hold one run
	length  int64 // of a run
	starts  []int64
	singles map[int64]struct{}
}

// NewLoss spreads runs that take perMille of count events, and perMillion singles, over a stream of count events. The same
// seed loses the same events.
func NewLoss(seed uint64, count, runs, perMille, perMillion int64) Loss {
	random := rand.New(rand.NewPCG(seed, 1))
	l := Loss{runs: runs, every: count / runs, length: count * perMille / 1000 / runs, singles: map[int64]struct{}{}}
	for i := range runs {
		l.starts = append(l.starts, i*l.every+random.Int64N(l.every-l.length+1))
	}
	for int64(len(l.singles)) < count*perMillion/1_000_000 {
		if n := random.Int64N(count); !l.inRun(n) {
			l.singles[n] = struct{}{}
		}
	}
	return l
}

// Lost reports whether the event with that place in the stream is lost.
func (l Loss) Lost(n int64) bool {
	_, single := l.singles[n]
	return single || l.inRun(n)
}

// Count is how many events are lost.
func (l Loss) Count() int64 { return l.runs*l.length + int64(len(l.singles)) }

func (l Loss) inRun(n int64) bool {
	i := n / l.every
	return i < l.runs && n >= l.starts[i] && n < l.starts[i]+l.length
}
