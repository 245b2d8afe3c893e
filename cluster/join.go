package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"backstitch/cluster/wire"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/storage"
	"backstitch/storage/failpoint"

	"github.com/hashicorp/raft"
)

// This file lets nodes in: the asking side and the leader's side of Join and Readmit.
//
// Why Readmit exists: a node that lost its log still counts as a voter for the others, and with an empty log it would vote for
// anybody. Entries that it helped to commit could then be lost. So before it starts Raft, the leader takes its vote away. A node
// that seems new asks as well: it may have lost more than its data. That
// change is itself committed by a majority of the rest, and whoever could win an election without those entries would need a
// vote from that majority. Afterwards the node is a learner like any new one; autopilot gives the vote back once it has caught
// up.

const (
	joinEvery   = 250 * time.Millisecond
	joinTimeout = 5 * time.Second
	raftChange  = 5 * time.Second // for one change of the Raft configuration to be accepted
)

// beLetIn asks until the leader has taken away the vote that this node may have, and notes that it may start Raft now.
func (n *Node) beLetIn(ctx context.Context) error {
	if n.currentMark().Generation == 0 {
		n.phase(PhaseJoining, "asks the leader of cluster "+n.ClusterID()+" to be let in")
	} else {
		n.phase(PhaseWaiting, "data was lost; the leader must take this node's vote away before it may come back")
	}
	if len(n.cfg.RetryJoin) == 0 && len(n.knownAddresses()) == 0 {
		return &Error{Code: CodeCannotRejoin, Object: "node " + n.cfg.Name, Kind: ErrCannotRejoin, Cause: storage.ErrDamaged,
			Hint: "if others exist: --retry-join HOST:7422. If this was the only node: backstitch cluster snapshot restore FILE into a new one; the old data is kept beside it"}
	}
	said := ""
	for {
		// Whoever has the leader's own id finds no leader; who that is says its double.
		if err := n.noDouble(ctx); err != nil {
			return err
		}
		_, err := n.askLeader(ctx, &wire.Readmit{From: n.who()})
		if err == nil {
			n.phase(PhaseJoining, "let in as a learner; the book comes from the leader")
			return n.changeMark(func(m *mark) { m.Generation = n.identity.Generation })
		}
		if fatal := n.refusal(err); fatal != nil {
			return fatal
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err.Error() != said {
			said = err.Error()
			n.log.Warn("not let in yet; trying on", "err", err)
		}
		if err := n.nap(ctx, joinEvery); err != nil {
			return err
		}
	}
}

// keepJoining tells the leader where this node is now, until it has heard. A node that was removed later stays out until it is
// started again or told to join, for whoever removed it meant it.
func (n *Node) keepJoining(ctx context.Context) error {
	said := ""
	for {
		done, err := n.join(ctx)
		if err == nil {
			return n.joined(ctx, done)
		}
		if fatal := n.refusal(err); fatal != nil {
			return fatal
		}
		if err.Error() != said && ctx.Err() == nil {
			said = err.Error()
			n.log.Debug("not joined yet; trying on", "err", err)
		}
		if err := n.nap(ctx, joinEvery); err != nil {
			return nil
		}
	}
}

func (n *Node) join(ctx context.Context) (*wire.Done, error) {
	req := &wire.Join{
		From: n.who(), Role: uint8(n.cfg.Role), Weight: n.cfg.Weight, Zone: n.cfg.Zone, Version: n.cfg.Version, APIAddr: n.cfg.APIAddr,
		RPCAddr: n.cfg.advertise(), GossipAddr: n.cfg.gossipAdvertise(), MaxOp: fsm.MaxOp,
	}
	answer, err := n.askLeader(ctx, req)
	if err != nil {
		return nil, err
	}
	done, ok := answer.(*wire.Done)
	if !ok {
		return nil, fmt.Errorf("%w: %T in answer to a join", wire.ErrFrame, answer)
	}
	return done, nil
}

// joined notes that the cluster exists and this node is of it: promises are kept. It serves once its book has what the leader's had
// when it let this node in; before, it would answer from what it knew when it died.
func (n *Node) joined(ctx context.Context, done *wire.Done) error {
	failpoint.Reach(failpoint.JoinAnswered)
	if err := n.changeMark(func(m *mark) { m.Cluster, m.Servers = done.Cluster, nil }); err != nil {
		return err
	}
	failpoint.Reach(failpoint.JoinNoted)
	if n.stores.machine.Applied() < done.Index {
		n.phase(PhaseJoining, "member of cluster "+done.Cluster+"; its book catches up")
		if err := n.caughtUp(ctx, done.Index); err != nil {
			return nil // the node ends, or its book has latched, which keepHouse sees
		}
	}
	n.nowCurrent.Do(func() { close(n.current) })
	n.phase(PhaseServing, "member of cluster "+done.Cluster)
	return nil
}

// refusal turns an answer that will not change into an error that ends the node, and everything else into nil.
func (n *Node) refusal(err error) error {
	var f *wire.Failure
	if !errors.As(err, &f) {
		return nil
	}
	switch f.Reason {
	case wire.InUse:
		return &Error{Code: CodeNodeIDInUse, Object: "node " + n.cfg.Name, Kind: ErrNodeIDInUse, Cause: f, Hint: f.Hint}
	case wire.OtherCluster:
		return &Error{Code: CodeOtherCluster, Object: "node " + n.cfg.Name, Kind: ErrOtherCluster, Cause: f, Hint: f.Hint}
	case wire.Refused:
		return &Error{Code: CodeJoinRefused, Object: "node " + n.cfg.Name, Kind: ErrConfig, Cause: f, Hint: f.Hint}
	}
	return nil
}

// admit is the leader's side of Join. It is idempotent: every node sends it at each start.
func (n *Node) admit(ctx context.Context, req *wire.Join) (*wire.Done, error) {
	if n.currentLead() == nil {
		return nil, n.notLeader()
	}
	if err := n.admissible(ctx, req.From, req.RPCAddr); err != nil {
		return nil, err
	}
	m := fsm.Member{
		ID: partition.NodeID(req.From.ID), Name: req.From.Name, Instance: req.From.Instance, Role: fsm.MemberRole(req.Role),
		State: fsm.MemberActive, Zone: req.Zone, Weight: req.Weight, APIAddr: req.APIAddr, RPCAddr: req.RPCAddr,
		GossipAddr: req.GossipAddr, Version: req.Version, MaxOp: req.MaxOp,
	}
	known, ok, err := n.bookMember(m.ID)
	if err != nil {
		return nil, err
	}
	if !ok || known.State == fsm.MemberLeft || !sameMember(known, m) {
		res, err := n.Propose(ctx, n.envelope("node joins"), fsm.PutMember{Member: m})
		if err != nil {
			return nil, err
		}
		if failure := n.memberRefused(res, m); failure != nil {
			return nil, failure
		}
	}
	failpoint.Reach(failpoint.AdmitMemberPut)
	if err := n.putServer(m); err != nil {
		return nil, err
	}
	n.mux.raft.moved(req.From.ID, req.RPCAddr)
	return &wire.Done{Cluster: n.ClusterID(), Index: n.stores.machine.Applied()}, nil
}

func sameMember(a, b fsm.Member) bool {
	a.State, a.Why, a.ModifyIndex = b.State, b.Why, b.ModifyIndex
	return a == b
}

func (n *Node) memberRefused(res fsm.Result, m fsm.Member) error {
	switch res.Code {
	case fsm.OK:
		return nil
	case fsm.OtherInstance:
		return &wire.Failure{Reason: wire.InUse, Code: CodeNodeIDInUse,
			Text: fmt.Sprintf("node id %s belongs to another data directory", m.ID),
			Hint: "give each node its own --data-dir; if the old directory is gone for good: backstitch cluster raft remove-peer " + m.Name}
	case fsm.Exists:
		return &wire.Failure{Reason: wire.InUse, Code: CodeNodeIDInUse,
			Text: fmt.Sprintf("the name %s belongs to another node (%s)", m.Name, res.Object),
			Hint: "give this node another --name; if the old one is gone for good: backstitch cluster raft remove-peer " + m.Name}
	}
	return &wire.Failure{Reason: wire.Refused, Code: CodeJoinRefused, Text: fmt.Sprintf("the book refused the node: code %d %s", res.Code, res.Object),
		Hint: "backstitch cluster members"}
}

// admissible refuses a node that another living process already is. The book tells directories apart; two processes on copies
// of one directory it can not, so the process that was known until now is asked.
func (n *Node) admissible(ctx context.Context, who wire.Who, addr string) error {
	if other := n.ClusterID(); who.Cluster != "" && who.Cluster != other {
		return &wire.Failure{Reason: wire.OtherCluster, Code: CodeOtherCluster,
			Text: fmt.Sprintf("%s is of cluster %s, this is cluster %s", who.Name, who.Cluster, other), Hint: "check --retry-join, or give the node an empty --data-dir"}
	}
	known, ok, err := n.bookMember(partition.NodeID(who.ID))
	if err != nil || !ok {
		return err
	}
	if known.Instance != who.Instance {
		return n.memberRefused(fsm.Result{Code: fsm.OtherInstance}, known)
	}
	if known.RPCAddr == addr || who.ID == n.id {
		return nil
	}
	reply, err := n.hello(ctx, who.ID, known.RPCAddr)
	if err == nil && reply.Who.ID == who.ID && reply.Who.Boot != who.Boot {
		return n.double(who.Name, who.ID, known.RPCAddr)
	}
	return nil
}

func (n *Node) double(name, id, addr string) *wire.Failure {
	return &wire.Failure{Reason: wire.InUse, Code: CodeNodeIDInUse, Text: fmt.Sprintf("node %s (%s) is running at %s already", name, id, addr),
		Hint: "stop the other process first; never run two nodes on copies of one data directory"}
}

// putServer makes the Raft configuration fit the member: a new one becomes a learner, a voter that is a worker now loses its
// vote. Votes are given by autopilot.
func (n *Node) putServer(m fsm.Member) error {
	future := n.raft.GetConfiguration()
	if err := future.Error(); err != nil {
		return n.raftFailure(err)
	}
	id := raft.ServerID(m.ID)
	for _, s := range future.Configuration().Servers {
		if s.ID != id {
			continue
		}
		if m.Role == fsm.RoleWorker && s.Suffrage == raft.Voter {
			return n.raftFailure(n.ask(func() raft.Future { return n.raft.DemoteVoter(id, 0, raftChange) }))
		}
		return nil
	}
	return n.raftFailure(n.ask(func() raft.Future { return n.raft.AddNonvoter(id, raft.ServerAddress(m.ID), 0, raftChange) }))
}

// readmit is the leader's side of Readmit.
func (n *Node) readmit(ctx context.Context, req *wire.Readmit) (*wire.Done, error) {
	if n.currentLead() == nil {
		return nil, n.notLeader()
	}
	if req.From.ID == n.id {
		return nil, &wire.Failure{Reason: wire.NotReady, Text: "this node leads; another one must before it can be rebuilt"}
	}
	if err := n.admissible(ctx, req.From, ""); err != nil {
		return nil, err
	}
	future := n.raft.GetConfiguration()
	if err := future.Error(); err != nil {
		return nil, n.raftFailure(err)
	}
	for _, s := range future.Configuration().Servers {
		if string(s.ID) != req.From.ID || s.Suffrage != raft.Voter {
			continue
		}
		n.log.Warn("a node lost its data; taking its vote away until it has caught up", "peer", req.From.Name, "id", req.From.ID)
		if err := n.ask(func() raft.Future { return n.raft.DemoteVoter(s.ID, 0, raftChange) }); err != nil {
			return nil, n.raftFailure(err)
		}
	}
	return &wire.Done{Cluster: n.ClusterID(), Index: n.raft.AppliedIndex()}, nil
}

// raftFailure turns an error of a change of the configuration into an answer that makes the asker try again.
func (n *Node) raftFailure(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress), errors.Is(err, raft.ErrLeadershipLost):
		return n.notLeader()
	}
	return &wire.Failure{Reason: wire.NotReady, Text: err.Error()}
}
