package cluster

import (
	"context"
	"fmt"
	"slices"

	"backstitch/cluster/member"
	"backstitch/cluster/wire"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/share"
)

// This file is what this node's worker needs of the cluster. It has the methods of the interface that the worker declares;
// cmd asserts the fit, since neither room knows the other.

// Assignment waits until this node's leases differ from those it returned as of index after, and returns them all. An index
// that it did not return last is answered at once. It also returns when ctx ends. A node that has been started has no leases before
// its book has caught up: those that it knows of may have moved while it was dead, and taking them up would fence whoever has
// them now.
func (n *Node) Assignment(ctx context.Context, after uint64) (fsm.Assignment, error) {
	if err := n.untilCurrent(ctx); err != nil {
		return fsm.Assignment{}, err
	}
	for {
		if err := n.gate(ctx); err != nil {
			return fsm.Assignment{}, err
		}
		a, err := n.leases()
		if err != nil {
			return fsm.Assignment{}, err
		}
		n.seenMu.Lock()
		// An empty book has no news either: answered at once, its index 0 would be asked for again and again.
		same := a.Index == 0 || after != 0 && n.seen.Index == after && sameLeases(n.seen.Work, a.Work)
		if !same {
			n.seen = a
		}
		n.seenMu.Unlock()
		if !same {
			n.tellLoad(len(a.Work))
			return a, nil
		}
		if _, err := n.stores.machine.Wait(ctx, a.Index); err != nil {
			return fsm.Assignment{}, fmt.Errorf("wait for leases: %w", err)
		}
	}
}

func (n *Node) untilCurrent(ctx context.Context) error {
	select {
	case <-n.current:
		return nil
	case <-n.died:
		return n.notReady()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (n *Node) leases() (fsm.Assignment, error) {
	v := n.stores.machine.View()
	defer v.Close()
	a, err := v.Assignment(partition.NodeID(n.id))
	if err != nil {
		return fsm.Assignment{}, fmt.Errorf("read leases: %w", err)
	}
	return a, nil
}

// sameLeases compares what is leased under which epoch, and what is to be given back; checkpoints move on without news for the worker.
func sameLeases(a, b []fsm.Work) bool {
	return slices.EqualFunc(a, b, func(x, y fsm.Work) bool { return x.Slice.ID == y.Slice.ID && x.Epoch == y.Epoch && x.Yield == y.Yield })
}

func (n *Node) tellLoad(load int) {
	if err := n.gossip.Update(func(m *member.Meta) { m.Load = uint16(min(load, 1<<16-1)) }); err != nil {
		n.log.Debug("tell others about the load", "err", err)
	}
}

// Checkpoint saves the progress of every running slice in one command and thereby renews this node's right to work; with no
// entries it only renews. An error means that the renewal may not have reached the leader: a worker that gets nothing else for
// the lease time stops. Refused slices must stop at once.
func (n *Node) Checkpoint(ctx context.Context, entries []fsm.SliceCheckpoint) ([]fsm.Refusal, error) {
	refused, _, err := n.renew(ctx, entries, nil)
	return refused, err
}

// CheckpointShares is Checkpoint that also asks for parts of budgets. Of the wants only those go out whose scope has a budget in this
// node's book, and none before every node of the cluster knows budgets.
func (n *Node) CheckpointShares(ctx context.Context, entries []fsm.SliceCheckpoint, wants []share.Want) ([]fsm.Refusal, share.Answer, error) {
	budgets, index, err := n.budgets()
	if err != nil {
		return nil, share.Answer{}, err
	}
	var bounded []share.Want
	for _, w := range wants {
		if slices.ContainsFunc(budgets, func(b fsm.Budget) bool { return string(b.Scope) == w.Scope }) {
			bounded = append(bounded, w)
		}
	}
	refused, out, err := n.renew(ctx, entries, bounded)
	if len(bounded) == 0 {
		out.Index = index
	}
	return refused, out, err
}

// budgets are what a share is needed of by this node's book, and as of which index.
func (n *Node) budgets() ([]fsm.Budget, uint64, error) {
	v := n.stores.machine.View()
	defer v.Close()
	b, err := v.Bounds()
	if err != nil {
		return nil, 0, fmt.Errorf("read budgets: %w", err)
	}
	return b, v.Applied(), nil
}

func (n *Node) renew(ctx context.Context, entries []fsm.SliceCheckpoint, wants []share.Want) ([]fsm.Refusal, share.Answer, error) {
	var data []byte
	if len(entries) > 0 {
		// No request id: the book refuses a cursor that falls, so a second copy is harmless and need not be remembered.
		env := fsm.Envelope{Actor: "node:" + n.cfg.Name, UnixNanos: n.deps.Clock().UnixNano()}
		var err error
		if data, err = fsm.Encode(env, fsm.SaveCheckpoints{Owner: n.ID(), Entries: entries}); err != nil {
			return nil, share.Answer{}, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, n.cfg.Leader.Lease)
	defer cancel()
	if err := n.gate(ctx); err != nil {
		return nil, share.Answer{}, fmt.Errorf("renew: %w", err)
	}
	paces, err := n.showing()
	if err != nil {
		return nil, share.Answer{}, fmt.Errorf("renew: %w", err)
	}
	var out share.Answer
	renewal := wire.Renew{From: n.who(), Load: uint16(min(len(entries), 1<<16-1)), Data: data}
	reply, err := n.untilDone(ctx, true, func(ctx context.Context, id, addr string) (wire.Message, error) {
		var req wire.Message = &renewal
		if shares := (wire.RenewShares{Renew: renewal, Seq: n.asked.Add(1), Wants: wants}); len(paces) > 0 {
			req = &wire.RenewPaced{Shares: shares, Paces: paces}
		} else if len(wants) > 0 {
			req = &shares
		}
		var answer wire.Message
		var err error
		if id == n.id {
			answer, err = n.answer(ctx, req)
		} else if answer, err = n.pool.Call(ctx, id, addr, req, nil, true); err == nil {
			n.contacts.answers(partition.NodeID(id))
		}
		if shares, ok := answer.(*wire.RenewSharesReply); ok && err == nil {
			out.Grants, out.Index = shares.Grants, shares.Index
			return &shares.Result, nil
		}
		return answer, err
	})
	if err != nil {
		return nil, share.Answer{}, fmt.Errorf("renew: %w", err)
	}
	if code := reply.Result.Code; code != fsm.OK {
		return nil, share.Answer{}, fmt.Errorf("save checkpoints: %w: code %d %s", ErrRefused, code, reply.Result.Object)
	}
	return reply.Result.Refused, out, nil
}

// Finish ends a lease with success. A result with code StaleEpoch means that the slice is no longer ours.
func (n *Node) Finish(ctx context.Context, cmd fsm.FinishSlice) (fsm.Result, error) {
	if err := n.gate(ctx); err != nil {
		return fsm.Result{}, err
	}
	return n.Propose(ctx, n.envelope(""), cmd)
}

// FinishSliceWithin ends the lease of a fill slice under the limit of its job. A cluster of an older version refuses it with NeedsVersion, and is
// not asked.
func (n *Node) FinishSliceWithin(ctx context.Context, cmd fsm.FinishSliceWithin) (fsm.Result, error) {
	if err := n.gate(ctx); err != nil {
		return fsm.Result{}, err
	}
	if ok, err := n.allows(cmd); err != nil || !ok {
		return fsm.Result{Code: fsm.NeedsVersion}, err
	}
	return n.Propose(ctx, n.envelope(""), cmd)
}

// FinishScanSlice ends the lease of a slice of a scan with what it found.
func (n *Node) FinishScanSlice(ctx context.Context, cmd fsm.FinishScanSlice) (fsm.Result, error) {
	if err := n.gate(ctx); err != nil {
		return fsm.Result{}, err
	}
	return n.Propose(ctx, n.envelope(""), cmd)
}

// LossyPartitions returns the partitions in which a scan found records missing, in order. None are left of a scan that is forgotten.
func (n *Node) LossyPartitions(ctx context.Context, scan partition.JobID) ([]int32, error) {
	if err := n.gate(ctx); err != nil {
		return nil, err
	}
	v := n.stores.machine.View()
	defer v.Close()
	var out []int32
	for p, err := range v.ScanParts(scan) {
		if err != nil {
			return nil, fmt.Errorf("read scan %s: %w", scan, err)
		}
		if p.Counts.Missing > 0 {
			out = append(out, p.Partition)
		}
	}
	slices.Sort(out)
	return out, nil
}

// KeepPlan ends the lease of a slice that makes a plan.
func (n *Node) KeepPlan(ctx context.Context, cmd fsm.KeepPlan) (fsm.Result, error) {
	if err := n.gate(ctx); err != nil {
		return fsm.Result{}, err
	}
	return n.Propose(ctx, n.envelope(""), cmd)
}

// SaveLedger keeps the numbers per window of a comparison. A cluster of an older version refuses it with NeedsVersion, and is not asked.
func (n *Node) SaveLedger(ctx context.Context, cmd fsm.SaveLedger) (fsm.Result, error) {
	if err := n.gate(ctx); err != nil {
		return fsm.Result{}, err
	}
	if ok, err := n.allows(cmd); err != nil || !ok {
		return fsm.Result{Code: fsm.NeedsVersion}, err
	}
	return n.Propose(ctx, n.envelope(""), cmd)
}

// SaveSchemas keeps which schemas the records of a partition name. A cluster of an older version refuses it with NeedsVersion, and is not asked.
func (n *Node) SaveSchemas(ctx context.Context, cmd fsm.SaveSchemas) (fsm.Result, error) {
	if err := n.gate(ctx); err != nil {
		return fsm.Result{}, err
	}
	if ok, err := n.allows(cmd); err != nil || !ok {
		return fsm.Result{Code: fsm.NeedsVersion}, err
	}
	return n.Propose(ctx, n.envelope(""), cmd)
}

// Duties are the topics of datasets that are counted by the hour; none where this node is not active.
func (n *Node) Duties(ctx context.Context) ([]fsm.Duty, error) {
	if err := n.gate(ctx); err != nil {
		return nil, err
	}
	v := n.stores.machine.View()
	defer v.Close()
	me, ok, err := v.Member(partition.NodeID(n.id))
	if err != nil || !ok || me.State != fsm.MemberActive {
		return nil, err
	}
	return v.Duties()
}

// Learned is what was learned of the hours of one topic, nil for nothing.
func (n *Node) Learned(ctx context.Context, dataset fsm.DatasetName, target uint32) ([]byte, error) {
	if err := n.gate(ctx); err != nil {
		return nil, err
	}
	v := n.stores.machine.View()
	defer v.Close()
	return v.Learned(dataset, target)
}

// ClaimBaseline says that this node counts. A cluster of an older version refuses it with NeedsVersion, and is not asked.
func (n *Node) ClaimBaseline(ctx context.Context, cmd fsm.ClaimBaseline) (fsm.Result, error) {
	if err := n.gate(ctx); err != nil {
		return fsm.Result{}, err
	}
	if ok, err := n.allows(cmd); err != nil || !ok {
		return fsm.Result{Code: fsm.NeedsVersion}, err
	}
	return n.Propose(ctx, n.envelope("an hour is over"), cmd)
}

// SaveBaseline keeps what was learned of hours. A cluster of an older version refuses it with NeedsVersion, and is not asked.
func (n *Node) SaveBaseline(ctx context.Context, cmd fsm.SaveBaseline) (fsm.Result, error) {
	if err := n.gate(ctx); err != nil {
		return fsm.Result{}, err
	}
	if ok, err := n.allows(cmd); err != nil || !ok {
		return fsm.Result{Code: fsm.NeedsVersion}, err
	}
	return n.Propose(ctx, n.envelope("hours were counted"), cmd)
}

// allows reports whether the cluster's version lets a command be proposed: an older program would stop at it.
func (n *Node) allows(cmd fsm.Command) (bool, error) {
	v := n.stores.machine.View()
	defer v.Close()
	version, err := v.Version()
	since, known := fsm.Since(cmd.Op())
	return known && since <= version, err
}

// Fail ends a lease without success.
func (n *Node) Fail(ctx context.Context, cmd fsm.FailSlice) (fsm.Result, error) {
	if err := n.gate(ctx); err != nil {
		return fsm.Result{}, err
	}
	return n.Propose(ctx, n.envelope(""), cmd)
}

// Yield gives back leases that the leader asked for. Those that are not ours any more are left alone.
func (n *Node) Yield(ctx context.Context, leases []fsm.Lease) error {
	if err := n.gate(ctx); err != nil {
		return err
	}
	_, err := n.Propose(ctx, n.envelope("given back, as was asked for"), fsm.RevokeLeases{Leases: leases})
	return err
}
