package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"backstitch/cluster/leader"
	"backstitch/partition"

	autopilot "github.com/hashicorp/raft-autopilot"
)

// This file starts and ends what only a leader does. A leader that was just elected may lack the last entries of its
// predecessor, so nothing is decided before a barrier has gone through.

const (
	barrier    = 5 * time.Second
	probeEvery = 100 * time.Millisecond
	probeTime  = 200 * time.Millisecond
)

// leading is one time of being the leader.
type leading struct {
	since time.Time
	pilot *autopilot.Autopilot
}

func (n *Node) currentLead() *leading {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.leading
}

// watchLeadership runs lead while this node leads, one at a time.
func (n *Node) watchLeadership(ctx context.Context, notify <-chan bool) {
	end := func() {}
	defer func() { end() }()
	for {
		select {
		case <-ctx.Done():
			return
		case leads := <-notify:
			end()
			if end = func() {}; leads {
				end = n.startLeading(ctx)
			}
		}
	}
}

// startLeading runs lead and returns what ends it and waits for that.
func (n *Node) startLeading(ctx context.Context) (end func()) {
	ctx, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := n.lead(ctx); err != nil && ctx.Err() == nil {
			n.log.Error("this node leads and can not do its work", "err", err)
			n.die(fmt.Errorf("lead: %w", err))
		}
	}()
	return func() {
		stop()
		<-done
	}
}

// lead does a leader's work until ctx ends, which is when leadership is lost.
func (n *Node) lead(ctx context.Context) error {
	for {
		if err := n.raft.Barrier(barrier).Error(); err == nil {
			break
		} else if err := n.nap(ctx, firstNap); err != nil {
			return nil
		}
	}
	now := n.deps.Clock()
	n.contacts.reset()
	pilot := n.newAutopilot()
	n.mu.Lock()
	n.leading = &leading{since: now, pilot: pilot}
	n.mu.Unlock()
	n.metrics.led()
	n.log.Info("this node leads", "term", n.raft.CurrentTerm(), "index", n.raft.LastIndex())
	defer func() {
		n.mu.Lock()
		n.leading = nil
		n.mu.Unlock()
		n.log.Info("this node leads no more", "term", n.raft.CurrentTerm())
	}()

	conf := leader.DefaultConfig()
	conf.Self, conf.Book, conf.Proposer, conf.Rumours = partition.NodeID(n.id), &book{n.stores.machine}, n, n
	conf.Limits, conf.Clock, conf.Logger = n.cfg.Leader, n.deps.Clock, n.log
	loop, err := leader.New(conf)
	if err != nil {
		return err
	}
	var tasks sync.WaitGroup
	defer tasks.Wait()
	tasks.Add(1)
	go func() {
		defer tasks.Done()
		n.probeLost(ctx)
	}()
	pilot.Start(ctx)
	defer func() { <-pilot.Stop() }()
	return loop.Run(ctx)
}

// probeLost dials the ports of nodes whose connections are gone. A process that died leaves a port that refuses; one that is
// only stopped, or cut off, does not.
func (n *Node) probeLost(ctx context.Context) {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, id := range n.contacts.lost() {
			addr, _, err := n.resolve(string(id))
			if err != nil {
				continue
			}
			dial, cancel := context.WithTimeout(ctx, probeTime)
			conn, err := n.net.Dial(dial, addr)
			cancel()
			if err == nil {
				conn.Close()
			}
			n.contacts.probed(id, errors.Is(err, syscall.ECONNREFUSED))
		}
	}
}

// Rumours tells the leader's loop what has been heard of each member.
func (n *Node) Rumours() map[partition.NodeID]leader.Rumour {
	members, err := n.bookMembers()
	if err != nil {
		return nil // the loop reads the same book and reports it
	}
	alive := make(map[partition.NodeID]bool, len(members))
	for _, m := range members {
		p, ok := n.gossip.Peer(string(m.ID))
		alive[m.ID] = string(m.ID) == n.id || (ok && p.Alive)
	}
	return n.contacts.rumours(alive)
}
