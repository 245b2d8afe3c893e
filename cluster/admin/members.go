package admin

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/partition"
)

func (s *Server) listMembers(context.Context, *struct{}) (*indexed[client.Members], error) {
	alive, leads := s.node.Alive(), s.node.Leader()
	return reading(s, func(view *fsm.View) (client.Members, error) {
		out := client.Members{Members: []client.Member{}}
		members, err := view.Members()
		if err != nil {
			return out, err
		}
		for _, m := range members {
			shown, err := describeMember(view, m)
			if err != nil {
				return out, err
			}
			shown.Alive, shown.Leader = alive[m.ID], m.ID == leads
			out.Members = append(out.Members, shown)
		}
		slices.SortFunc(out.Members, func(a, b client.Member) int { return cmp.Compare(a.Name, b.Name) })
		return out, nil
	})
}

// memberAction is a request that changes the state of a member.
type memberAction struct {
	ID string `path:"id" maxLength:"128" doc:"id or name of a node"`
	Keyed
	Body client.Action
}

func (s *Server) drain(ctx context.Context, in *memberAction) (*indexed[client.Member], error) {
	return s.setState(ctx, in, "drain", fsm.MemberDraining)
}

func (s *Server) uncordon(ctx context.Context, in *memberAction) (*indexed[client.Member], error) {
	return s.setState(ctx, in, "uncordon", fsm.MemberActive)
}

func (s *Server) setState(ctx context.Context, in *memberAction, verb string, state fsm.MemberState) (*indexed[client.Member], error) {
	result, err := s.node.SetState(ctx, s.envelope(ctx, in.Keyed, verb, in.Body.Reason), in.ID, state)
	if err != nil {
		return nil, s.failed(err)
	}
	if err := refused(result, in.ID); err != nil {
		return nil, err
	}
	if err := s.applied(ctx, result.Index); err != nil {
		return nil, s.failed(err)
	}
	alive, leads := s.node.Alive(), s.node.Leader()
	return reading(s, func(view *fsm.View) (client.Member, error) {
		members, err := view.Members()
		if err != nil {
			return client.Member{}, err
		}
		for _, m := range members {
			if string(m.ID) == in.ID || m.Name == in.ID {
				shown, err := describeMember(view, m)
				shown.Alive, shown.Leader = alive[m.ID], m.ID == leads
				return shown, err
			}
		}
		return client.Member{}, notFound("member", in.ID, "backstitch cluster members")
	})
}

func describeMember(view *fsm.View, m fsm.Member) (client.Member, error) {
	leases, err := view.Leases(m.ID)
	if err != nil {
		return client.Member{}, fmt.Errorf("leases of %s: %w", m.Name, err)
	}
	return client.Member{
		ID: string(m.ID), Name: m.Name, Role: m.Role.String(), State: m.State.String(), Zone: m.Zone, Weight: m.Weight,
		Leases: leases, APIAddr: m.APIAddr, RPCAddr: m.RPCAddr, GossipAddr: m.GossipAddr, Version: m.Version,
		MaxOp: m.MaxOp, Why: m.Why, ModifyIndex: m.ModifyIndex,
	}, nil
}

func memberNames(view *fsm.View) (map[partition.NodeID]string, error) {
	members, err := view.Members()
	if err != nil {
		return nil, err
	}
	out := make(map[partition.NodeID]string, len(members))
	for _, m := range members {
		out[m.ID] = m.Name
	}
	return out, nil
}
