package cluster

import (
	"context"
	"fmt"

	"backstitch/cluster/quota"
	"backstitch/cluster/wire"
	"backstitch/partition"
	"backstitch/partition/share"
)

// This file is where nodes tell what holds their jobs back beside budgets. It travels with renewals, for people to see: nothing is decided by
// it, and no book has it.

// pacesSince is the cluster version from which on every node knows messages about paces.
const pacesSince = 7

// ShowPaces tells the paces of jobs on this node, from the next renewal on.
func (n *Node) ShowPaces(paces []share.Pace) { n.paces.Store(&paces) }

// showing are the paces to tell; none before every node of the cluster knows what that is.
func (n *Node) showing() ([]share.Pace, error) {
	paces := n.paces.Load()
	if paces == nil || len(*paces) == 0 {
		return nil, nil
	}
	v := n.stores.machine.View()
	defer v.Close()
	version, err := v.Version()
	if err != nil || version < pacesSince {
		return nil, err
	}
	return *paces, nil
}

// pacesHere are those that this node, if it leads, was told.
func (n *Node) pacesHere() (*wire.PacesReply, error) {
	lead := n.currentLead()
	if lead == nil {
		return nil, n.notLeader()
	}
	out := new(wire.PacesReply)
	for _, p := range lead.quota.Paces(n.deps.Clock()) {
		out.Paces = append(out.Paces, wire.NodePace{Node: string(p.Node), Pace: p.Pace})
	}
	return out, nil
}

// Paces asks the leader what holds jobs back beside budgets, by job and node. It is a matter of moments. A cluster of an older version has none.
func (n *Node) Paces(ctx context.Context) ([]quota.Pace, error) {
	leader, err := n.leaderNow(ctx)
	if err != nil {
		return nil, err
	}
	if leader.here != nil {
		return leader.here.quota.Paces(n.deps.Clock()), nil
	}
	v := n.stores.machine.View()
	version, err := v.Version()
	v.Close()
	if err != nil || version < pacesSince {
		return nil, err
	}
	answer, err := leader.ask(ctx, &wire.PacesRequest{From: n.who()})
	if err != nil {
		return nil, fmt.Errorf("ask the leader for paces: %w", err)
	}
	reply, ok := answer.(*wire.PacesReply)
	if !ok {
		return nil, fmt.Errorf("ask the leader for paces: %w", ErrNoLeader)
	}
	var out []quota.Pace
	for _, p := range reply.Paces {
		out = append(out, quota.Pace{Node: partition.NodeID(p.Node), Pace: p.Pace})
	}
	return out, nil
}
