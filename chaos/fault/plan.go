package fault

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"backstitch/partition/due"
)

// Mix says what a random plan is made of.
type Mix struct {
	Kinds []Weighted

	// Every is the mean time between the beginnings of two faults.
	Every time.Duration

	// Together is how many faults there may be at the same time, at most; 0 stands for 1. A fault that would be one more begins
	// when another ends.
	Together int
}

// Weighted is a kind and how often it is drawn, compared with the others.
type Weighted struct {
	Kind    Kind
	Weight  int      // above 0
	Targets []Target // drawn from these; nil: every role that the kind takes
}

// Of gives each kind the weight 1.
func Of(kinds ...Kind) []Weighted {
	out := make([]Weighted, len(kinds))
	for i, k := range kinds {
		out[i] = Weighted{Kind: k, Weight: 1}
	}
	return out
}

const shortest = 100 * time.Millisecond // of a random fault, and what its time is rounded to

// Plan draws faults that begin within during and are healed by its end. The same state of random and the same mix give the
// same plan. Of what destroys data for good there is one in a plan, on one node: two could leave no quorum that remembers, and
// that no system survives.
func Plan(random *rand.Rand, mix Mix, during time.Duration) ([]Fault, error) {
	if err := mix.validate(); err != nil {
		return nil, err
	}
	var out []Fault
	destroyed := false
	for at := between(random, mix.Every); at < during; at += between(random, mix.Every) {
		at = mix.room(out, at)
		f := mix.draw(random)
		f.At = at
		if s := f.Spec(); s.For > 0 {
			f.For = scale(random, s.For).Round(shortest)
			f.For = max(shortest, min(f.For, during-at).Truncate(shortest))
		}
		if f.Ends() > during || f.At >= during {
			break
		}
		if f.Spec().Destroys {
			if destroyed {
				continue
			}
			destroyed = true
		}
		out = append(out, f)
	}
	return out, nil
}

func (m Mix) validate() error {
	if len(m.Kinds) == 0 {
		return fmt.Errorf("a random plan needs kinds")
	}
	if m.Every < shortest {
		return fmt.Errorf("a random plan with a fault every %s: want at least %s", due.Length(m.Every), shortest)
	}
	if m.Together < 0 {
		return fmt.Errorf("a random plan with %d faults together", m.Together)
	}
	for _, w := range m.Kinds {
		s := w.Kind.Spec()
		switch {
		case s == nil:
			return fmt.Errorf("there is no fault %q", string(w.Kind))
		case w.Weight <= 0:
			return fmt.Errorf("%s: weight %d, want more than 0", w.Kind, w.Weight)
		}
		for _, t := range w.Targets {
			if err := s.takes(t); err != nil {
				return fmt.Errorf("%s: %w", w.Kind, err)
			}
		}
	}
	return nil
}

// between is the time to the next fault. It is exponential, so that bursts and quiet times come up, and cut off, so that no
// plan is empty by chance.
func between(random *rand.Rand, every time.Duration) time.Duration {
	return max(shortest, min(time.Duration(random.ExpFloat64()*float64(every)), 4*every)).Round(10 * time.Millisecond)
}

// room is the first moment from at on at which one more fault may begin.
func (m Mix) room(active []Fault, at time.Duration) time.Duration {
	var ends []time.Duration
	for _, f := range active {
		if f.Ends() > at {
			ends = append(ends, f.Ends())
		}
	}
	slices.Sort(ends)
	if over := len(ends) - max(1, m.Together); over >= 0 {
		return ends[over]
	}
	return at
}

// draw picks a kind, a target and magnitudes.
func (m Mix) draw(random *rand.Rand) Fault {
	total := 0
	for _, w := range m.Kinds {
		total += w.Weight
	}
	n := random.IntN(total)
	for _, w := range m.Kinds {
		if n -= w.Weight; n < 0 {
			return w.fault(random)
		}
	}
	panic("unreachable: n is less than the sum of the weights")
}

func (w Weighted) fault(random *rand.Rand) Fault {
	s := w.Kind.Spec()
	f := Fault{Kind: w.Kind}
	if pool := w.pool(s); len(pool) > 0 {
		f.Target = pool[random.IntN(len(pool))]
	}
	t := s.Typical
	for _, slot := range s.slots() {
		switch slot {
		case "DELAY", "DELAY±":
			f.Delay = max(time.Millisecond, scale(random, t.Delay).Round(time.Millisecond))
			if slot == "DELAY±" {
				f.Jitter = min(f.Delay, scale(random, t.Jitter).Round(time.Millisecond))
			}
		case "EVERY":
			f.Every = max(shortest, scale(random, t.Every).Round(shortest))
		case "SKEW":
			f.Skew = max(time.Second, scale(random, t.Skew).Round(time.Second))
			if random.IntN(2) == 0 {
				f.Skew = -f.Skew
			}
		case "PERCENT":
			f.Percent = float64(max(1, min(1000, scale(random, int64(t.Percent*10))))) / 10
		case "RATE":
			f.Rate = max(1<<10, scale(random, t.Rate)>>10<<10)
		case "SIZE":
			f.Size = max(1, scale(random, t.Size))
		case "COUNT":
			f.Count = max(1, min(maxCount, scale(random, t.Count)))
		case "WHAT":
			f.What = s.Words[random.IntN(len(s.Words))]
		}
	}
	return f
}

// pool lists the targets to draw from. What destroys data is done to one node.
func (w Weighted) pool(s *Spec) []Target {
	if w.Targets != nil {
		return w.Targets
	}
	class := s.Targets
	if s.Destroys {
		class &= single
	}
	var out []Target
	for _, r := range roles {
		if class&r.class != 0 {
			out = append(out, r.name)
		}
	}
	return out
}

// scale draws from a quarter to one and a half of typical.
func scale[N ~int | ~int64](random *rand.Rand, typical N) N {
	return N(float64(typical) * (0.25 + 1.25*random.Float64()))
}
