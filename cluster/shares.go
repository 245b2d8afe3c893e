package cluster

import (
	"context"
	"fmt"
	"time"

	"backstitch/cluster/quota"
	"backstitch/cluster/wire"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/calendar"
	"backstitch/partition/share"
)

// This file is where parts of budgets are handed out and asked about. A part is handed out only with a renewal that was confirmed by a
// quorum: a leader that was cut off gives nobody anything.

// renewedShares is the leader's side of RenewShares, and of RenewPaced.
func (n *Node) renewedShares(ctx context.Context, r *wire.RenewShares, paces []share.Pace) (*wire.RenewSharesReply, error) {
	renewed, err := n.renewed(ctx, &r.Renew)
	if err != nil {
		return nil, err
	}
	lead := n.currentLead()
	if lead == nil {
		return nil, n.notLeader() // its divider does not know yet what it may not give away
	}
	budgets, index, err := n.budgets()
	if err != nil {
		return nil, err
	}
	if err := n.inPeakHours(lead, budgets); err != nil {
		return nil, err
	}
	asked := quota.Request{Node: partition.NodeID(r.Renew.From.ID), Boot: r.Renew.From.Boot, Seq: r.Seq, Wants: r.Wants, Paces: paces}
	grants, ok := lead.quota.Renew(n.deps.Clock(), asked, budgets, n.contacts.left)
	if !ok {
		return &wire.RenewSharesReply{Result: *renewed}, nil // index 0 says nothing of budgets
	}
	return &wire.RenewSharesReply{Result: *renewed, Index: index, Grants: grants}, nil
}

// inPeakHours lowers the budgets of jobs whose peak hours are on to what they allow. Jobs that have peak hours are among the budgets at any time.
func (n *Node) inPeakHours(lead *leading, budgets []fsm.Budget) error {
	v := n.stores.machine.View()
	defer v.Close()
	now := n.deps.Clock()
	for i := range budgets {
		b := &budgets[i]
		id, ok := b.Scope.Job()
		if !ok {
			continue
		}
		x, ok, err := v.Terms(id)
		if err != nil {
			return fmt.Errorf("read terms of job %s: %w", id, err)
		}
		if !ok || len(x.Calendar.Peaks) == 0 {
			continue
		}
		if s, err := lead.days(id, x.Calendar, now); err == nil { // one that can not be read keeps the job from running
			b.Rate = b.Rate.Within(s.Rate)
		}
	}
	return nil
}

// days is what a job's calendar says of now.
func (l *leading) days(id partition.JobID, c partition.Calendar, now time.Time) (calendar.State, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calendars.At(id, c, now)
}

// sharesHere is what this node, if it leads, knows of who has what.
func (n *Node) sharesHere() (*wire.SharesReply, error) {
	lead := n.currentLead()
	if lead == nil {
		return nil, n.notLeader()
	}
	out := new(wire.SharesReply)
	for _, h := range lead.quota.Holdings(n.deps.Clock()) {
		out.Holdings = append(out.Holdings, wire.Holding{Node: string(h.Node), Want: h.Want})
	}
	return out, nil
}

// leaderAt is who leads at the moment: this node, or one that is asked.
type leaderAt struct {
	here *leading // nil when it is another
	ask  func(ctx context.Context, question wire.Message) (wire.Message, error)
}

// leaderNow finds the leader, for questions whose answers nobody decides by.
func (n *Node) leaderNow(ctx context.Context) (leaderAt, error) {
	if err := n.gate(ctx); err != nil {
		return leaderAt{}, err
	}
	id := n.leaderID()
	if id == n.id {
		if lead := n.currentLead(); lead != nil {
			return leaderAt{here: lead}, nil
		}
		return leaderAt{}, ErrNoLeader
	}
	addr, _, err := n.resolve(id)
	if id == "" || err != nil {
		return leaderAt{}, ErrNoLeader
	}
	return leaderAt{ask: func(ctx context.Context, question wire.Message) (wire.Message, error) {
		return n.pool.Call(ctx, id, addr, question, nil, true)
	}}, nil
}

// Holdings asks the leader who has which part of which budget, by scope and node. It is a matter of moments, and in no book.
func (n *Node) Holdings(ctx context.Context) ([]quota.Holding, error) {
	leader, err := n.leaderNow(ctx)
	if err != nil {
		return nil, err
	}
	if leader.here != nil {
		return leader.here.quota.Holdings(n.deps.Clock()), nil
	}
	answer, err := leader.ask(ctx, &wire.SharesRequest{From: n.who()})
	if err != nil {
		return nil, fmt.Errorf("ask the leader for shares: %w", err)
	}
	reply, ok := answer.(*wire.SharesReply)
	if !ok {
		return nil, fmt.Errorf("ask the leader for shares: %w", ErrNoLeader)
	}
	var out []quota.Holding
	for _, h := range reply.Holdings {
		out = append(out, quota.Holding{Node: partition.NodeID(h.Node), Want: h.Want})
	}
	return out, nil
}
