package feedback

import (
	"math"
	"time"

	"backstitch/replay/pace"
)

// Rules are what a job was told.
type Rules struct {
	Off            bool          // nothing slows the job down but its limits
	MaxLagIncrease int64         // records by which a group may fall behind
	ProduceLatency time.Duration // that nine of ten produce requests may take; 0 does not look at it
	FloorBytes     int64         // a second, that are left on this node in any case; 0 is DefaultFloor
}

// DefaultFloor is what feedback leaves a job on each node, in bytes a second.
const DefaultFloor = 256 << 10

const (
	// Every is the time between two decisions.
	Every = 500 * time.Millisecond
	// LookEvery is the least time between two looks at the same.
	LookEvery = 2 * time.Second
	// prompt is the round trip of what answers say, and looked that of what is looked at: one look that still saw the old rate, one that
	// sees the new one, and the time in which consumers commit.
	prompt = 2 * time.Second
	looked = 5 * time.Second
	// fewest is how many latencies say something.
	fewest = 8
	// stale is for how long a latency says something.
	stale = 2 * prompt
)

// controller is how the rate behaves under r. Who looks begins slowly: until the second look nobody knows what the first bytes did.
func (r Rules) controller(looks bool) pace.Config {
	c := pace.DefaultConfig()
	c.RoundTrip = prompt
	if looks {
		c.Careful, c.RoundTrip = true, looked
	}
	if c.Floor = DefaultFloor; r.FloorBytes > 0 {
		c.Floor = float64(r.FloorBytes)
	}
	c.Start = math.Max(c.Start, c.Floor)
	return c
}
