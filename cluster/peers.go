package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"backstitch/cluster/wire"
	"backstitch/fsm"
	"backstitch/partition"
)

// This file finds other nodes: where a node id is now, and who leads. Three sources, newest first: gossip while the node is alive,
// the book, and the note beside the data from last time. None is believed about who is there: the certificate is.

// resolve returns the RPC address of node id and the name that its certificate must carry ("" when nobody knows).
func (n *Node) resolve(id string) (addr, name string, err error) {
	if m, ok, err := n.bookMember(partition.NodeID(id)); err == nil && ok {
		addr, name = m.RPCAddr, m.Name
	}
	if p, ok := n.gossip.Peer(id); ok && p.RPCAddr != "" && (p.Alive || addr == "") {
		addr = p.RPCAddr
		if name == "" {
			name = p.Name
		}
	}
	if addr == "" {
		n.mu.Lock()
		addr = n.mark.Peers[id]
		for _, s := range n.mark.Servers {
			if addr == "" && s.ID == id {
				addr = s.RPCAddr
			}
		}
		n.mu.Unlock()
	}
	if addr == "" {
		return "", "", fmt.Errorf("%w: no address of %s", ErrUnknownNode, id)
	}
	return addr, name, nil
}

// knownAddresses are the RPC addresses of all other nodes that might answer, by node id.
func (n *Node) knownAddresses() map[string]string {
	n.mu.Lock()
	out := maps.Clone(n.mark.Peers)
	if out == nil {
		out = map[string]string{}
	}
	for _, s := range n.mark.Servers {
		out[s.ID] = s.RPCAddr
	}
	n.mu.Unlock()
	if members, err := n.bookMembers(); err == nil {
		for _, m := range members {
			if m.State != fsm.MemberLeft {
				out[string(m.ID)] = m.RPCAddr
			}
		}
	}
	peers, _ := n.gossip.Peers()
	for _, p := range peers {
		if _, known := out[p.ID]; p.Alive || !known {
			out[p.ID] = p.RPCAddr
		}
	}
	delete(out, n.id)
	return out
}

// followAddresses drops Raft's connections to where a node no longer is.
func (n *Node) followAddresses() {
	peers, _ := n.gossip.Peers()
	for _, p := range peers {
		if p.Alive {
			n.mux.raft.moved(p.ID, p.RPCAddr)
		}
	}
}

// peerAddresses are the other members' addresses as the book has them.
func (n *Node) peerAddresses() (map[string]string, error) {
	members, err := n.bookMembers()
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, m := range members {
		if string(m.ID) != n.id && m.State != fsm.MemberLeft {
			out[string(m.ID)] = m.RPCAddr
		}
	}
	return out, nil
}

// leaderAddress is who leads as far as this node's Raft knows, "" if nobody.
func (n *Node) leaderID() string {
	if !closed(n.started) {
		return ""
	}
	_, id := n.raft.LeaderWithID()
	return string(id)
}

// askLeader sends req to the leader and returns its answer. A node without Raft asks the others who leads. The request must be
// harmless to repeat.
func (n *Node) askLeader(ctx context.Context, req wire.Message) (wire.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	id, addr, err := n.findLeader(ctx)
	if err != nil {
		return nil, err
	}
	if id == n.id {
		return n.answer(ctx, req)
	}
	answer, err := n.pool.Call(ctx, id, addr, req, nil, true)
	var f *wire.Failure
	if errors.As(err, &f) && f.Reason == wire.NotLeader && f.LeaderAt != "" && f.Leader != id && f.Leader != n.id {
		return n.pool.Call(ctx, f.Leader, f.LeaderAt, req, nil, true)
	}
	return answer, err
}

func (n *Node) findLeader(ctx context.Context) (id, addr string, err error) {
	if id = n.leaderID(); id != "" {
		if id == n.id {
			return id, n.cfg.advertise(), nil
		}
		addr, _, err = n.resolve(id)
		return id, addr, err
	}
	for _, r := range n.helloAll(ctx) {
		ours := n.ClusterID()
		if r.Leader != "" && r.LeaderAt != "" && (ours == "" || r.Who.Cluster == ours) && r.Leader != n.id {
			return r.Leader, r.LeaderAt, nil
		}
	}
	return "", "", ErrNoLeader
}

// notLeader is the answer of a node that does not lead, with whom it believes to.
func (n *Node) notLeader() *wire.Failure {
	f := &wire.Failure{Reason: wire.NotLeader, Text: n.cfg.Name + " does not lead"}
	if id := n.leaderID(); id != "" && id != n.id {
		if addr, _, err := n.resolve(id); err == nil {
			f.Leader, f.LeaderAt = id, addr
		}
	}
	return f
}
