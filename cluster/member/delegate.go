package member

import (
	"fmt"
	"net"
	"strconv"

	"github.com/hashicorp/memberlist"
)

// delegate is what memberlist calls. It runs on the library's goroutines and never blocks.
type delegate struct{ g *Gossip }

var (
	_ memberlist.Delegate         = (*delegate)(nil)
	_ memberlist.EventDelegate    = (*delegate)(nil)
	_ memberlist.AliveDelegate    = (*delegate)(nil)
	_ memberlist.ConflictDelegate = (*delegate)(nil)
)

// NodeMeta is asked for at the start and by each Update.
func (d *delegate) NodeMeta(limit int) []byte {
	d.g.mu.Lock()
	defer d.g.mu.Unlock()
	b, err := d.g.meta.Encode() // New and Update have tried it
	if err != nil || len(b) > limit {
		return nil
	}
	return b
}

// NotifyMsg and the next three are for application data, of which there is none: facts travel through Raft.
func (d *delegate) NotifyMsg([]byte)                {}
func (d *delegate) GetBroadcasts(int, int) [][]byte { return nil }
func (d *delegate) LocalState(bool) []byte          { return nil }
func (d *delegate) MergeRemoteState([]byte, bool)   {}

// NotifyAlive is asked before the library believes an alive message. An error drops the message.
func (d *delegate) NotifyAlive(n *memberlist.Node) error {
	m, err := DecodeMeta(n.Meta)
	d.g.mu.Lock()
	defer d.g.mu.Unlock()
	switch ours := d.g.meta.Cluster; {
	case err != nil:
	case m.ID != n.Name:
		err = fmt.Errorf("%w: message of %q claims to be %q", ErrMeta, n.Name, m.ID)
	case m.Cluster != "" && ours != "" && m.Cluster != ours:
		err = fmt.Errorf("%w: node %s belongs to cluster %s, not %s", ErrMeta, m.ID, m.Cluster, ours)
	}
	if err != nil {
		d.g.ignored++
	}
	return err
}

// NotifyJoin, NotifyUpdate and NotifyLeave keep the table of peers.
func (d *delegate) NotifyJoin(n *memberlist.Node)   { d.heard(n, true) }
func (d *delegate) NotifyUpdate(n *memberlist.Node) { d.heard(n, true) }
func (d *delegate) NotifyLeave(n *memberlist.Node)  { d.heard(n, false) }

func (d *delegate) heard(n *memberlist.Node, alive bool) {
	g := d.g
	if n.Name == g.cfg.Meta.ID {
		return
	}
	m, err := DecodeMeta(n.Meta)
	g.mu.Lock()
	defer g.mu.Unlock()
	old, known := g.peers[n.Name]
	if err != nil {
		if !known || alive {
			return
		}
		m = old.Meta // a death carries no news about what the node was
	}
	next := Peer{Meta: m, GossipAddr: net.JoinHostPort(n.Addr.String(), strconv.Itoa(int(n.Port))), Alive: alive, Since: old.Since}
	if !known || old.Alive != alive {
		next.Since = g.cfg.Clock()
		if alive {
			g.cfg.Logger.Info("gossip hears of node", "peer", m.Name, "id", m.ID, "rpc", m.RPCAddr)
		} else {
			g.cfg.Logger.Info("gossip calls node dead", "peer", m.Name, "id", m.ID)
		}
	}
	g.peers[n.Name] = next
	close(g.changed)
	g.changed = make(chan struct{})
}

// NotifyConflict is called when two addresses claim one node id.
func (d *delegate) NotifyConflict(existing, other *memberlist.Node) {
	g := d.g
	addr := net.JoinHostPort(other.Addr.String(), strconv.Itoa(int(other.Port)))
	g.mu.Lock()
	defer g.mu.Unlock()
	if existing.Name == g.cfg.Meta.ID && g.conflict != addr {
		g.conflict = addr
		g.cfg.Logger.Error("another process claims this node's id", "id", existing.Name, "at", addr)
	}
}
