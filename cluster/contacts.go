package cluster

import (
	"slices"
	"sync"
	"time"

	"backstitch/cluster/leader"
	"backstitch/partition"
)

// contacts is what the leader remembers of the others' words to it, on its own monotonic clock. It is memory only and begins
// anew with each leadership: a leader that has just begun knows nothing of anybody's silence.
type contacts struct {
	clock func() time.Time

	mu    sync.Mutex
	began time.Time
	nodes map[partition.NodeID]*contact

	// Who led before, and when it last answered this node. It is noted while this node follows, and outlives that.
	leader   partition.NodeID
	answered time.Time
}

type contact struct {
	last    time.Time     // of the last renewal
	before  time.Duration // how long it had been silent when this leader began; 0 once it was heard, or when nobody knows
	boot    [16]byte      // of the process that sent it
	conns   int           // open connections on which it renewed
	refused bool          // none is left, and its port refused since
	load    uint16
}

func newContacts(clock func() time.Time) *contacts {
	return &contacts{clock: clock, began: clock(), nodes: map[partition.NodeID]*contact{}}
}

// reset forgets who was heard when, but not which connections are open, nor for how long the leader before this one has not
// answered: it was not dead for the others only.
func (c *contacts) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.began = c.clock()
	for id, k := range c.nodes {
		if k.conns == 0 {
			delete(c.nodes, id)
			continue
		}
		k.last, k.before, k.refused = c.began, 0, false
	}
	if c.leader != "" {
		c.get(c.leader).before = c.began.Sub(c.answered)
		c.leader = ""
	}
}

// answers notes that a leader has answered a renewal of this node.
func (c *contacts) answers(leader partition.NodeID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leader, c.answered = leader, c.clock()
}

func (c *contacts) get(id partition.NodeID) *contact {
	k := c.nodes[id]
	if k == nil {
		k = &contact{last: c.began}
		c.nodes[id] = k
	}
	return k
}

// heard notes a renewal. It reports false when another process with the same id renewed within the given time.
func (c *contacts) heard(id partition.NodeID, boot [16]byte, load uint16, within time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.get(id)
	now := c.clock()
	if k.boot != [16]byte{} && k.boot != boot && k.conns > 0 && now.Sub(k.last) < within {
		return false
	}
	k.last, k.before, k.boot, k.load, k.refused = now, 0, boot, load, false
	return true
}

// connected and gone count the connections on which a node renews.
func (c *contacts) connected(id partition.NodeID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.get(id).conns++
}

func (c *contacts) gone(id partition.NodeID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.get(id).conns--
}

// lost are those of the members that have no connection on which they renew: worth a look at their ports. One that this leader
// has never heard of may have died before it began, and above all the leader before it.
func (c *contacts) lost(members []partition.NodeID) []partition.NodeID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(members), func(id partition.NodeID) bool {
		k := c.nodes[id]
		return k != nil && k.conns > 0
	})
}

// probed notes whether the port of a lost node refused. A word from the node in the meantime counts more.
func (c *contacts) probed(id partition.NodeID, refused bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.get(id)
	k.refused = refused && k.conns <= 0
}

// left reports whether the process of a node is certainly gone: no connection is open, and its port refuses.
func (c *contacts) left(id partition.NodeID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.nodes[id]
	return k != nil && k.conns <= 0 && k.refused
}

// rumours is what the leader's loop gets; alive says what gossip thinks.
func (c *contacts) rumours(alive map[partition.NodeID]bool) map[partition.NodeID]leader.Rumour {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock()
	out := make(map[partition.NodeID]leader.Rumour, len(alive))
	for id, a := range alive {
		r := leader.Rumour{GossipAlive: a, Silence: now.Sub(c.began)}
		if k := c.nodes[id]; k != nil {
			r.Silence, r.Before, r.Refused = now.Sub(k.last), k.before, k.refused
		}
		out[id] = r
	}
	return out
}
