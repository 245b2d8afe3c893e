package throttle

import (
	"math"
	"time"

	"backstitch/replay/record"
)

// A pace is a bound of one job on one node, in bytes, beside the budgets that it falls under: what is lower binds. Nobody grants it, so it
// never lapses, and no other node hears of it.

func newPace(now time.Time) *purse {
	p := &purse{pace: true, since: now}
	p.free()
	return p
}

// Pace bounds what the job does on this node to so many bytes a second; +Inf takes the bound away.
func (m *Meter) Pace(bytesPerSecond float64) {
	if m == nil {
		return
	}
	m.q.mu.Lock()
	defer m.q.mu.Unlock()
	if math.IsInf(bytesPerSecond, 1) {
		if m.pace.bound {
			m.pace.free()
		}
		return
	}
	m.pace.bound = true
	m.pace.gauges[bytes].set(bytesPerSecond, m.q.now())
}

// Paced is what the job has spent on this node, in bytes, since it was asked last, whether a lane waited for its pace, and how long all
// of them have waited since the meter was made.
func (m *Meter) Paced() (spent float64, held bool, waited time.Duration) {
	if m == nil {
		return 0, false, 0
	}
	m.q.mu.Lock()
	defer m.q.mu.Unlock()
	p := m.pace
	spent, held = p.spent[bytes], p.held[bytes]
	p.spent, p.held = [units]float64{}, [units]bool{}
	return spent, held, p.waited[bytes]
}

// tally counts what goes through while nothing is bound: a pace follows from it.
func tally(ps []*purse, rs []record.Record) {
	for _, p := range ps {
		if !p.pace {
			continue
		}
		for i := range rs {
			p.spent[bytes] += float64(rs[i].Size())
		}
	}
}
