package cluster

import (
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
}

type contact struct {
	last    time.Time // of the last renewal
	boot    [16]byte  // of the process that sent it
	conns   int       // open connections on which it renewed
	refused bool      // all are gone, and its port refused since
	load    uint16
}

func newContacts(clock func() time.Time) *contacts {
	return &contacts{clock: clock, began: clock(), nodes: map[partition.NodeID]*contact{}}
}

// reset forgets who was heard when, but not which connections are open.
func (c *contacts) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.began = c.clock()
	for id, k := range c.nodes {
		if k.conns == 0 {
			delete(c.nodes, id)
			continue
		}
		k.last, k.refused = c.began, false
	}
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
	k.last, k.boot, k.load, k.refused = now, boot, load, false
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

// lost are the nodes that renewed once and have no connection left: worth a look at their ports.
func (c *contacts) lost() []partition.NodeID {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []partition.NodeID
	for id, k := range c.nodes {
		if k.conns <= 0 && k.boot != [16]byte{} {
			out = append(out, id)
		}
	}
	return out
}

// probed notes whether the port of a lost node refused. A word from the node in the meantime counts more.
func (c *contacts) probed(id partition.NodeID, refused bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.nodes[id]; k != nil {
		k.refused = refused && k.conns <= 0
	}
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
			r.Silence, r.Refused = now.Sub(k.last), k.refused
		}
		out[id] = r
	}
	return out
}
