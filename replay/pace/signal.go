package pace

import "time"

// Kind is what somebody suffers from.
type Kind uint8

// The kinds.
const (
	None      Kind = iota
	Lag            // records by which a group of consumers has fallen further behind
	OutOfSync      // replicas of the target that have fallen out of sync
	Latency        // seconds that produce requests take
	Throttled      // seconds by which brokers have delayed answers to produce requests
	SlowDown       // answers of an object store that it is asked for too much
	Busy           // seconds that a broker takes to answer a small question
)

// Kinds are all of them, in order.
var Kinds = [...]Kind{Lag, OutOfSync, Latency, Throttled, SlowDown, Busy}

// String names k as metrics and the API do.
func (k Kind) String() string {
	switch k {
	case Lag:
		return "lag"
	case OutOfSync:
		return "out-of-sync"
	case Latency:
		return "produce-latency"
	case Throttled:
		return "broker-throttle"
	case SlowDown:
		return "slow-down"
	case Busy:
		return "broker-busy"
	}
	return ""
}

// stock reports whether the value is an amount that is still there after its cause has ended, and shrinks.
func (k Kind) stock() bool { return k == Lag || k == OutOfSync }

// Signal is one reading of what somebody suffers.
type Signal struct {
	Kind   Kind
	Object string    // the group, the topic, the broker; "" where there is one only
	Value  float64   // in the unit of its kind
	Limit  float64   // it is all right up to here
	At     time.Time // when it was read; the same reading may be given many times
	Unseen string    // why it could not be read, "" when it was
}

// Over reports whether somebody suffers.
func (s *Signal) Over() bool { return s.Unseen == "" && s.Value > s.Limit }

type key struct {
	kind   Kind
	object string
}
