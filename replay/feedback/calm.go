package feedback

import (
	"errors"
	"slices"
	"time"

	"backstitch/replay/pace"
)

// What a broker usually takes is what it takes while the job hardly writes. That needs no number which fits near and far brokers alike, and it
// is learned anew whenever the job was cut down to so little that others must be the reason. The idea is that of LEDBAT's base delay
// (RFC 6817), but for two things: what is timed is no packet of the flow itself, so it does not grow with what is sent at a time; and the base is
// a median and not a least, since one answer in many comes at once whatever the load.

const (
	// busyTimes and busyMore bound what is as usual: half as much again, and what a scheduler adds to a tenth of the answers of an idle machine.
	busyTimes = 1.5
	busyMore  = 0.0005
	// calmNeeds is how many readings tell what is usual, and calmKept how many of the newest do.
	calmNeeds = 3
	calmKept  = 15
	// calmAbove is what counts as hardly writing, in parts of the rate that a job begins with: it doubles in two looks and a half.
	calmAbove = 1.5
)

var errLearning = errors.New("what is usual is being learned")

// calm is what brokers usually take.
type calm struct {
	below float64 // bytes a second, up to which the job hardly writes
	seen  time.Time
	wrote float64 // since seen
	quiet bool    // the time before seen was calm: what is in a broker drains for a while
	took  map[string][]float64
}

// readings makes signals of what a look saw. It is called for each step, with what was spent since the one before.
func (c *calm) readings(r *Reading, spent float64) (out []pace.Signal) {
	c.wrote += spent
	if r.At.After(c.seen) {
		quiet := !c.seen.IsZero() && c.wrote <= c.below*r.At.Sub(c.seen).Seconds()
		if quiet && c.quiet || c.seen.IsZero() {
			c.note(r)
		}
		c.quiet = quiet || c.seen.IsZero()
		c.seen, c.wrote = r.At, 0
	}
	for broker, m := range r.Took {
		s := pace.Signal{Kind: pace.Busy, Object: broker, At: r.At, Value: time.Duration(m.N).Seconds()}
		switch usual, known := c.usual(broker); {
		case m.Err != nil:
			s.Unseen = m.Err.Error()
		case !known:
			s.Unseen = errLearning.Error()
		default:
			s.Limit = usual*busyTimes + busyMore
		}
		out = append(out, s)
	}
	return out
}

func (c *calm) note(r *Reading) {
	for broker, m := range r.Took {
		if m.Err != nil {
			continue
		}
		all := append(c.took[broker], time.Duration(m.N).Seconds())
		c.took[broker] = all[max(0, len(all)-calmKept):]
	}
}

// usual is the median of what a broker took, in seconds.
func (c *calm) usual(broker string) (seconds float64, known bool) {
	all := slices.Sorted(slices.Values(c.took[broker]))
	if len(all) < calmNeeds {
		return 0, false
	}
	return all[len(all)/2], true
}
