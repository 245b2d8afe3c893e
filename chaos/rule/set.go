package rule

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Set has the rules of one network. It is safe for concurrent use, and asking it takes no lock.
type Set struct {
	rules atomic.Pointer[[]*Rule] // replaced as a whole

	mu     sync.Mutex // guards the rest
	random *rand.Rand
}

// NewSet makes a set without rules. seed decides what they leave to chance.
func NewSet(seed uint64) *Set {
	s := &Set{random: rand.New(rand.NewPCG(seed, 2))}
	s.rules.Store(&[]*Rule{})
	return s
}

// Apply puts a rule in force. Rules are asked in the order in which they came.
func (s *Set) Apply(m Match, e Effect) (*Rule, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &Rule{match: m, effect: e, set: s, random: rand.New(rand.NewPCG(s.random.Uint64(), 3))}
	next := append(slices.Clone(*s.rules.Load()), r)
	s.rules.Store(&next)
	return r, nil
}

func (s *Set) remove(r *Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := slices.DeleteFunc(slices.Clone(*s.rules.Load()), func(o *Rule) bool { return o == r })
	s.rules.Store(&next)
}

// Judge asks every rule in force that is about u, until one loses it.
func (s *Set) Judge(from, to string, u Unit, now time.Time) (v Verdict) {
	for _, r := range *s.rules.Load() {
		if !r.paused.Load() && r.match.covers(from, to, u) {
			if r.judge(&v, u, now); v.Lost {
				break
			}
		}
	}
	return v
}
