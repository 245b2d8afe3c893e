package feedback

import (
	"errors"
	"slices"
	"time"

	"backstitch/replay/pace"
)

// What a broker usually takes is what it takes while the job rests. That needs no number which fits near and far brokers alike. It is LEDBAT's
// base delay (RFC 6817), but for two things: what is timed is no packet of the flow itself, so it does not grow with what is sent at a time; and
// the base is a median and not a least, since one answer in many comes at once whatever the load. What LEDBAT is known for, that who comes late takes
// the queue of the others for usual, is mended as BBR's ProbeRTT mends it: all nodes rest at the same time. No word between them is
// needed for that, the clock says when.

const (
	// busyTimes and busyMore bound what is as usual: a quarter more, and what a scheduler adds to a tenth of the answers of an idle machine. Others
	// may wait 1.3 times as long, and what slows down when that is passed goes past it by as much again.
	busyTimes = 1.25
	busyMore  = 0.00025
	// calmNeeds is how many readings tell what is usual, and calmKept how many of the newest do: those of three rests.
	calmNeeds = 3
	calmKept  = 9

	// RestEvery and RestFor are when jobs rest: at the beginning of each third minute of the clock, an eighteenth of the time.
	RestEvery = 3 * time.Minute
	RestFor   = 10 * time.Second
	// Looks of a rest tell what is usual from restDrains on, since what was written before drains, and other clocks are behind; and if they begin
	// before restEnds, since a look takes half of LookEvery, and other clocks are ahead.
	restDrains = 2 * time.Second
	restEnds   = 8 * time.Second
)

// resting says for how long it is a rest, 0 or less for none.
func resting(now time.Time) time.Duration { return RestFor - intoRest(now) }

// intoRest is how long ago the last rest began.
func intoRest(now time.Time) time.Duration {
	return time.Duration(now.UnixNano() % int64(RestEvery))
}

var errLearning = errors.New("what is usual is being learned")

// calm is what brokers usually take.
type calm struct {
	seen time.Time
	took map[string]*usual
}

// usual is of one broker.
type usual struct {
	rested bool // readings are of rests, and not of a beginning
	took   []float64
}

// readings makes signals of what a look saw. It is called for each step.
func (c *calm) readings(r *Reading) (out []pace.Signal) {
	fresh := r.At.After(c.seen)
	c.seen = r.At
	for broker, m := range r.Took {
		s := pace.Signal{Kind: pace.Busy, Object: broker, At: r.At, Value: time.Duration(m.N).Seconds()}
		u := c.of(broker)
		if m.Err == nil && fresh {
			u.note(s.Value, intoRest(r.At))
		}
		switch {
		case m.Err != nil:
			s.Unseen = m.Err.Error()
		case !u.known():
			s.Unseen = errLearning.Error()
		default:
			s.Limit = u.seconds()*busyTimes + busyMore
		}
		out = append(out, s)
	}
	return out
}

func (c *calm) of(broker string) *usual {
	u := c.took[broker]
	if u == nil {
		u = &usual{}
		c.took[broker] = u
	}
	return u
}

// note keeps the readings of rests. Until there is one, it keeps the first that there are: the job goes no faster before they say something.
func (u *usual) note(seconds float64, into time.Duration) {
	switch rest := into >= restDrains && into < restEnds; {
	case rest && !u.rested:
		u.rested, u.took = true, nil
	case !rest && (u.rested || len(u.took) >= calmNeeds):
		return
	}
	u.took = append(u.took, seconds)
	u.took = u.took[max(0, len(u.took)-calmKept):]
}

func (u *usual) known() bool { return u.rested || len(u.took) >= calmNeeds }

// seconds is the median; only of what is known.
func (u *usual) seconds() float64 {
	all := slices.Sorted(slices.Values(u.took))
	return all[len(all)/2]
}
