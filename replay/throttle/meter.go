package throttle

import (
	"context"
	"fmt"
	"time"

	"backstitch/fsm"
	"backstitch/replay/record"
	"backstitch/replay/sink"
)

// Meter is what one job spends on this node, in all of its scopes. A nil Meter bounds nothing and counts nothing. It is safe for concurrent
// use.
type Meter struct {
	q      *Quota
	scopes []fsm.Scope
	pace   *purse // beside the scopes
	senses senses
}

// Meter makes the meter of a job; nil without scopes.
func (q *Quota) Meter(scopes []fsm.Scope) *Meter {
	if q == nil || len(scopes) == 0 {
		return nil
	}
	return &Meter{q: q, scopes: scopes, pace: newPace(q.now())}
}

// Lane is a lane of the job that runs. The caller closes it.
func (m *Meter) Lane() *Lane {
	if m == nil {
		return nil
	}
	scoped := m.q.join(m.scopes)
	return &Lane{q: m.q, scoped: scoped, purses: append(scoped, m.pace)}
}

// Called counts calls of the target's protocol that were made. They are paid for before the next one, or before anything else is spent.
func (m *Meter) Called(n int) {
	if m != nil {
		m.q.called(m.scopes, n)
	}
}

// Call waits until another call may be made, and counts it.
func (m *Meter) Call(ctx context.Context) error {
	if m == nil {
		return nil
	}
	for {
		wait := m.q.call(m.scopes)
		if wait == 0 {
			return nil
		}
		if err := sleep(ctx, wait); err != nil {
			return fmt.Errorf("wait for a budget of requests: %w", err)
		}
	}
}

// Lane is one lane that spends. A nil Lane is one without bounds.
type Lane struct {
	q      *Quota
	scoped []*purse
	purses []*purse // and the pace
}

// Close takes the lane out of its scopes.
func (l *Lane) Close() {
	if l != nil {
		l.q.leave(l.scoped)
	}
}

// Take spends the first n of rs, as many as all budgets allow at this moment, at least one; or nothing, and says how long to wait before
// asking again.
func (l *Lane) Take(rs []record.Record) (n int, wait time.Duration) {
	if l == nil {
		return len(rs), 0
	}
	return l.q.take(l.purses, rs)
}

// GiveBack returns what was taken and turned out not to be needed.
func (l *Lane) GiveBack(rs, size int64) {
	if l != nil && rs > 0 {
		l.q.pay(l.purses, -rs, -size)
	}
}

// Pay spends what was read already, and waits until that is paid for.
func (l *Lane) Pay(ctx context.Context, rs, size int64) error {
	if l == nil {
		return nil
	}
	l.q.pay(l.purses, rs, size)
	for {
		_, wait := l.q.take(l.purses, nil)
		if wait == 0 {
			return nil
		}
		if err := sleep(ctx, wait); err != nil {
			return fmt.Errorf("wait for a budget: %w", err)
		}
	}
}

// Targets paces what is read back of t.
func (l *Lane) Targets(t sink.Targets) sink.Targets {
	if l == nil {
		return t
	}
	return &pacedTargets{t, l.Pay}
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
