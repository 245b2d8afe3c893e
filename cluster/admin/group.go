package admin

import (
	"cmp"
	"context"
	"encoding/hex"
	"slices"
	"time"

	"backstitch/cluster"
	"backstitch/cluster/client"
	"backstitch/cluster/vitals"
	"backstitch/fsm"
	"backstitch/partition"
)

// leaveLimit bounds how long a node that leaves waits for its slices to be handed over.
const leaveLimit = time.Hour

func (s *Server) showCluster(ctx context.Context, _ *struct{}) (*indexed[client.Cluster], error) {
	st := s.node.Status(ctx)
	out := client.Cluster{
		ID: st.ClusterID, Node: client.NodeRef{ID: string(st.Node), Name: st.Name}, Healthy: st.Healthy, Reasons: st.Reasons,
		FailureTolerance: st.Tolerance, Voters: st.Voters, Quorum: st.Quorum, Term: st.Term, LastIndex: st.LastIndex,
		CommitIndex: st.Commit, AppliedIndex: st.Applied, Digest: hex.EncodeToString(st.Digest[:]), Versions: []string{}, Disks: []client.Disk{},
		Environment: string(s.node.Environment()),
	}
	if k := st.Clock; k.Compared > 0 {
		out.Clock = &client.Clock{
			SkewMs: k.Max.Round(time.Millisecond).Milliseconds(), WithinMs: (k.Within + time.Millisecond - 1).Milliseconds(),
			Node: string(k.Node), Compared: k.Compared, LimitMs: vitals.Limit.Milliseconds(), Apart: k.Loud(),
		}
	}
	if st.Leader != "" {
		out.Leader = &client.NodeRef{ID: string(st.Leader), Name: st.LeaderName}
	}
	answer, err := reading(s, func(view *fsm.View) (client.Cluster, error) {
		members, err := view.Members()
		if err != nil {
			return out, err
		}
		names := map[partition.NodeID]string{}
		for _, m := range members {
			names[m.ID] = m.Name
			if !slices.Contains(out.Versions, m.Version) {
				out.Versions = append(out.Versions, m.Version)
			}
			if m.ID == st.Node {
				out.Node.API = m.APIAddr
			}
			if out.Leader != nil && m.ID == st.Leader {
				out.Leader.API = m.APIAddr
			}
			if k, ok := st.Disks[m.ID]; ok && m.State != fsm.MemberLeft {
				out.Disks = append(out.Disks, client.Disk{Node: m.Name, Bytes: k.Bytes, Used: k.Used, Level: k.Level.String()})
			}
			if out.Clock != nil && m.ID == st.Clock.Node {
				out.Clock.Node = m.Name
			}
		}
		slices.SortFunc(out.Disks, func(a, b client.Disk) int { return cmp.Compare(a.Node, b.Node) })
		for _, l := range s.node.Leaders() {
			led := client.Led{Term: l.Term, Since: l.Since.UTC()}
			if l.Leader != "" {
				led.Leader = &client.NodeRef{ID: string(l.Leader), Name: cmp.Or(names[l.Leader], string(l.Leader))}
			}
			out.Leaders = append(out.Leaders, led)
		}
		out.Level, err = view.Version()
		return out, err
	})
	if err != nil && len(st.Reasons) > 0 {
		return &indexed[client.Cluster]{Body: out}, nil // a node that is not far enough can still say so
	}
	return answer, err
}

func (s *Server) listPeers(ctx context.Context, _ *struct{}) (*indexed[client.Peers], error) {
	st := s.node.Status(ctx)
	out := client.Peers{Peers: []client.Peer{}}
	for _, p := range st.Peers {
		out.Peers = append(out.Peers, describePeer(p))
	}
	slices.SortFunc(out.Peers, func(a, b client.Peer) int { return cmp.Compare(a.Name, b.Name) })
	return &indexed[client.Peers]{Index: st.Applied, Leader: string(st.Leader), Body: out}, nil
}

func describePeer(p cluster.Peer) client.Peer {
	out := client.Peer{
		ID: string(p.ID), Name: p.Name, Address: p.Address, State: "follower", Voter: p.Voter, Healthy: p.Healthy, Applied: p.Applied,
		Reason: p.Reason, GoneSince: moment(p.Gone), PlaceUntil: moment(p.Until),
	}
	switch {
	case p.Leader:
		out.State = "leader"
	case !p.Voter:
		out.State = "learner"
	}
	if !p.Leader && p.Contact >= 0 {
		ms := p.Contact.Milliseconds()
		out.LastContactMs = &ms
	}
	if p.Lag >= 0 {
		lag := uint64(p.Lag)
		out.Lag = &lag
	}
	return out
}

func (s *Server) removePeer(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"128" doc:"id or name of a node"`
	Keyed
}) (*indexed[client.Done], error) {
	if err := s.node.RemovePeer(ctx, in.ID, "removed by "+actorOf(ctx)); err != nil {
		return nil, s.failed(err)
	}
	return &indexed[client.Done]{Leader: string(s.node.Leader())}, nil
}

func (s *Server) transfer(ctx context.Context, in *struct {
	Keyed
	Body client.Transfer
}) (*indexed[client.Transferred], error) {
	moved, err := s.node.TransferLeadership(ctx, in.Body.To)
	if err != nil {
		return nil, s.failed(err)
	}
	return reading(s, func(view *fsm.View) (client.Transferred, error) {
		names, err := memberNames(view)
		if err != nil {
			return client.Transferred{}, err
		}
		ref := func(id partition.NodeID) client.NodeRef { return client.NodeRef{ID: string(id), Name: names[id]} }
		return client.Transferred{From: ref(moved.From), To: ref(moved.To), Term: moved.Term, Millis: moved.Took.Milliseconds()}, nil
	})
}

func (s *Server) join(ctx context.Context, in *struct {
	Keyed
	Body client.Join
}) (*indexed[client.Joined], error) {
	met, err := s.node.Join(ctx, in.Body.Addresses)
	if err != nil {
		return nil, s.failed(err)
	}
	return &indexed[client.Joined]{Body: client.Joined{Contacted: met}}, nil
}

// leave answers once the node is out of the group. The process ends soon after.
func (s *Server) leave(ctx context.Context, in *struct {
	Keyed
	Body client.Leave
}) (*indexed[client.Done], error) {
	ctx, cancel := context.WithTimeout(ctx, leaveLimit)
	defer cancel()
	if err := s.node.Leave(ctx, in.Body.Reason); err != nil {
		return nil, s.failed(err)
	}
	return &indexed[client.Done]{}, nil
}
