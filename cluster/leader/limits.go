package leader

import (
	"fmt"
	"time"
)

// Limits are the leader's tunables. See DefaultLimits for the values and their reasons.
type Limits struct {
	// Lease is the lease time. A worker that could not renew for so long stops by itself, so after that much silence its
	// leases are free whatever else is known.
	Lease time.Duration
	// Silence is how long a node must be silent before that counts as one hint.
	Silence time.Duration
	// Grace is for how long after its beginning a leader does not count silence as a hint: workers first have to find it.
	Grace time.Duration
	// Stall is how late a turn of the loop may be. A leader that was stopped for longer has stale rumours and begins anew.
	Stall time.Duration
	// MaxBackoff is how long a slice is kept waiting for its NotBefore at most.
	MaxBackoff time.Duration
	// Witness is how long a verify slice waits for a node that did not write its partition, while there is one and it is full. Then
	// whoever has room reads it.
	Witness time.Duration
	// Yield is how long the owner of a lease that was asked for may take to give it back. Then it is taken.
	Yield time.Duration
	// AgeEvery is how long a job waits with nothing running before its priority counts as one higher, up to plan.MaxPriority. After plan.Overdue times that
	// it goes before all others.
	AgeEvery time.Duration
	// PreemptMargin is by how much the priority of a waiting job has to be higher than that of a running one, so that it takes a lane away from it.
	PreemptMargin uint8
	// PreemptEvery is the shortest time between two such takings, so that nothing thrashes.
	PreemptEvery time.Duration
	// LanesPerWeight is how many slices a node runs at a time per unit of its weight, which is its number of lanes.
	LanesPerWeight uint32
	// ScanLanes is how many slices of scans a node runs beside those that write, whatever its weight.
	ScanLanes uint32
	// SlackPercent is how far above its fair share of bytes a node may be loaded before lanes prefer another one.
	SlackPercent uint32
	// MaxGrants bounds the entries of one proposed GrantLeases or RevokeLeases.
	MaxGrants int
	// DigestEvery is the time between two comparisons of digests. A book that did not change is not compared again.
	DigestEvery time.Duration
}

// DefaultLimits returns the limits of a production cluster. Lease is 2.5 s: longer than a stop-the-world pause that people
// see in practice, and than the two seconds that gossip forgives. Silence is two renewals of 500 ms. Witness is about what a verify
// slice takes: a place becomes free in that time, and a level of evidence is not worth much more of it. Yield is many commits. With AgeEvery a job
// goes before all others after less than three and a half hours. PreemptMargin is such that the default, 50, stands back for 70.
func DefaultLimits() Limits {
	return Limits{
		Lease:          2500 * time.Millisecond,
		Silence:        time.Second,
		Grace:          1500 * time.Millisecond,
		Stall:          time.Second,
		MaxBackoff:     time.Minute,
		Witness:        time.Minute,
		Yield:          time.Minute,
		AgeEvery:       2 * time.Minute,
		PreemptMargin:  20,
		PreemptEvery:   5 * time.Second,
		LanesPerWeight: 1,
		ScanLanes:      2,
		SlackPercent:   25,
		MaxGrants:      1000,
		DigestEvery:    30 * time.Second,
	}
}

// Validate reports the first limit that can not work.
func (l Limits) Validate() error {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"lease", l.Lease}, {"silence", l.Silence}, {"grace", l.Grace}, {"stall", l.Stall},
		{"max backoff", l.MaxBackoff}, {"witness", l.Witness}, {"yield", l.Yield}, {"age every", l.AgeEvery}, {"preempt every", l.PreemptEvery}, {"digest every", l.DigestEvery},
	} {
		if d.value <= 0 {
			return fmt.Errorf("leader limit %s is %s: want more than 0", d.name, d.value)
		}
	}
	switch {
	case l.Silence >= l.Lease:
		return fmt.Errorf("leader limit silence is %s: want less than the lease time, %s", l.Silence, l.Lease)
	case l.Grace < l.Silence:
		return fmt.Errorf("leader limit grace is %s: want at least silence, %s", l.Grace, l.Silence)
	case l.LanesPerWeight == 0:
		return fmt.Errorf("leader limit lanes per weight is 0: want at least 1")
	case l.ScanLanes == 0:
		return fmt.Errorf("leader limit scan lanes is 0: want at least 1")
	case l.PreemptMargin == 0:
		return fmt.Errorf("leader limit preempt margin is 0: want at least 1, or two jobs would take lanes from each other for ever")
	case l.MaxGrants <= 0:
		return fmt.Errorf("leader limit max grants is %d: want at least 1", l.MaxGrants)
	}
	return nil
}
