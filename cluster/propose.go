package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"backstitch/cluster/wire"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/storage/failpoint"

	"github.com/hashicorp/raft"
	"go.opentelemetry.io/otel/trace"
)

// This file gets a command into the log from any node. What matters is to know, for every failure, whether the command may
// still happen: an attempt that surely did nothing is repeated freely, one that may have done something only if the book would
// recognise the second one.

const (
	// enqueue bounds how long the leader's own queue may be full.
	enqueue = time.Second
	// oneTry is longer than an election, and short enough for a renewal to reach the next leader within the lease time.
	oneTry = time.Second
	// Naps are between two attempts. An election takes the better part of a second, so a long last nap would be felt in every
	// failover; an attempt without a known leader costs nothing.
	firstNap = 10 * time.Millisecond
	lastNap  = 40 * time.Millisecond
)

// Propose applies cmd through Raft, from whichever node this is, and returns its result once it is applied here too. Errors:
// ErrNoLeader (it did not happen), ErrOutcomeUnknown (it may; repeat it with the same env.RequestID), ErrNotReady, and those of
// fsm.Encode. A command with a RequestID is repeated inside until ctx or ProposeTimeout ends.
func (n *Node) Propose(ctx context.Context, env fsm.Envelope, cmd fsm.Command) (result fsm.Result, err error) {
	ctx, end := n.traced(ctx, "propose "+fsm.OpName(cmd.Op()))
	defer func() { end(result, err) }()
	data, err := fsm.Encode(env, cmd)
	if err != nil {
		return fsm.Result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, n.cfg.ProposeTimeout)
	defer cancel()
	began := n.deps.Clock()
	reply, err := n.untilDone(ctx, env.RequestID != [16]byte{}, func(ctx context.Context, id, addr string) (wire.Message, error) {
		if id == n.id {
			return n.answer(ctx, &wire.Propose{From: n.who(), Data: data})
		}
		return n.pool.Call(ctx, id, addr, &wire.Propose{From: n.who(), Data: data}, nil, env.RequestID != [16]byte{})
	})
	if err != nil {
		return fsm.Result{}, fmt.Errorf("propose %s: %w", fsm.OpName(cmd.Op()), err)
	}
	n.metrics.committed(n.deps.Clock().Sub(began), reply.Result.Code)
	n.metrics.moved(cmd, reply.Result)
	return reply.Result, n.caughtUp(ctx, reply.Result.Index)
}

// caughtUp waits until index is applied here, so that whoever proposed can read it. The command has happened in any case.
func (n *Node) caughtUp(ctx context.Context, index uint64) error {
	for {
		if applied := n.stores.machine.Applied(); applied >= index {
			return nil
		} else if _, err := n.stores.machine.Wait(ctx, applied); err != nil {
			return fmt.Errorf("%w: applied at index %d, not yet seen here: %w", ErrOutcomeUnknown, index, err)
		}
	}
}

// untilDone calls try with whoever leads until it is done, refused, or ctx ends. repeatable says that a second attempt is
// harmless although the first may have happened.
func (n *Node) untilDone(ctx context.Context, repeatable bool, try func(ctx context.Context, id, addr string) (wire.Message, error)) (*wire.ResultReply, error) {
	if !closed(n.started) {
		return nil, n.notReady()
	}
	// Once an attempt may have happened, nothing that comes after it says that the command did not.
	unknown := false
	told := func(err error) error {
		if unknown {
			return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
		}
		return err
	}
	var last error = ErrNoLeader
	for nap := firstNap; ; nap = min(2*nap, lastNap) {
		if !n.readable() {
			return nil, told(n.notReady())
		}
		id := n.leaderID()
		if id != "" {
			addr, _, err := n.resolve(id)
			if id == n.id {
				addr, err = n.cfg.advertise(), nil
			}
			var answer wire.Message
			if err == nil {
				answer, err = n.attempt(ctx, repeatable, id, addr, try)
			}
			if reply, ok := answer.(*wire.ResultReply); ok && err == nil {
				return reply, nil
			}
			last = err
			switch n.certainty(err) {
			case refusedForGood:
				return nil, told(err)
			case maybe:
				unknown = true
				if !repeatable {
					return nil, told(err)
				}
			}
		}
		if err := n.napOrStop(ctx, nap); err != nil {
			if errors.Is(last, ErrNoLeader) {
				return nil, told(fmt.Errorf("%w within the time given", ErrNoLeader))
			}
			return nil, told(fmt.Errorf("%w: %w", ErrNoLeader, last))
		}
	}
}

// attempt bounds one try, if there may be another: a leader that was cut off keeps its connections open and answers nothing,
// while a new one has long been elected.
func (n *Node) attempt(ctx context.Context, repeatable bool, id, addr string, try func(ctx context.Context, id, addr string) (wire.Message, error)) (wire.Message, error) {
	if repeatable {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, oneTry)
		defer cancel()
	}
	return try(ctx, id, addr)
}

// certainty is what a failed attempt tells about the command.
type certainty int

const (
	surelyNot certainty = iota
	maybe
	refusedForGood
)

func (n *Node) certainty(err error) certainty {
	if errors.Is(err, ErrOutcomeUnknown) {
		return maybe // before all others: why nobody knows is in the same error, a leader that is gone for one
	}
	var f *wire.Failure
	if errors.As(err, &f) {
		switch f.Reason {
		case wire.NotLeader, wire.NotReady:
			return surelyNot
		case wire.Unknown:
			return maybe
		}
		return refusedForGood
	}
	switch {
	case errors.Is(err, ErrNoLeader), errors.Is(err, ErrNotReady), errors.Is(err, ErrUnknownNode):
		return surelyNot
	case errors.Is(err, fsm.ErrLatched):
		return refusedForGood
	case wire.Sent(err):
		return maybe
	}
	var call *wire.CallError
	if errors.As(err, &call) {
		return surelyNot
	}
	return maybe
}

func (n *Node) napOrStop(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-n.died:
		return ErrNotReady
	}
}

// applyHere puts data into the log if this node leads. Errors: ErrNoLeader (nothing was done), ErrOutcomeUnknown, or what
// latched the book. ctx bounds the wait only; Raft finishes by itself.
func (n *Node) applyHere(ctx context.Context, data []byte) (result fsm.Result, err error) {
	if trace.SpanContextFromContext(ctx).IsValid() {
		var end func(fsm.Result, error)
		ctx, end = n.traced(ctx, "raft apply")
		defer func() { end(result, err) }()
	}
	if n.raft.State() != raft.Leader {
		return fsm.Result{}, n.notLeader()
	}
	select {
	case n.slots <- struct{}{}:
	case <-ctx.Done():
		return fsm.Result{}, fmt.Errorf("%w: %w", ErrNoLeader, ctx.Err()) // never handed to Raft
	}
	failpoint.Reach(failpoint.ProposeBefore)
	if !n.handed.enter() {
		<-n.slots
		return fsm.Result{}, n.notLeader()
	}
	future := n.raft.Apply(data, enqueue)
	done := make(chan error, 1)
	n.applies.Add(1)
	go func() {
		defer n.applies.Done()
		err := future.Error()
		n.handed.leave()
		<-n.slots
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			return fsm.Result{}, n.applyError(err)
		}
	case <-ctx.Done():
		return fsm.Result{}, fmt.Errorf("%w: %w", ErrOutcomeUnknown, ctx.Err())
	}
	failpoint.Reach(failpoint.ProposeApplied)
	switch r := future.Response().(type) {
	case *fsm.Result:
		return *r, nil
	case fsm.Result:
		return r, nil
	case error:
		return fsm.Result{}, fmt.Errorf("%w: %w", ErrOutcomeUnknown, r)
	}
	return fsm.Result{}, fmt.Errorf("%w: the book answered with %T", ErrOutcomeUnknown, future.Response())
}

func (n *Node) applyError(err error) error {
	switch {
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrEnqueueTimeout), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return n.notLeader()
	}
	// Among them ErrLeadershipLost and ErrRaftShutdown: the entry may be with others already.
	return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
}

// envelope is that of this node's own commands. The request id makes them safe to repeat.
func (n *Node) envelope(reason string) fsm.Envelope {
	env := fsm.Envelope{Actor: "node:" + n.cfg.Name, Reason: reason, UnixNanos: n.deps.Clock().UnixNano()}
	_, _ = rand.Read(env.RequestID[:]) // never fails
	return env
}

// NewRequestID draws an id for Envelope.RequestID.
func NewRequestID() (id [16]byte) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}

// bookMember reads one member of the local book.
func (n *Node) bookMember(id partition.NodeID) (fsm.Member, bool, error) {
	v, err := n.View()
	if err != nil {
		return fsm.Member{}, false, err
	}
	defer v.Close()
	return v.Member(id)
}

// bookMembers reads all members, by id.
func (n *Node) bookMembers() ([]fsm.Member, error) {
	v, err := n.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	return v.Members()
}
