package fault

import (
	"fmt"
	"time"
)

// Fault is one thing that is done to the system. The zero value is not one. Faults can be compared with ==.
type Fault struct {
	Kind   Kind
	Target Target        // "" when the kind says by itself what it hits, e.g. the broker
	At     time.Duration // after the beginning of the timeline
	For    time.Duration // until it is healed; 0 stands for the kind's own default, see Lasts

	// Magnitudes. Each kind has those that its form names, and no others.
	Delay   time.Duration // of a packet, one way; of a write to a disk; of a request
	Jitter  time.Duration // Delay is drawn from Delay±Jitter
	Every   time.Duration // of something that comes and goes
	Skew    time.Duration // of a clock; negative is behind
	Percent float64       // above 0, at most 100
	Rate    int64         // bytes per second
	Size    int64         // bytes
	Count   int
	What    string // one of the kind's Words
}

// Spec returns the row of Table for the fault's kind, nil for an unknown kind.
func (f Fault) Spec() *Spec { return f.Kind.Spec() }

// Lasts is how long the fault stays until it is healed, 0 when there is nothing to heal: what is done is done.
func (f Fault) Lasts() time.Duration {
	if f.For > 0 {
		return f.For
	}
	if s := f.Spec(); s != nil {
		return s.For
	}
	return 0
}

// Ends is when the fault is healed, counted from the beginning of the timeline.
func (f Fault) Ends() time.Duration { return f.At + f.Lasts() }

// Validate refuses a fault that can not be written down: an unknown kind, a target that the kind does not take, a magnitude
// that is missing, out of range or not the kind's.
func (f Fault) Validate() error {
	s := f.Spec()
	if s == nil {
		return fmt.Errorf("there is no fault %q", string(f.Kind))
	}
	if f.At < 0 || f.For < 0 {
		return fmt.Errorf("%s: at and for are not negative", f.Kind)
	}
	if f.For > 0 && s.For == 0 {
		return fmt.Errorf("%s: takes no time: what is done is done", f.Kind)
	}
	if err := s.takes(f.Target); err != nil {
		return fmt.Errorf("%s: %w", f.Kind, err)
	}
	if err := f.magnitudes(s); err != nil {
		return fmt.Errorf("%s: %w", f.Kind, err)
	}
	return nil
}

// String returns the one text that stands for f. A fault that Validate refuses has a text too, but it can not be parsed.
func (f Fault) String() string {
	s := f.Spec()
	if s == nil {
		return "unknown fault " + string(f.Kind)
	}
	return format(f, s)
}

// MarshalText returns String, so that faults are text in JSON.
func (f Fault) MarshalText() ([]byte, error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	return []byte(f.String()), nil
}

// UnmarshalText is Parse.
func (f *Fault) UnmarshalText(text []byte) error {
	g, err := Parse(string(text))
	if err != nil {
		return err
	}
	*f = g
	return nil
}
