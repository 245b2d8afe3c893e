package cluster

import (
	"context"
	"errors"
	"fmt"

	"backstitch/cluster/inject"
	"backstitch/fsm"
	"backstitch/partition"
)

// This file lets an operator of a staging cluster hurt this node. In production there is nothing to switch on: the node was made
// without the places where a fault could bite.

// Environment is what the node was configured to be there for.
func (n *Node) Environment() Environment {
	if n.cfg.Environment == "" {
		return Production
	}
	return n.cfg.Environment
}

// Hurt does f to this node until its time is over or Heal. What is done at once has happened, or is about to, when it returns. In
// production it is refused with ErrProtected.
func (n *Node) Hurt(ctx context.Context, f inject.Fault) (inject.Active, error) {
	if err := n.mayBeHurt(); err != nil {
		return inject.Active{}, err
	}
	if err := f.Validate(); err != nil {
		return inject.Active{}, err
	}
	if f.Kind.AtOnce() {
		return n.hurtAtOnce(ctx, f)
	}
	var peers []inject.Peer
	for _, name := range f.Peers {
		p, err := n.peerToHurt(name)
		if err != nil {
			return inject.Active{}, err
		}
		peers = append(peers, p)
	}
	return n.hurts.Add(f, peers)
}

// Hurts lists what is done to this node now, oldest first.
func (n *Node) Hurts() ([]inject.Active, error) {
	if err := n.mayBeHurt(); err != nil {
		return nil, err
	}
	return n.hurts.List(), nil
}

// Heal takes back one fault, or all for "", and returns how many there were.
func (n *Node) Heal(id, by string) (int, error) {
	if err := n.mayBeHurt(); err != nil {
		return 0, err
	}
	if id == "" {
		return n.hurts.Clear(by), nil
	}
	if n.hurts.Remove(id, by) {
		return 1, nil
	}
	return 0, nil
}

// RefusesAPI says whether a request is to be refused on purpose.
func (n *Node) RefusesAPI() bool { return n.hurts != nil && n.hurts.Refuses() }

func (n *Node) mayBeHurt() error {
	if n.hurts != nil {
		return nil
	}
	return &Error{Code: CodeProtected, Object: "node " + n.cfg.Name, Kind: ErrProtected,
		Cause: fmt.Errorf("its environment is %s", n.Environment()),
		Hint:  "if losing this cluster costs nothing: environment: staging in the configuration of each node, then restart them"}
}

func (n *Node) hurtAtOnce(ctx context.Context, f inject.Fault) (inject.Active, error) {
	now := n.deps.Clock()
	done := inject.Active{Fault: f, Began: now, Ends: now, Hits: 1}
	if f.Kind == inject.StepDown {
		if n.leaderID() != n.id {
			return inject.Active{}, fmt.Errorf("%w: %s does not lead", ErrRefused, n.cfg.Name)
		}
		n.log.Warn("fault injected on purpose", "kind", string(f.Kind), "by", f.By)
		_, err := n.TransferLeadership(ctx, "")
		return done, err
	}
	if n.deps.End == nil {
		return inject.Active{}, fmt.Errorf("%w: %s: this node is not a process of its own", ErrRefused, f.Kind)
	}
	n.log.Warn("fault injected on purpose", "kind", string(f.Kind), "by", f.By)
	n.deps.End(f.Kind)
	return done, nil
}

// peerToHurt finds where another node is, by name or id, as of now.
func (n *Node) peerToHurt(name string) (inject.Peer, error) {
	if !n.readable() {
		return inject.Peer{}, n.notReady()
	}
	members, err := n.bookMembers()
	if err != nil {
		return inject.Peer{}, err
	}
	for _, m := range members {
		if (m.Name != name && string(m.ID) != name) || m.State == fsm.MemberLeft {
			continue
		}
		if m.ID == partition.NodeID(n.id) {
			return inject.Peer{}, fmt.Errorf("%w: %s is this node itself", inject.ErrInvalid, name)
		}
		addr, _, err := n.resolve(string(m.ID))
		if err != nil {
			return inject.Peer{}, err
		}
		p := inject.Peer{RPC: addr, Gossip: m.GossipAddr}
		if rumour, ok := n.gossip.Peer(string(m.ID)); ok && rumour.Alive {
			p.Gossip = rumour.GossipAddr
		}
		return p, nil
	}
	return inject.Peer{}, fmt.Errorf("%w: %s", ErrUnknownNode, name)
}

// gate holds the worker back while it is paused on purpose.
func (n *Node) gate(ctx context.Context) error {
	if n.hurts == nil {
		return nil
	}
	return n.hurts.Gate(ctx)
}

// ErrProtected says that this node's environment forbids to hurt it.
var ErrProtected = errors.New("is not to be hurt")
