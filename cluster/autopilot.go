package cluster

import (
	"context"
	"slices"
	"sync"
	"time"

	"backstitch/cluster/wire"
	"backstitch/fsm"

	"github.com/hashicorp/raft"
	autopilot "github.com/hashicorp/raft-autopilot"
)

// This file lends raft-autopilot what it needs: who the servers are and how they do. It gives votes to voter-role nodes that
// have been healthy for a while and takes dead ones out. Differences from the library's own ways: workers never vote and are
// never cleaned up, and a dead voter keeps its place for Autopilot.DeadAfter, since most come back.

// Node types of the library. The words are ours.
const (
	typeVoter  autopilot.NodeType = "voter"
	typeWorker autopilot.NodeType = "worker"
)

type pilot struct{ n *Node }

var (
	_ autopilot.ApplicationIntegration = pilot{}
	_ autopilot.Promoter               = pilot{}
)

func (n *Node) newAutopilot() *autopilot.Autopilot {
	p := pilot{n}
	return autopilot.New(n.raft, p, autopilot.WithLogger(newHCLog(n.log, "autopilot")), autopilot.WithPromoter(p),
		autopilot.WithUpdateInterval(n.cfg.Autopilot.Update), autopilot.WithReconcileInterval(n.cfg.Autopilot.Reconcile))
}

// AutopilotConfig returns the tunables.
func (p pilot) AutopilotConfig() *autopilot.Config {
	c := p.n.cfg.Autopilot
	return &autopilot.Config{
		CleanupDeadServers: true, LastContactThreshold: c.Contact, MaxTrailingLogs: c.MaxTrail,
		MinQuorum: p.n.cfg.minQuorum(), ServerStabilizationTime: c.Stable,
	}
}

// NotifyState is of no use: Status asks the nodes itself.
func (p pilot) NotifyState(*autopilot.State) {}

// KnownServers are the members of the book, with gossip's word on whether they live.
func (p pilot) KnownServers() map[raft.ServerID]*autopilot.Server {
	members, err := p.n.bookMembers()
	if err != nil {
		return nil
	}
	out := make(map[raft.ServerID]*autopilot.Server, len(members))
	for _, m := range members {
		if m.State == fsm.MemberLeft {
			continue // it has no place in the configuration any more; what is left of it is cleaned up
		}
		s := &autopilot.Server{
			ID: raft.ServerID(m.ID), Name: m.Name, Address: raft.ServerAddress(m.ID), Version: m.Version, RaftVersion: 3,
			NodeStatus: autopilot.NodeFailed, IsLeader: string(m.ID) == p.n.id, NodeType: typeVoter,
		}
		if m.Role == fsm.RoleWorker {
			s.NodeType = typeWorker
		}
		if peer, ok := p.n.gossip.Peer(string(m.ID)); s.IsLeader || (ok && peer.Alive) {
			s.NodeStatus = autopilot.NodeAlive
		}
		out[s.ID] = s
	}
	return out
}

// FetchServerStats asks every server how far it is.
func (p pilot) FetchServerStats(ctx context.Context, servers map[raft.ServerID]*autopilot.Server) map[raft.ServerID]*autopilot.ServerStats {
	out := make(map[raft.ServerID]*autopilot.ServerStats, len(servers))
	var mu sync.Mutex
	var asked sync.WaitGroup
	for id := range servers {
		asked.Add(1)
		go func() {
			defer asked.Done()
			r, err := p.n.askStatus(ctx, string(id))
			if err != nil {
				// Without this the last figures would be kept, and a node that is gone would look healthy.
				r = &wire.StatusReply{ContactNanos: -1}
			}
			mu.Lock()
			defer mu.Unlock()
			out[id] = &autopilot.ServerStats{LastContact: time.Duration(r.ContactNanos), LastTerm: r.LastTerm, LastIndex: r.LastIndex}
		}()
	}
	asked.Wait()
	return out
}

// RemoveFailedServer takes a voter out that has been dead for too long. It stays a member; a restart lets it in again. The
// removal waits for a commit, and the library wants this call to return at once.
func (p pilot) RemoveFailedServer(s *autopilot.Server) {
	p.n.log.Warn("a node has been gone for too long and loses its place", "peer", s.Name, "id", string(s.ID))
	p.n.applies.Add(1)
	go func() {
		defer p.n.applies.Done()
		if err := p.n.ask(func() raft.Future { return p.n.raft.RemoveServer(s.ID, 0, raftChange) }); err != nil {
			p.n.log.Warn("take a dead node out", "peer", s.Name, "err", err)
		}
	}()
}

// GetServerExt and GetStateExt would add to the library's state; nothing is added.
func (pilot) GetServerExt(*autopilot.Config, *autopilot.ServerState) any { return nil }
func (pilot) GetStateExt(*autopilot.Config, *autopilot.State) any        { return nil }

// GetNodeTypes repeats what KnownServers said.
func (pilot) GetNodeTypes(_ *autopilot.Config, s *autopilot.State) map[raft.ServerID]autopilot.NodeType {
	out := make(map[raft.ServerID]autopilot.NodeType, len(s.Servers))
	for id, srv := range s.Servers {
		out[id] = srv.Server.NodeType
	}
	return out
}

// CalculatePromotionsAndDemotions gives a vote to every voter-role node that has been healthy for long enough.
func (p pilot) CalculatePromotionsAndDemotions(c *autopilot.Config, s *autopilot.State) autopilot.RaftChanges {
	var out autopilot.RaftChanges
	stable := s.ServerStabilizationTime(c)
	for id, srv := range s.Servers {
		if srv.State == autopilot.RaftNonVoter && srv.Server.NodeType == typeVoter && srv.Health.IsStable(p.n.deps.Clock(), stable) {
			out.Promotions = append(out.Promotions, id)
		}
	}
	return out
}

// FilterFailedServerRemovals lets only voters go that have been dead for DeadAfter, and what the book no longer knows. A node
// that is about to be let in is in the configuration a moment after it is in the book, never before.
func (p pilot) FilterFailedServerRemovals(_ *autopilot.Config, _ *autopilot.State, failed *autopilot.FailedServers) *autopilot.FailedServers {
	// After a restore the book may not know a node yet that is alive and about to say so.
	living := func(id raft.ServerID) bool {
		peer, ok := p.n.gossip.Peer(string(id))
		return string(id) == p.n.id || (ok && peer.Alive)
	}
	out := &autopilot.FailedServers{
		StaleNonVoters: slices.DeleteFunc(slices.Clone(failed.StaleNonVoters), living),
		StaleVoters:    slices.DeleteFunc(slices.Clone(failed.StaleVoters), living),
	}
	for _, s := range failed.FailedVoters {
		peer, ok := p.n.gossip.Peer(string(s.ID))
		since := time.Time{}
		if ok {
			since = peer.Since
		} else if l := p.n.currentLead(); l != nil {
			since = l.since // never heard of since this node leads
		}
		if !since.IsZero() && p.n.deps.Clock().Sub(since) >= p.n.cfg.Autopilot.DeadAfter {
			out.FailedVoters = append(out.FailedVoters, s)
		}
	}
	return out
}

// IsPotentialVoter reports whether nodes of type t may vote.
func (pilot) IsPotentialVoter(t autopilot.NodeType) bool { return t == typeVoter }

// askStatus asks one node how far it is.
func (n *Node) askStatus(ctx context.Context, id string) (*wire.StatusReply, error) {
	if id == n.id {
		return n.statusReply(), nil
	}
	addr, _, err := n.resolve(id)
	if err != nil {
		return nil, err
	}
	answer, err := n.pool.Call(ctx, id, addr, &wire.StatusRequest{From: n.who()}, nil, true)
	if err != nil {
		return nil, err
	}
	r, ok := answer.(*wire.StatusReply)
	if !ok {
		return nil, wire.ErrFrame
	}
	return r, nil
}

func (n *Node) statusReply() *wire.StatusReply {
	r := &wire.StatusReply{Term: n.raft.CurrentTerm(), LastIndex: n.raft.LastIndex(), Applied: n.stores.machine.Applied(), ContactNanos: -1}
	r.LastTerm = n.lastLogTerm()
	if n.raft.State() == raft.Leader {
		r.ContactNanos = 0
	} else if last := n.raft.LastContact(); !last.IsZero() {
		r.ContactNanos = int64(n.deps.Clock().Sub(last))
	}
	return r
}

func (n *Node) voters() int {
	future := n.raft.GetConfiguration()
	if future.Error() != nil {
		return 0
	}
	count := 0
	for _, s := range future.Configuration().Servers {
		if s.Suffrage == raft.Voter {
			count++
		}
	}
	return count
}
