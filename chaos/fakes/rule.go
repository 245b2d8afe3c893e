package fakes

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"backstitch/chaos/fault"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ErrCannot says that a fake can not do what a fault asks for.
var ErrCannot = errors.New("this fake can not do that")

// Rule says to which requests something happens, and what. It is refused unless exactly one thing happens.
type Rule struct {
	Keys    []kmsg.Key // which kinds of request; nil means all that clients send but ApiVersions, with which connections begin
	From    string     // of which node; "" means all. Err takes no node: the broker does not know who asks
	Skip    int        // requests that pass before the first one that is hit
	Count   int        // requests to hit; 0 means all until Injected.Stop
	Percent float64    // chance of each request to be hit, above 0 up to 100; 0 means 100

	Err      *kerr.Error   // the answer is this error, and with REQUEST_TIMED_OUT to a produce request the records are written all the same
	Before   bool          // the connection breaks before the request is processed
	After    bool          // the request is processed, and the connection breaks before the answer
	Delay    time.Duration // the answer takes longer by Delay±Jitter
	Jitter   time.Duration
	Throttle time.Duration // the answer asks the client to wait
}

func (r Rule) validate() error {
	things := 0
	for _, on := range []bool{r.Err != nil, r.Before, r.After, r.Delay > 0, r.Throttle > 0} {
		if on {
			things++
		}
	}
	switch {
	case things != 1:
		return fmt.Errorf("a rule does one thing, this one does %d", things)
	case r.Err != nil && r.From != "":
		return fmt.Errorf("an error for one node: %w", ErrCannot)
	case r.Skip < 0 || r.Count < 0 || r.Percent < 0 || r.Percent > 100 || r.Jitter < 0 || r.Jitter > r.Delay:
		return fmt.Errorf("rule %+v: a magnitude is out of range", r)
	}
	return nil
}

// Injected is one fault that is at work, or was.
type Injected struct {
	Kind fault.Kind // "" when it came from a Rule
	what string
	hits atomic.Int64
	// more counts hits that somebody else counts; nil when nobody does.
	more func() int64
	stop func()
	once sync.Once
}

// Hits is how many requests, records or objects it has hit so far. A fault that ends with none has shown nothing.
func (i *Injected) Hits() int64 {
	n := i.hits.Load()
	if i.more != nil {
		n += i.more()
	}
	return n
}

// Stop ends it. What it has done to requests stays done.
func (i *Injected) Stop() {
	i.once.Do(func() {
		if i.stop != nil {
			i.stop()
		}
	})
}

// String says what it does and how often it did.
func (i *Injected) String() string { return fmt.Sprintf("%s: hit %d", i.what, i.Hits()) }

// chance draws, for all rules of one fake, from one seed.
type chance struct {
	mu     sync.Mutex
	random *rand.Rand
}

func newChance(seed uint64) *chance { return &chance{random: rand.New(rand.NewPCG(seed, 0xfa4e))} }

func (c *chance) hit(percent float64) bool {
	if percent == 0 || percent >= 100 {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.random.Float64()*100 < percent
}

func (c *chance) around(d, jitter time.Duration) time.Duration {
	if jitter == 0 {
		return d
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return d - jitter + time.Duration(c.random.Int64N(2*int64(jitter)+1))
}

func (c *chance) pick(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.random.IntN(n)
}

// meter decides which of the requests that a rule is about it hits.
type meter struct {
	mu            sync.Mutex
	skip, count   int
	percent       float64
	endless, over bool
	chance        *chance
}

func newMeter(skip, count int, percent float64, c *chance) *meter {
	return &meter{skip: skip, count: count, percent: percent, endless: count == 0, chance: c}
}

func (m *meter) next() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.over:
		return false
	case m.skip > 0:
		m.skip--
		return false
	case !m.endless && m.count == 0:
		return false
	case !m.chance.hit(m.percent):
		return false
	}
	if !m.endless {
		m.count--
	}
	return true
}

func (m *meter) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.over = true
}

// ledger keeps what was injected.
type ledger struct {
	mu  sync.Mutex
	all []*Injected
}

func (l *ledger) add(i *Injected) *Injected {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, i)
	return i
}

// Injections lists everything that was injected so far, in order.
func (l *ledger) Injections() []*Injected {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

// Tally counts the faults that had a kind.
func (l *ledger) Tally() fault.Tally {
	t := fault.Tally{}
	for _, i := range l.Injections() {
		if i.Kind != "" {
			t.Add(i.Kind, i.Hits() > 0)
		}
	}
	return t
}
