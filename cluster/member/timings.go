package member

import (
	"time"

	"github.com/hashicorp/memberlist"
)

// Timings are those of failure detection.
type Timings struct {
	Probe        time.Duration // one random peer is probed so often
	ProbeTimeout time.Duration
	Suspicion    int           // times log(n) probes until a suspect is dead
	Spread       time.Duration // between two rounds of gossip
	Retransmit   int           // times log(n) sends of each message
	Sync         time.Duration // between two full exchanges with a random peer
	Join         time.Duration // between two attempts to meet others while lonely
}

// DefaultTimings detect a killed node in about 2.5 s and forgive a pause of 2 s. They start from the library's LAN set: its
// local set sends each message too seldom, so that a restarted node stayed unseen for up to half a minute.
func DefaultTimings() Timings {
	return Timings{
		Probe: 500 * time.Millisecond, ProbeTimeout: 250 * time.Millisecond, Suspicion: 3,
		Spread: 100 * time.Millisecond, Retransmit: 6, Sync: 5 * time.Second, Join: time.Second,
	}
}

func (t Timings) apply(c *memberlist.Config) {
	c.ProbeInterval, c.ProbeTimeout, c.SuspicionMult = t.Probe, t.ProbeTimeout, t.Suspicion
	c.GossipInterval, c.RetransmitMult, c.PushPullInterval = t.Spread, t.Retransmit, t.Sync
	// A node that is dead by rumour may come back with another address at once; while it is thought alive it may not, or one
	// forged message would move it.
	c.DeadNodeReclaimTime = time.Millisecond
}
