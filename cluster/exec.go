package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"backstitch/cluster/conductor"
	"backstitch/cluster/program"
	"backstitch/cluster/wire"
	"backstitch/fsm"
)

// This file carries orders for programs to the node that they are for. Whoever leads asks that node, again and again: the first time it begins, and
// then it tells. What makes it once is the node's journal.

var _ conductor.Programs = (*Node)(nil)

// execHere is the node's side of Exec.
func (n *Node) execHere(r *wire.Exec) (*wire.ExecReply, error) {
	refuse := func(text, hint string) error {
		return &wire.Failure{Reason: wire.Refused, Code: CodeProgram, Text: text, Hint: hint}
	}
	if r.From.Cluster == "" || r.From.Cluster != n.ClusterID() {
		return nil, refuse("only nodes of the cluster may ask for programs", "")
	}
	if r.Instance != n.instance {
		return nil, refuse(fmt.Sprintf("node %s has other data than the one that was meant", n.cfg.Name), "backstitch flow show "+r.Flow)
	}
	allow := fmt.Sprintf("exec: {allow: {%s: {path: /ABSOLUTE/PATH}}}     in the configuration of %s", r.Program, n.cfg.Name)
	if n.deps.Programs == nil {
		return nil, refuse(fmt.Sprintf("node %s allows no programs: exec.allow.%s.path is not set there", n.cfg.Name, r.Program), allow)
	}
	entry, ok := n.deps.Programs.Allowed(r.Program)
	if r.Ask {
		if !ok {
			return nil, refuse(fmt.Sprintf("node %s does not allow a program %s: exec.allow.%s.path is not set there", n.cfg.Name, r.Program, r.Program), allow)
		}
		return &wire.ExecReply{Idempotent: entry.Idempotent}, nil
	}
	st, err := n.deps.Programs.Run(program.Order{Token: r.Token, Attempt: r.Attempt, Program: r.Program, Args: r.Args, Flow: r.Flow, Step: r.Step, Timeout: time.Duration(r.TimeoutNanos)})
	if errors.Is(err, program.ErrRefused) {
		return nil, refuse(err.Error(), allow)
	}
	if err != nil {
		return nil, &wire.Failure{Reason: wire.Unknown, Text: err.Error()}
	}
	return &wire.ExecReply{Phase: uint8(st.Phase), Exit: uint32(st.Exit), TimedOut: st.TimedOut, Stopped: st.Stopped, Idempotent: entry.Idempotent, Why: st.Why, Output: st.Output}, nil
}

// Exec begins an attempt on a node, or asks how it goes. An error that is conductor.ErrRefused is that of the node, and would come again; after any other
// one nobody knows whether it has begun.
func (n *Node) Exec(ctx context.Context, m fsm.Member, o program.Order) (program.State, error) {
	reply, err := n.exec(ctx, m, &wire.Exec{Token: o.Token, Attempt: o.Attempt, Program: o.Program, Args: o.Args, Flow: o.Flow, Step: o.Step, TimeoutNanos: uint64(o.Timeout)})
	if err != nil {
		return program.State{}, err
	}
	return program.State{Phase: program.Phase(reply.Phase), Exit: int32(reply.Exit), TimedOut: reply.TimedOut, Stopped: reply.Stopped, Why: reply.Why, Output: reply.Output}, nil
}

// MayExec asks a node, by its name, whether it allows a program. The error says which key of its configuration is missing, or that it gives no answer.
func (n *Node) MayExec(ctx context.Context, node, name string) error {
	members, err := n.bookMembers()
	if err != nil {
		return err
	}
	for _, m := range members {
		if m.Name == node && m.State != fsm.MemberLeft {
			_, err := n.exec(ctx, m, &wire.Exec{Ask: true, Program: name})
			return err
		}
	}
	return &Error{Code: CodeProgram, Object: "program " + name, Kind: ErrUnknownNode, Cause: fmt.Errorf("no member is called %s", node), Hint: "backstitch cluster nodes"}
}

// execTimeout bounds one question. Answers do not wait for programs.
const execTimeout = 10 * time.Second

func (n *Node) exec(ctx context.Context, m fsm.Member, req *wire.Exec) (*wire.ExecReply, error) {
	ctx, cancel := context.WithTimeout(ctx, execTimeout)
	defer cancel()
	req.From, req.Instance = n.who(), m.Instance
	var answer wire.Message
	var err error
	if string(m.ID) == n.id {
		answer, err = asMessage(n.execHere(req))
	} else {
		var addr string
		if addr, _, err = n.resolve(string(m.ID)); err == nil {
			answer, err = n.pool.Call(ctx, string(m.ID), addr, req, nil, true)
		}
	}
	var f *wire.Failure
	switch reply, ok := answer.(*wire.ExecReply); {
	case errors.As(err, &f) && f.Reason == wire.Refused:
		return nil, &Error{Code: CodeProgram, Object: "program " + req.Program, Kind: conductor.ErrRefused, Cause: errors.New(f.Text), Hint: f.Hint}
	case err != nil:
		return nil, fmt.Errorf("node %s gives no answer: %w", m.Name, err)
	case !ok:
		return nil, fmt.Errorf("node %s gives another answer", m.Name)
	default:
		return reply, nil
	}
}
