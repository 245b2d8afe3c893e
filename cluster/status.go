package cluster

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"backstitch/cluster/vitals"
	"backstitch/cluster/wire"
	"backstitch/fsm"
	"backstitch/partition"

	"github.com/hashicorp/raft"
)

// This file tells how the group is. Whoever is asked asks all others, so that the answer is the same everywhere and also there
// when nobody leads.

const statusTimeout = 500 * time.Millisecond

// Status is the group as this node sees it.
type Status struct {
	Node      partition.NodeID
	Name      string
	ClusterID string
	Phase     Phase
	Reason    string // of Phase
	SetAside  string // where damaged data was put at this start, "" if it was not damaged

	Leader     partition.NodeID // "" if nobody leads as far as this node knows
	LeaderName string
	Term       uint64
	LastIndex  uint64
	Commit     uint64
	Applied    uint64 // of the book; Raft's own entries are not counted
	Digest     [32]byte

	Voters  int
	Quorum  int
	Healthy bool
	Reasons []string // why it is not healthy
	// Tolerance is how many voters may fail now without the group stopping.
	Tolerance int
	Peers     []Peer // of the Raft configuration

	Clock vitals.Skew                      // as this node has measured it
	Disks map[partition.NodeID]vitals.Disk // as each node has told this one last; those that never did are not in it
}

// Peer is one server of the Raft configuration.
type Peer struct {
	ID      partition.NodeID
	Name    string
	Address string // host:port, "" when nobody knows
	Leader  bool
	Voter   bool
	Healthy bool
	Reason  string        // why it is not healthy
	Gone    time.Time     // since when gossip calls it dead, on this node; zero while it lives
	Until   time.Time     // when a voter that stays gone loses its place at the earliest; zero while it lives
	Contact time.Duration // since its last word from the leader; 0 for the leader, -1 when it is not known
	Last    uint64        // its newest log entry
	Applied uint64
	Lag     int64 // entries behind the newest log entry of all; -1 when it is not known
}

// Status asks every server and returns within about half a second.
func (n *Node) Status(ctx context.Context) Status {
	life := n.state.Load()
	s := Status{Name: n.cfg.Name, ClusterID: n.ClusterID(), Phase: life.Phase, Reason: life.Reason, SetAside: life.SetAside}
	if !n.readable() {
		s.Reasons = []string{string(life.Phase) + ": " + life.Reason}
		return s
	}
	s.Node = partition.NodeID(n.id)
	s.Digest, s.Applied = n.stores.machine.Digest()
	if !closed(n.started) {
		s.Reasons = []string{string(life.Phase) + ": " + life.Reason}
		return s
	}
	s.Leader, s.Term = partition.NodeID(n.leaderID()), n.raft.CurrentTerm()
	s.LastIndex, s.Commit = n.raft.LastIndex(), n.raft.CommitIndex()
	future := n.raft.GetConfiguration()
	if err := future.Error(); err != nil {
		s.Reasons = []string{err.Error()}
		return s
	}
	s.Peers = n.askPeers(ctx, future.Configuration().Servers, s.Leader)
	s.Clock, s.Disks = vitals.Judge(s.Node, n.vitals.Offsets()), n.vitals.Disks(s.Node)
	n.judge(&s)
	return s
}

// Leader is who leads as far as this node knows, "" if nobody does. Unlike Status it asks nobody.
func (n *Node) Leader() partition.NodeID { return partition.NodeID(n.leaderID()) }

func (n *Node) askPeers(ctx context.Context, servers []raft.Server, leads partition.NodeID) []Peer {
	out := make([]Peer, len(servers))
	var newest uint64
	var mu sync.Mutex
	var asked sync.WaitGroup
	for i, srv := range servers {
		asked.Add(1)
		go func() {
			defer asked.Done()
			id := partition.NodeID(srv.ID)
			p := Peer{ID: id, Leader: id == leads, Voter: srv.Suffrage == raft.Voter, Contact: -1, Lag: -1}
			p.Address, p.Name, _ = n.resolve(string(srv.ID))
			if string(id) == n.id {
				p.Address, p.Name = n.cfg.advertise(), n.cfg.Name
			}
			if peer, ok := n.gossip.Peer(string(id)); ok && !peer.Alive && string(id) != n.id {
				p.Gone = peer.Since
				if p.Voter {
					p.Until = p.Gone.Add(n.cfg.Autopilot.DeadAfter)
				}
			}
			r, err := n.statusWithin(ctx, string(srv.ID), statusTimeout)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				p.Reason = "does not answer: " + err.Error()
			} else {
				p.Contact, p.Last, p.Applied = time.Duration(r.ContactNanos), r.LastIndex, r.Applied
				newest = max(newest, r.LastIndex)
			}
			out[i] = p
		}()
	}
	asked.Wait()
	for i := range out {
		if p := &out[i]; p.Reason == "" {
			p.Lag = int64(newest - p.Last)
		}
	}
	return out
}

// judge says which servers are healthy and what that means for the group.
func (n *Node) judge(s *Status) {
	healthy := 0
	for i := range s.Peers {
		p := &s.Peers[i]
		switch {
		case p.Reason != "":
		case !p.Leader && p.Contact < 0:
			p.Reason = "has not heard from the leader"
		case !p.Leader && p.Contact > n.cfg.Autopilot.Contact:
			p.Reason = "last heard from the leader " + p.Contact.Round(time.Millisecond).String() + " ago"
		case p.Lag > int64(n.cfg.Autopilot.MaxTrail):
			p.Reason = strconv.FormatInt(p.Lag, 10) + " entries behind"
		default:
			p.Healthy = true
		}
		if p.Reason != "" {
			s.Reasons = append(s.Reasons, "node "+p.Name+" "+p.Reason)
		}
		if d := s.Disks[p.ID]; d.Level == vitals.Hard {
			s.Reasons = append(s.Reasons, fmt.Sprintf("node %s has a full disk: %s", p.Name, d))
		}
		if p.Leader {
			s.LeaderName = p.Name
		}
		if p.Voter {
			s.Voters++
			if p.Healthy {
				healthy++
			}
		}
	}
	s.Quorum = s.Voters/2 + 1
	s.Tolerance = max(0, healthy-s.Quorum)
	if s.Leader == "" {
		s.Reasons = append(s.Reasons, "nobody leads")
	}
	if err := n.stores.machine.Err(); err != nil {
		s.Reasons = append(s.Reasons, err.Error())
	}
	s.Healthy = len(s.Reasons) == 0
}

func (n *Node) statusWithin(ctx context.Context, id string, d time.Duration) (*wire.StatusReply, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return n.askStatus(ctx, id)
}

// Alive reports what gossip says of each member of the book.
func (n *Node) Alive() map[partition.NodeID]bool {
	out := map[partition.NodeID]bool{}
	if !n.readable() {
		return out
	}
	members, err := n.bookMembers()
	if err != nil {
		return out
	}
	for _, m := range members {
		p, ok := n.gossip.Peer(string(m.ID))
		out[m.ID] = string(m.ID) == n.id || (ok && p.Alive && m.State != fsm.MemberLeft)
	}
	return out
}

// lastLogTerm is the term of the newest entry, 0 when there is none.
func (n *Node) lastLogTerm() uint64 {
	term, err := strconv.ParseUint(n.raft.Stats()["last_log_term"], 10, 64)
	if err != nil {
		return 0
	}
	return term
}
