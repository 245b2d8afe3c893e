package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"backstitch/cluster/discover"
	"backstitch/cluster/member"
	"backstitch/cluster/wire"
	"backstitch/fsm"
	"backstitch/storage"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/raft"
)

// This file is the life of a node. Starting: stores, then the port, then gossip, then the question which cluster this is, then
// Raft, then the loops. Stopping is the reverse, but leadership is handed over first, while everything still works.

const (
	idlePerNode  = 8   // connections kept to each other node
	maxProposals = 256 // proposals in flight
	housekeeping = 200 * time.Millisecond
	handover     = 2 * time.Second // for the transfer of leadership at the end
	lastAnswers  = 2 * time.Second // for what Raft has to answer before it is shut down
	lastReaders  = 2 * time.Second // for requests that read the book when the node ends
)

// Run takes part in the cluster until ctx ends, the node leaves, or it can not go on. It returns when every goroutine is gone:
// nil after ctx or Leave, and otherwise an error for which ExitStatus gives the status of the process.
func (n *Node) Run(ctx context.Context) (err error) {
	defer func() { n.stopped(err) }()
	if err := n.open(ctx); err != nil {
		return err
	}
	defer func() {
		n.applies.Wait()
		n.stopped(err) // before the stores go: whoever asks from here on gets ErrNotReady
		n.endReading()
		err = errors.Join(err, n.closeStores())
	}()
	listener, err := n.net.Listen(n.cfg.BindAddr)
	if err != nil {
		return &Error{Code: CodeListen, Object: "rpc address " + n.cfg.BindAddr, Kind: ErrConfig, Cause: err,
			Hint: "is another node running there? use another port: --listen-rpc HOST:PORT"}
	}
	if err := n.assemble(); err != nil {
		listener.Close()
		return err
	}
	close(n.opened)

	// Services outlive ctx: leadership can be handed over only while they run.
	services, stopServices := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	serve := func(what string, run func(context.Context) error) {
		running.Add(1)
		go func() {
			defer running.Done()
			if err := run(services); err != nil {
				n.die(fmt.Errorf("%s: %w", what, err))
			}
		}()
	}
	serve("rpc", func(ctx context.Context) error { return n.mux.run(ctx, listener) })
	serve("gossip", n.runGossip)
	defer running.Wait()
	defer n.pool.Close()
	defer stopServices()

	return n.takePart(ctx)
}

func (n *Node) stopped(why error) {
	last := lifecycle{Phase: PhaseStopped, SetAside: n.state.Load().SetAside, Reason: "Run has ended"}
	if why != nil {
		last.Reason = why.Error()
	}
	n.state.Store(&last)
}

// assemble makes what needs the node's id.
func (n *Node) assemble() error {
	if n.cfg.GossipKeyFile != "" {
		ring, err := member.OpenRing(n.fs, n.cfg.DataDir, n.cfg.GossipKeyFile, n.log)
		if err != nil {
			return &Error{Code: CodeGossip, Object: n.cfg.GossipKeyFile, Kind: ErrConfig, Cause: err, Hint: "backstitch cluster ca DIR"}
		}
		n.ring = ring
	}
	addrs, finders, err := n.retryJoin()
	if err != nil {
		return err
	}
	conf := member.Config{
		Meta: member.Meta{
			Cluster: n.mark.Cluster, ID: n.id, Name: n.cfg.Name, Instance: n.instance, RPCAddr: n.cfg.advertise(), APIAddr: n.cfg.APIAddr,
			Role: uint8(n.cfg.Role), Zone: n.cfg.Zone, Version: n.cfg.Version, MaxOp: fsm.MaxOp, Expect: uint8(n.cfg.BootstrapExpect),
		},
		BindAddr: n.cfg.GossipBindAddr, AdvertiseAddr: n.cfg.gossipAdvertise(), RetryJoin: addrs, Finders: finders,
		Ring: n.ring, Timings: n.cfg.Gossip, Clock: n.deps.Clock, Logger: n.log, Transport: n.deps.Gossip,
	}
	if n.hurts != nil {
		conf.Wrap = func(t memberlist.Transport) memberlist.Transport { return n.hurts.Gossip(t) }
	}
	gossip, err := member.New(conf)
	if err != nil {
		return &Error{Code: CodeGossip, Object: "gossip", Kind: ErrConfig, Cause: err, Hint: "shorten name, zone or addresses; or see --gossip-key-file"}
	}
	n.gossip = gossip
	n.mux = newMux(n.net, n.files, n.id, n.resolve, n.deps.Clock, n.log)
	n.mux.rpc = n.serveRPC
	n.pool = wire.NewPool(func(ctx context.Context, id, addr string) (net.Conn, error) {
		name := ""
		if id != "" {
			_, name, _ = n.resolve(id) // a node that nobody knows yet is accepted under any name
		}
		return n.mux.dial(ctx, addr, name, protocolRPC)
	}, idlePerNode)
	return nil
}

// retryJoin sorts the entries: addresses that were written down, and ways to find some.
func (n *Node) retryJoin() (addrs []string, finders []*discover.Finder, err error) {
	deps := n.deps.Discover
	deps.Clock = n.deps.Clock
	for _, text := range n.cfg.RetryJoin {
		e, err := discover.Parse(text) // Validate has tried it
		if err != nil {
			return nil, nil, fmt.Errorf("retry join: %w", err)
		}
		if e.Kind == discover.Address {
			addrs = append(addrs, e.Text)
		} else {
			finders = append(finders, discover.New(e, deps))
		}
	}
	return addrs, finders, nil
}

func (n *Node) runGossip(ctx context.Context) error {
	if err := n.gossip.Run(ctx); err != nil {
		return &Error{Code: CodeGossip, Object: "gossip address " + n.cfg.GossipBindAddr, Kind: ErrConfig, Cause: err,
			Hint: "is another node running there? use another port: --listen-gossip HOST:PORT"}
	}
	return nil
}

// takePart is the middle of Run: with stores open and services running.
func (n *Node) takePart(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var loops sync.WaitGroup
	defer func() {
		cancel()
		loops.Wait()
	}()
	loops.Add(1)
	go func() { // n.died ends the wait for others, too
		defer loops.Done()
		select {
		case <-n.died:
			cancel()
		case <-ctx.Done():
		}
	}()

	servers, err := n.meet(ctx)
	if err != nil {
		return n.verdict(ctx, err)
	}
	notify, err := n.startRaft(servers)
	if err != nil {
		return err
	}
	loop := func(what string, run func(context.Context) error) {
		loops.Add(1)
		go func() {
			defer loops.Done()
			if err := run(ctx); err != nil && ctx.Err() == nil {
				n.die(fmt.Errorf("%s: %w", what, err))
			}
		}()
	}
	// The leader's loop ends by losing leadership, so it must outlive ctx until that is handed over.
	leads, stopLeading := context.WithCancel(context.WithoutCancel(ctx))
	loops.Add(1)
	go func() {
		defer loops.Done()
		n.watchLeadership(leads, notify)
	}()
	loop("join", n.keepJoining)
	loop("watch", n.keepHouse)
	loop("gossip keys", n.keepKeys)
	loop("measure", n.measure)
	loop("vitals", n.keepVitals)

	<-ctx.Done()
	n.handOver()
	stopLeading()
	if !n.handed.drain(lastAnswers) {
		n.log.Warn("Raft did not answer all that it was given")
	}
	shutdown := n.raft.Shutdown()
	n.mux.raft.Close()
	if err := shutdown.Error(); err != nil {
		n.log.Warn("stop raft", "err", err)
	}
	return n.verdict(ctx, nil)
}

// verdict is what Run returns: why the node had to end, if it had to.
func (n *Node) verdict(ctx context.Context, err error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.failure != nil {
		return n.failure
	}
	if n.left || (err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err())) {
		return nil
	}
	return err
}

// startRaft makes Raft, and with servers a new cluster. Raft's transport refuses everything until here.
func (n *Node) startRaft(servers []wire.Server) (<-chan bool, error) {
	conf := n.cfg.raftConfig(n.id)
	conf.Logger = newHCLog(n.log, "raft")
	// Raft stops until somebody takes the notice, so the channel has room for every change that can come while one is handled.
	notify := make(chan bool, 64)
	conf.NotifyCh = notify
	behind, err := n.stores.behindSnapshot()
	if err != nil {
		return nil, err
	}
	conf.NoSnapshotRestoreOnStart = !behind
	network := raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream: n.mux.raft, MaxPool: 4, Timeout: n.cfg.Raft.Transport, Logger: conf.Logger, MsgpackUseNewTimeFormat: true,
	})
	if len(servers) > 0 {
		if err := n.found(conf, network, servers); err != nil {
			return nil, errors.Join(err, network.Close())
		}
	}
	cached, err := raft.NewLogCache(logCacheEntries, n.stores.log)
	if err != nil {
		return nil, errors.Join(err, network.Close())
	}
	n.raft, err = raft.NewRaft(conf, n.stores.machine, cached, n.stores.log, n.stores.snaps, transport{network})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start raft: %w", err), network.Close())
	}
	n.observeLeaders()
	n.mux.raft.accepting()
	close(n.started)
	return notify, nil
}

// logCacheEntries are kept in memory for replication, so that followers are not served from disk.
const logCacheEntries = 2048

// behindSnapshot reports whether the book ends before the newest snapshot. Book writes are synced with the next log write,
// snapshots at once, so a crash can leave it so; Raft would then begin after the snapshot and leave a hole. The book counts only
// commands, so entries of Raft's own between the two are no hole.
func (s *stores) behindSnapshot() (bool, error) {
	metas, err := s.snaps.List()
	if err != nil || len(metas) == 0 {
		return false, err
	}
	for i := s.machine.Applied() + 1; i <= metas[0].Index; i++ {
		var entry raft.Log
		switch err := s.log.GetLog(i, &entry); {
		case errors.Is(err, raft.ErrLogNotFound):
			return true, nil // not here to look at: it may have been a command
		case err != nil:
			return false, err
		case entry.Type == raft.LogCommand:
			return true, nil
		}
	}
	return false, nil
}

// handOver gives leadership away before the node goes, which spares the others an election.
func (n *Node) handOver() {
	if n.raft.State() != raft.Leader || n.voters() < 2 {
		return
	}
	began := n.deps.Clock()
	done := make(chan error, 1)
	n.applies.Add(1)
	go func() {
		defer n.applies.Done()
		done <- n.raft.LeadershipTransfer().Error()
	}()
	timer := time.NewTimer(handover)
	defer timer.Stop()
	select {
	case err := <-done:
		if err != nil {
			n.log.Warn("leadership could not be handed over", "err", err)
			return
		}
		n.log.Info("leadership handed over", "dur", n.deps.Clock().Sub(began))
	case <-timer.C:
		n.log.Warn("leadership could not be handed over in time")
	}
}

// keepHouse looks after what changes slowly.
func (n *Node) keepHouse(ctx context.Context) error {
	tick := time.NewTicker(housekeeping)
	defer tick.Stop()
	var peers map[string]string
	for turn := 0; ; turn++ {
		select {
		case <-ctx.Done():
			return nil
		case <-n.stores.machine.Latched():
			return n.latched(ctx)
		case <-tick.C:
		}
		n.followAddresses()
		if turn%5 == 0 {
			n.rejoin(ctx)
		}
		if turn%25 != 0 {
			continue
		}
		next, err := n.peerAddresses()
		if err != nil {
			continue // the book has latched; the next turn says so
		}
		if maps.Equal(peers, next) || len(next) == 0 {
			continue
		}
		switch err := n.changeMark(func(m *mark) { m.Peers = next }); {
		case err == nil:
			peers = next
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
			// Nothing was begun, and what was to be noted is a help for bad days: a process that lacks a file for a moment need
			// not end for it.
			n.log.Warn("addresses of the others are not noted; trying again", "err", err)
		default:
			return err
		}
	}
}

// latched is the error of a replica that can not go on. One that differs from the leader's is rebuilt at the next start, but
// only if the leader takes its vote away first: that needs a majority of the others, so however wrong a comparison was, the
// cluster never throws away its last good copies.
func (n *Node) latched(ctx context.Context) error {
	err := n.stores.machine.Err()
	hint := "look at the log of this node; a restart sets damaged data aside and rebuilds it from the others"
	switch {
	case errors.Is(err, fsm.ErrUnknownOp):
		hint = "upgrade this node: a newer one proposed what it does not know"
	case errors.Is(err, fsm.ErrDiverged):
		why := err.Error()
		if _, refused := n.askLeader(ctx, &wire.Readmit{From: n.who()}); refused != nil {
			hint = "the others could not agree to rebuild this node (" + refused.Error() + "); it keeps its data"
		} else if failed := n.changeMark(func(m *mark) { m.Rebuild = why }); failed != nil {
			return errors.Join(err, failed)
		} else {
			hint = "start the node again: it sets its data aside and comes back as a learner"
		}
	}
	return &Error{Code: CodeLatched, Object: "book of record of " + n.cfg.Name, Kind: fsm.ErrLatched, Cause: err, Hint: hint}
}

// rejoin joins again when the group counts this node in and the book does not, which is so after the book was replaced by a
// snapshot from other days.
func (n *Node) rejoin(ctx context.Context) {
	if n.state.Load().Phase != PhaseServing || n.leaderID() == "" {
		return
	}
	if m, ok, err := n.bookMember(n.ID()); err != nil || (ok && m.RPCAddr == n.cfg.advertise() && m.Instance == n.instance) {
		return
	}
	future := n.raft.GetConfiguration()
	if future.Error() != nil || !slices.ContainsFunc(future.Configuration().Servers, func(s raft.Server) bool { return string(s.ID) == n.id }) {
		return
	}
	if _, err := n.join(ctx); err != nil && ctx.Err() == nil {
		n.log.Warn("the book does not know this node, and joining again failed", "err", err)
	}
}

// endReading waits for whoever reads the book now.
func (n *Node) endReading() {
	if n.stores.machine == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastReaders)
	defer cancel()
	if err := n.stores.machine.EndReading(ctx); err != nil {
		n.log.Warn("somebody still reads the book", "err", err)
	}
}

func (n *Node) closeStores() error {
	if err := n.stores.Close(); err != nil && !errors.Is(err, storage.ErrDisk) && !errors.Is(err, storage.ErrFull) {
		return fmt.Errorf("close data directory: %w", err)
	}
	return nil
}

// changeMark changes the file beside the data, durably.
func (n *Node) changeMark(change func(*mark)) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	next := n.mark
	change(&next)
	if err := writeMark(n.fs, n.cfg.DataDir, next); err != nil {
		return err
	}
	n.mark = next
	return nil
}
