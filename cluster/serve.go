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

// This file answers other nodes. One goroutine per connection, one request at a time on each, so the number of connections
// bounds the work.

// idleRPC is how long a connection may be silent. Workers renew several times a second; a pooled connection that is closed for
// silence is replaced by its owner.
const idleRPC = 2 * time.Minute

// serveRPC serves one connection until it ends.
func (n *Node) serveRPC(ctx context.Context, c *muxConn) {
	var renews partition.NodeID // who renews on this connection
	defer func() {
		if renews != "" {
			n.contacts.gone(renews)
		}
	}()
	for ctx.Err() == nil {
		if err := c.SetReadDeadline(n.deps.Clock().Add(idleRPC)); err != nil {
			return
		}
		req, err := wire.Read(c)
		if err != nil {
			if errors.Is(err, wire.ErrFrame) || errors.Is(err, wire.ErrType) {
				n.log.Warn("a node sent what can not be understood", "from", c.RemoteAddr().String(), "err", err)
			}
			return
		}
		answer, err := n.vetted(ctx, c, req)
		if err != nil {
			answer = n.asFailure(err)
		} else if r := renewal(req); r != nil && renews == "" {
			renews = partition.NodeID(r.From.ID)
			n.contacts.connected(renews)
		}
		if err := wire.Write(c, answer); err != nil {
			return
		}
	}
}

// vetted checks who asks before anything is done.
func (n *Node) vetted(ctx context.Context, c *muxConn, req wire.Message) (wire.Message, error) {
	from := wire.From(req)
	if from == nil {
		return nil, fmt.Errorf("%w: %T is not a request", wire.ErrFrame, req)
	}
	if c.peerName != "" && from.Name != c.peerName {
		return nil, &wire.Failure{Reason: wire.Refused, Code: CodeTLS,
			Text: fmt.Sprintf("node %s shows the certificate of %s", from.Name, c.peerName), Hint: "backstitch cluster cert DIR " + from.Name}
	}
	ours := n.ClusterID()
	if _, promise := req.(*wire.Promise); !promise && ours != "" && from.Cluster != "" && from.Cluster != ours {
		return nil, &wire.Failure{Reason: wire.OtherCluster, Code: CodeOtherCluster,
			Text: fmt.Sprintf("%s is of cluster %s, %s of %s", from.Name, from.Cluster, n.cfg.Name, ours), Hint: "check --retry-join"}
	}
	switch r := req.(type) {
	case *wire.Restore:
		return n.serveRestore(ctx, c, r)
	case *wire.Keyring, *wire.PutKeyring:
		return n.serveKeyring(c.peerName != "", r)
	}
	return n.answer(ctx, req)
}

// answer does what req asks, for another node or for this one.
func (n *Node) answer(ctx context.Context, req wire.Message) (wire.Message, error) {
	switch r := req.(type) {
	case *wire.Hello:
		return n.helloReply(r.From.ID)
	case *wire.Promise:
		if err := n.promise(r.From.Cluster, r.Servers, r.From.ID); err != nil {
			return nil, err
		}
		return &wire.Done{Cluster: r.From.Cluster}, nil
	}
	if !closed(n.started) {
		return nil, &wire.Failure{Reason: wire.NotReady, Text: n.notReady().Error()}
	}
	switch r := req.(type) {
	case *wire.Join:
		return asMessage(n.admit(ctx, r))
	case *wire.Readmit:
		return asMessage(n.readmit(ctx, r))
	case *wire.Propose:
		res, err := n.applyHere(ctx, r.Data)
		return &wire.ResultReply{Term: n.raft.CurrentTerm(), Result: res}, err
	case *wire.Renew:
		return asMessage(n.renewed(ctx, r))
	case *wire.RenewShares:
		return asMessage(n.renewedShares(ctx, r, nil))
	case *wire.RenewPaced:
		return asMessage(n.renewedShares(ctx, &r.Shares, r.Paces))
	case *wire.PacesRequest:
		return asMessage(n.pacesHere())
	case *wire.SharesRequest:
		return asMessage(n.sharesHere())
	case *wire.Exec:
		return asMessage(n.execHere(r))
	case *wire.StatusRequest:
		return n.statusReply(), nil
	case *wire.Vitals:
		return n.vitalsHere(), nil
	case *wire.Transfer:
		return asMessage(n.transferHere(r.To))
	case *wire.Remove:
		return asMessage(n.removeHere(ctx, r))
	}
	return nil, &wire.Failure{Reason: wire.Refused, Text: fmt.Sprintf("message %d is not a request", req.Type())}
}

// asMessage keeps a nil pointer from becoming a message.
func asMessage[M wire.Message](m M, err error) (wire.Message, error) {
	if err != nil {
		return nil, err
	}
	return m, nil
}

// asFailure is how err travels.
func (n *Node) asFailure(err error) *wire.Failure {
	var f *wire.Failure
	switch unknown := errors.Is(err, ErrOutcomeUnknown); {
	case !unknown && errors.As(err, &f):
		return f
	case unknown: // before all others, which say that nothing happened
		return &wire.Failure{Reason: wire.Unknown, Text: err.Error()}
	case errors.Is(err, ErrNoLeader):
		return n.notLeader()
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &wire.Failure{Reason: wire.Unknown, Text: err.Error()}
	case errors.Is(err, ErrNotReady):
		return &wire.Failure{Reason: wire.NotReady, Text: err.Error()}
	}
	return &wire.Failure{Reason: wire.Unknown, Text: err.Error()}
}

func (n *Node) helloReply(asking string) (*wire.HelloReply, error) {
	state, err := n.stores.hasState()
	if err != nil {
		return nil, err
	}
	r := &wire.HelloReply{Who: n.who(), Expect: uint8(n.cfg.BootstrapExpect), State: state}
	if id := n.leaderID(); id == n.id {
		r.Leader, r.LeaderAt = id, n.cfg.advertise()
	} else if id != "" {
		if addr, _, err := n.resolve(id); err == nil {
			r.Leader, r.LeaderAt = id, addr
		}
	}
	if addr, _, err := n.resolve(asking); err == nil && asking != n.id {
		r.KnownAt = addr
	}
	return r, nil
}

// renewal is the renewal in a request, nil if there is none.
func renewal(req wire.Message) *wire.Renew {
	switch r := req.(type) {
	case *wire.Renew:
		return r
	case *wire.RenewShares:
		return &r.Renew
	case *wire.RenewPaced:
		return &r.Shares.Renew
	}
	return nil
}

// renewed is the leader's side of Renew.
func (n *Node) renewed(ctx context.Context, r *wire.Renew) (*wire.ResultReply, error) {
	if n.raft.State() != raft.Leader {
		return nil, n.notLeader()
	}
	id := partition.NodeID(r.From.ID)
	m, ok, err := n.bookMember(id)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, &wire.Failure{Reason: wire.NotReady, Text: fmt.Sprintf("node %s is not a member", r.From.Name)}
	case m.Instance != r.From.Instance:
		return nil, n.memberRefused(fsm.Result{Code: fsm.OtherInstance}, m)
	case !n.contacts.heard(id, r.From.Boot, r.Load, n.cfg.Leader.Lease):
		return nil, &wire.Failure{Reason: wire.InUse, Code: CodeNodeIDInUse, Text: fmt.Sprintf("another process renews as node %s", r.From.Name),
			Hint: "never run two nodes on copies of one data directory"}
	}
	out := &wire.ResultReply{Term: n.raft.CurrentTerm()}
	if len(r.Data) == 0 {
		// A leader that is cut off must not renew anybody: only a quorum can say that it still leads.
		if err := n.ask(n.raft.VerifyLeader); err != nil {
			return nil, n.notLeader()
		}
		return out, nil
	}
	out.Result, err = n.applyHere(ctx, r.Data)
	return out, err
}
