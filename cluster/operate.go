package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"backstitch/cluster/wire"
	"backstitch/fsm"
	"backstitch/partition"

	"github.com/hashicorp/raft"
)

// This file is what operators do to the group: move leadership, remove a node, meet others, drain, leave.

const operateTimeout = 10 * time.Second

// Transferred says how leadership moved.
type Transferred struct {
	From, To partition.NodeID
	Term     uint64
	Took     time.Duration
}

// TransferLeadership moves leadership to a node, by id or name; "" lets the leader choose the voter that is furthest.
func (n *Node) TransferLeadership(ctx context.Context, to string) (Transferred, error) {
	ctx, cancel := context.WithTimeout(ctx, operateTimeout)
	defer cancel()
	if to != "" {
		m, err := n.member(to)
		if err != nil {
			return Transferred{}, err
		}
		to = string(m.ID)
	}
	from, began := n.leaderID(), n.deps.Clock()
	if from == "" {
		return Transferred{}, ErrNoLeader
	}
	if from == to {
		return Transferred{From: partition.NodeID(from), To: partition.NodeID(to), Term: n.raft.CurrentTerm()}, nil
	}
	if _, err := n.askLeader(ctx, &wire.Transfer{From: n.who(), To: to}); err != nil {
		return Transferred{}, fmt.Errorf("transfer leadership: %w", n.operateError(err))
	}
	for {
		if now := n.leaderID(); now != "" && now != from {
			return Transferred{From: partition.NodeID(from), To: partition.NodeID(now), Term: n.raft.CurrentTerm(), Took: n.deps.Clock().Sub(began)}, nil
		}
		if err := n.napOrStop(ctx, firstNap); err != nil {
			return Transferred{}, fmt.Errorf("transfer leadership: %w: no new leader seen: %w", ErrOutcomeUnknown, err)
		}
	}
}

func (n *Node) transferHere(to string) (*wire.Done, error) {
	if n.raft.State() != raft.Leader {
		return nil, n.notLeader()
	}
	err := n.ask(func() raft.Future {
		if to == "" {
			return n.raft.LeadershipTransfer()
		}
		return n.raft.LeadershipTransferToServer(raft.ServerID(to), raft.ServerAddress(to))
	})
	if err != nil {
		return nil, &wire.Failure{Reason: wire.Refused, Code: CodeLastVoter, Text: "leadership could not be moved: " + err.Error(),
			Hint: "backstitch cluster raft list-peers   (only a healthy voter can lead)"}
	}
	return &wire.Done{Cluster: n.ClusterID()}, nil
}

// RemovePeer takes a node, by id or name, out of the Raft group and out of the book; its leases end. It refuses to leave the
// group without a quorum of living voters.
func (n *Node) RemovePeer(ctx context.Context, id, reason string) error {
	ctx, cancel := context.WithTimeout(ctx, operateTimeout)
	defer cancel()
	m, err := n.member(id)
	if err != nil {
		return err
	}
	if err := n.untilRemoved(ctx, m.ID); err != nil {
		return fmt.Errorf("remove %s: %w", m.Name, err)
	}
	if _, err := n.Propose(ctx, n.envelope(reason), fsm.RemoveMember{ID: m.ID}); err != nil {
		return fmt.Errorf("remove %s from the book: %w", m.Name, err)
	}
	return nil
}

func (n *Node) removeHere(ctx context.Context, r *wire.Remove) (*wire.Done, error) {
	if n.raft.State() != raft.Leader {
		return nil, n.notLeader()
	}
	future := n.raft.GetConfiguration()
	if err := future.Error(); err != nil {
		return nil, n.raftFailure(err)
	}
	voters, alive, votes := 0, 0, false
	for _, s := range future.Configuration().Servers {
		if s.Suffrage != raft.Voter {
			continue
		}
		if string(s.ID) == r.ID {
			votes = true
			continue
		}
		voters++
		if _, err := n.statusWithin(ctx, string(s.ID), statusTimeout); err == nil {
			alive++
		}
	}
	if votes && alive < voters/2+1 {
		return nil, &wire.Failure{Reason: wire.Refused, Code: CodeLastVoter,
			Text: fmt.Sprintf("without it %d of %d voters would answer, and %d are needed", alive, voters, voters/2+1),
			Hint: "bring the other voters back first, or add one: backstitch agent --role voter --bootstrap-expect 0 --retry-join HOST:7422"}
	}
	if err := n.ask(func() raft.Future { return n.raft.RemoveServer(raft.ServerID(r.ID), 0, raftChange) }); err != nil {
		return nil, n.raftFailure(err)
	}
	return &wire.Done{Cluster: n.ClusterID(), Index: n.raft.AppliedIndex()}, nil
}

// Join meets the nodes at the gossip addresses, and tells the leader where this node is. It returns how many answered.
func (n *Node) Join(ctx context.Context, addrs []string) (int, error) {
	if !closed(n.opened) {
		return 0, n.notReady()
	}
	met, err := n.gossip.Join(ctx, addrs)
	if err != nil || !closed(n.started) {
		return met, err
	}
	if _, err := n.join(ctx); err != nil {
		return met, fmt.Errorf("join: %w", n.operateError(err))
	}
	return met, nil
}

// SetState drains a member, by id or name, or makes it eligible again.
func (n *Node) SetState(ctx context.Context, env fsm.Envelope, id string, state fsm.MemberState) (fsm.Result, error) {
	m, err := n.member(id)
	if err != nil {
		return fsm.Result{}, err
	}
	return n.Propose(ctx, env, fsm.SetMemberState{ID: m.ID, State: state})
}

// Leave drains this node, hands leadership over, takes the node out of the group and ends Run. ctx bounds the drain; when it
// ends first, the node stays, draining.
func (n *Node) Leave(ctx context.Context, reason string) error {
	self := partition.NodeID(n.id)
	if !closed(n.started) {
		return n.notReady()
	}
	if err := n.setOwnState(ctx, reason, fsm.MemberDraining); err != nil {
		return err
	}
	for {
		a, err := n.leases()
		if err != nil {
			return err
		}
		if len(a.Work) == 0 {
			break
		}
		if _, err := n.stores.machine.Wait(ctx, a.Index); err != nil {
			return fmt.Errorf("leave: %d slices are not handed over: %w", len(a.Work), err)
		}
	}
	if n.leaderID() == n.id && n.voters() > 1 {
		if _, err := n.TransferLeadership(ctx, ""); err != nil {
			return fmt.Errorf("leave: %w", err)
		}
	}
	// First out of the group, then out of the book: a node that stops between the two is removed again at its next Leave.
	if err := n.untilRemoved(ctx, self); err != nil {
		return fmt.Errorf("leave: %w", err)
	}
	if err := n.setOwnState(ctx, reason, fsm.MemberLeft); err != nil {
		return err
	}
	n.log.Info("left the cluster", "id", string(self))
	n.mu.Lock()
	n.left = true
	n.mu.Unlock()
	n.die(nil)
	return nil
}

// untilRemoved asks the leader, whoever it is by then: the node that is to be removed may have led until a moment ago. Removing
// twice does no more than removing once.
func (n *Node) untilRemoved(ctx context.Context, id partition.NodeID) error {
	for {
		_, err := n.askLeader(ctx, &wire.Remove{From: n.who(), ID: string(id)})
		var f *wire.Failure
		if err == nil || (errors.As(err, &f) && f.Reason == wire.Refused) {
			return n.operateError(err)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		if err := n.napOrStop(ctx, lastNap); err != nil {
			return err
		}
	}
}

func (n *Node) setOwnState(ctx context.Context, reason string, state fsm.MemberState) error {
	res, err := n.proposeAnywhere(ctx, n.envelope(reason), fsm.SetMemberState{ID: partition.NodeID(n.id), State: state})
	if err != nil {
		return fmt.Errorf("leave: %w", err)
	}
	if res.Code != fsm.OK {
		return fmt.Errorf("leave: %w: code %d %s", ErrRefused, res.Code, res.Object)
	}
	return nil
}

// proposeAnywhere is Propose for a node that may be out of the group already: its Raft no longer hears who leads, and its book
// no longer moves.
func (n *Node) proposeAnywhere(ctx context.Context, env fsm.Envelope, cmd fsm.Command) (fsm.Result, error) {
	data, err := fsm.Encode(env, cmd)
	if err != nil {
		return fsm.Result{}, err
	}
	for {
		answer, err := n.askOthers(ctx, &wire.Propose{From: n.who(), Data: data})
		if reply, ok := answer.(*wire.ResultReply); ok && err == nil {
			return reply.Result, nil
		}
		if n.certainty(err) == refusedForGood {
			return fsm.Result{}, err
		}
		if err := n.napOrStop(ctx, lastNap); err != nil {
			return fsm.Result{}, fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
		}
	}
}

// askOthers asks whoever leads by the word of this node or of the others.
func (n *Node) askOthers(ctx context.Context, req wire.Message) (wire.Message, error) {
	answer, err := n.askLeader(ctx, req)
	if err == nil {
		return answer, nil
	}
	for _, r := range n.helloAll(ctx) {
		if r.Leader != "" && r.Leader != n.id && r.LeaderAt != "" {
			return n.pool.Call(ctx, r.Leader, r.LeaderAt, req, nil, true)
		}
	}
	return nil, err
}

// member finds a member by id or name.
func (n *Node) member(idOrName string) (fsm.Member, error) {
	if !closed(n.started) || !n.readable() {
		return fsm.Member{}, n.notReady()
	}
	members, err := n.bookMembers()
	if err != nil {
		return fsm.Member{}, err
	}
	for _, m := range members {
		if string(m.ID) == idOrName || m.Name == idOrName {
			return m, nil
		}
	}
	return fsm.Member{}, fmt.Errorf("%w: %s", ErrUnknownNode, idOrName)
}

// operateError gives a refusal by the leader its code and hint.
func (n *Node) operateError(err error) error {
	var f *wire.Failure
	if !errors.As(err, &f) {
		return err
	}
	switch f.Reason {
	case wire.NotLeader, wire.NotReady:
		return fmt.Errorf("%w: %w", ErrNoLeader, err)
	case wire.Unknown:
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
	return &Error{Code: f.Code, Object: "node " + n.cfg.Name, Kind: ErrRefused, Cause: f, Hint: f.Hint}
}
