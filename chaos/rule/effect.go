package rule

import (
	"errors"
	"fmt"
	"time"
)

// Effect says what becomes of a unit. Shares are from 0 to 1.
type Effect struct {
	Lose      float64
	Longer    int           // loses units of more bytes than this
	Reset     bool          // ends TCP connections, and loses the rest
	Delay     time.Duration // one way; the order is kept
	Jitter    time.Duration // the delay is between Delay-Jitter and Delay+Jitter
	Reorder   float64       // arrives after later ones
	Duplicate float64
	Corrupt   float64 // has one bit of its body turned over
	Rate      int64   // bytes per second, for all matching units together; what waits for longer than a quarter of a second is lost
}

// Validate refuses an effect that does nothing and one that can not be.
func (e Effect) Validate() error {
	if e == (Effect{}) {
		return errors.New("the effect is empty")
	}
	for name, share := range map[string]float64{"lose": e.Lose, "reorder": e.Reorder, "duplicate": e.Duplicate, "corrupt": e.Corrupt} {
		if share < 0 || share > 1 {
			return fmt.Errorf("%s %v: want a share from 0 to 1", name, share)
		}
	}
	if e.Delay < 0 || e.Jitter < 0 || e.Jitter > e.Delay || e.Longer < 0 || e.Rate < 0 {
		return fmt.Errorf("effect %+v: delay, jitter, longer and rate are not negative, and jitter is at most delay", e)
	}
	return nil
}

// Verdict is what rules together do to one unit.
type Verdict struct {
	Lost, Reset, Twice bool
	Late               time.Duration
	After              bool // lets later ones pass
}

// Hits is what a rule has done so far, in units.
type Hits struct {
	Matched    int64 `json:"matched"`
	Lost       int64 `json:"lost,omitempty"`
	Reset      int64 `json:"reset,omitempty"`
	Delayed    int64 `json:"delayed,omitempty"`
	Reordered  int64 `json:"reordered,omitempty"`
	Duplicated int64 `json:"duplicated,omitempty"`
	Corrupted  int64 `json:"corrupted,omitempty"`
}

// Harmed is how many did not just pass.
func (h Hits) Harmed() int64 {
	return h.Lost + h.Reset + h.Delayed + h.Reordered + h.Duplicated + h.Corrupted
}
