package throttle

import "time"

// gauge is a bucket of tokens for one unit. What is spent may exceed what is there, once: the debt is waited for before anything else is.
type gauge struct {
	rate  float64 // per second, below 0 for no limit
	level float64
	at    time.Time // of level
	fine  bool      // saves up less, see piece
}

// span is how much time a gauge saves up at most. A twentieth of the time over which a budget has to hold: what all nodes spend in any
// five seconds exceeds it by 4 % at most.
const span = 200 * time.Millisecond

// A fine gauge of bytes saves up a quarter of that, and a piece in any case: what comes at once is what others wait behind, and a pace is there for
// their sake. Pieces below that would be more requests for nothing.
const (
	fineSpan = span / 4
	piece    = 64 << 10
)

func (g *gauge) unlimited() bool { return g.rate < 0 }

// fill adds what came in since the last time.
func (g *gauge) fill(now time.Time) {
	if d := now.Sub(g.at); d > 0 && g.rate > 0 {
		g.level = min(g.level+g.rate*d.Seconds(), g.most())
	}
	g.at = now
}

// most is what is saved up at most: at least one, or a rate below five a second would never let one through.
func (g *gauge) most() float64 {
	all := g.rate * span.Seconds()
	if g.fine {
		all = max(g.rate*fineSpan.Seconds(), min(all, piece))
	}
	return max(all, 1)
}

// set changes the rate. What was saved up by a higher one is cut; a debt stays.
func (g *gauge) set(rate float64, now time.Time) {
	if g.unlimited() && rate >= 0 {
		g.level = 0
	}
	g.fill(now)
	g.rate = rate
	g.level = min(g.level, g.most())
}

// wait is how long it takes until a worthwhile amount may be spent: half of what is saved up at most, so that batches do not crumble. Who has no
// share waits for one, whatever a share of before has left.
func (g *gauge) wait() time.Duration {
	switch {
	case g.unlimited():
		return 0
	case g.rate == 0:
		return longest
	}
	return g.until(g.most() / 2)
}

// until is how long it takes until n are there.
func (g *gauge) until(n float64) time.Duration {
	lack := n - g.level
	switch {
	case lack <= 0:
		return 0
	case g.rate == 0:
		return longest
	}
	return min(time.Duration(lack/g.rate*float64(time.Second))+time.Nanosecond, longest)
}

// longest is the longest that one waits without looking again: shares change.
const longest = 250 * time.Millisecond
