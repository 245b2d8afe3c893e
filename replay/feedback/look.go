package feedback

import (
	"context"
	"sync"
	"time"
)

// Look is a way to see what others suffer. What it is for decides who shares it.
type Look struct {
	Key string // the same for looks that see the same
	Do  func(ctx context.Context, now func() time.Time) Reading
}

// Reading is what one look saw.
type Reading struct {
	At    time.Time
	Lags  map[string]Measure // records, by group
	Apart map[string]Measure // replicas that are out of sync, by topic
	Took  map[string]Measure // nanoseconds in which a broker gave nine of ten answers, by its number
}

// Measure is one number, or why it is not known.
type Measure struct {
	N   int64
	Err error
}

// Looks lets several jobs of a node share looks. It is safe for concurrent use.
type Looks struct {
	now func() time.Time

	mu   sync.Mutex
	last map[string]*shared
}

type shared struct {
	turn chan struct{} // holds the right to look: the others wait, and take what one saw
	read Reading       // of who has the turn
	used time.Time     // guarded by Looks.mu
}

// forget is how long a look that nobody uses is remembered.
const forget = time.Minute

// NewLooks makes one that has seen nothing.
func NewLooks(now func() time.Time) *Looks { return &Looks{now: now, last: map[string]*shared{}} }

// See returns what l sees, or saw less than LookEvery ago; nothing when ctx ends first.
func (ls *Looks) See(ctx context.Context, l *Look) Reading {
	s := ls.find(l.Key)
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return Reading{}
	}
	defer func() { <-s.turn }()
	if now := ls.now(); s.read.At.IsZero() || now.Sub(s.read.At) >= LookEvery {
		ctx, cancel := context.WithTimeout(ctx, LookEvery)
		s.read = l.Do(ctx, ls.now)
		s.read.At = now
		cancel()
	}
	return s.read
}

func (ls *Looks) find(key string) *shared {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	now := ls.now()
	for k, s := range ls.last {
		if now.Sub(s.used) > forget {
			delete(ls.last, k)
		}
	}
	s := ls.last[key]
	if s == nil {
		s = &shared{turn: make(chan struct{}, 1)}
		ls.last[key] = s
	}
	s.used = now
	return s
}
