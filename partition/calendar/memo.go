package calendar

import (
	"time"

	"backstitch/partition"
)

// Memo remembers what calendars say for as long as it holds, since a leader asks several times a second and the answer changes twice a day. The zero
// Memo is ready. It is not safe for concurrent use.
type Memo[K comparable] struct{ known map[K]*known }

type known struct {
	calendar *Calendar
	err      error
	state    State
}

// At is what the calendar of k, which never changes, says at t.
func (m *Memo[K]) At(k K, c partition.Calendar, t time.Time) (State, error) {
	return m.Of(k, func() (*Calendar, error) { return New(c) }, t)
}

// Of is At for a calendar that read makes, which is asked once.
func (m *Memo[K]) Of(k K, read func() (*Calendar, error), t time.Time) (State, error) {
	if m.known == nil {
		m.known = map[K]*known{}
	}
	have := m.known[k]
	if have == nil {
		have = new(known)
		have.calendar, have.err = read()
		m.known[k] = have
	}
	if have.err != nil {
		return State{}, have.err
	}
	if s := &have.state; s.From.IsZero() || t.Before(s.From) || !t.Before(s.Until) {
		*s = have.calendar.At(t)
	}
	return have.state, nil
}

// Keep forgets those that keep does not want.
func (m *Memo[K]) Keep(keep func(K) bool) {
	for k := range m.known {
		if !keep(k) {
			delete(m.known, k)
		}
	}
}
