package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"syscall"
	"time"

	"backstitch/cluster/conductor"
	"backstitch/cluster/leader"
	"backstitch/cluster/notify"
	"backstitch/cluster/quota"
	"backstitch/cluster/sla"
	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/partition/calendar"

	"github.com/hashicorp/raft"
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
	quota *quota.Divider

	mu        sync.Mutex
	calendars calendar.Memo[partition.JobID] // guarded by mu; of jobs with peak hours, for one term
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
		if err := n.ask(func() raft.Future { return n.raft.Barrier(barrier) }); err == nil {
			break
		} else if err := n.nap(ctx, firstNap); err != nil {
			return nil
		}
	}
	now := n.deps.Clock()
	n.contacts.reset()
	pilot := n.newAutopilot()
	n.mu.Lock()
	n.leading = &leading{since: now, pilot: pilot, quota: quota.New(n.cfg.Leader.Lease, now)}
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
	conf.Versions = versions()
	if n.proofKey != nil {
		conf.ProofKey = [32]byte(n.proofKey.Public())
	}
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
	if err := n.tellEndpoints(ctx, &tasks); err != nil {
		return err
	}
	if err := n.conduct(ctx, &tasks); err != nil {
		return err
	}
	if err := n.tellDeadlines(ctx, &tasks); err != nil {
		return err
	}
	pilot.Start(ctx)
	defer func() { <-pilot.Stop() }()
	return loop.Run(ctx)
}

// tellEndpoints starts telling the endpoints of datasets what happens, until ctx ends.
func (n *Node) tellEndpoints(ctx context.Context, tasks *sync.WaitGroup) error {
	conf := notify.DefaultConfig()
	conf.Self, conf.Cluster, conf.Program, conf.Book, conf.Proposer = n.id, n.ClusterID(), n.cfg.Version, n, n
	conf.Client, conf.SecretDir, conf.Env = n.strangers(), n.cfg.Notify.SecretDir, n.env()
	conf.Runbooks = n.cfg.Notify.Runbooks
	conf.Clock, conf.Logger = n.deps.Clock, n.log
	loop, err := notify.New(conf)
	if err != nil {
		return err
	}
	tasks.Go(func() {
		defer conf.Client.CloseIdleConnections()
		if err := loop.Run(ctx); err != nil && ctx.Err() == nil {
			n.log.Error("endpoints of datasets are not told any more", "err", err) // the leader's loop reads the same book and ends the node
		}
	})
	return nil
}

// conduct starts doing what is due for flows, until ctx ends.
func (n *Node) conduct(ctx context.Context, tasks *sync.WaitGroup) error {
	conf := conductor.DefaultConfig()
	conf.Self, conf.Program, conf.Book, conf.Proposer, conf.Planner = n.id, n.cfg.Version, n, n, n.deps.Planner
	conf.Consumers, conf.Rollbacker, conf.Programs = n.deps.Consumers, n.deps.Rollbacker, n
	conf.Client, conf.SecretDir, conf.Env = n.strangers(), n.cfg.Notify.SecretDir, n.env()
	conf.Clock, conf.Logger = n.deps.Clock, n.log
	loop, err := conductor.New(conf)
	if err != nil {
		return err
	}
	tasks.Go(func() {
		defer conf.Client.CloseIdleConnections()
		if err := loop.Run(ctx); err != nil && ctx.Err() == nil {
			n.log.Error("flows are not conducted any more", "err", err) // as above
		}
	})
	return nil
}

// tellDeadlines starts telling of jobs that are late, or will be, until ctx ends.
func (n *Node) tellDeadlines(ctx context.Context, tasks *sync.WaitGroup) error {
	conf := sla.DefaultConfig()
	conf.Self, conf.Book, conf.Proposer, conf.Rates = n.id, n, n, n.Rates
	conf.Clock, conf.Logger = n.deps.Clock, n.log
	loop, err := sla.New(conf)
	if err != nil {
		return err
	}
	tasks.Go(func() {
		if err := loop.Run(ctx); err != nil && ctx.Err() == nil {
			n.log.Error("nobody is told of deadlines any more", "err", err) // as above
		}
	})
	return nil
}

// strangers is the client for those that datasets and flows name.
func (n *Node) strangers() *http.Client {
	c := notify.NewClient(n.cfg.Notify.Allow)
	if n.deps.Receivers != nil {
		c.Transport = n.deps.Receivers
	}
	return c
}

// env is where secrets may come from.
func (n *Node) env() func(string) (string, bool) {
	if n.deps.Env != nil {
		return n.deps.Env
	}
	return func(string) (string, bool) { return "", false }
}

// probeLost dials the ports of nodes that have no connection to this leader. A process that died leaves a port that refuses; one that is
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
		var round sync.WaitGroup // side by side: one that does not answer must not keep the others waiting
		for _, id := range n.contacts.lost(n.others()) {
			round.Go(func() { n.probe(ctx, id) })
		}
		round.Wait()
	}
}

func (n *Node) probe(ctx context.Context, id partition.NodeID) {
	addr, _, err := n.resolve(string(id))
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	conn, err := n.net.Dial(ctx, addr)
	if err == nil {
		conn.Close()
	}
	n.contacts.probed(id, errors.Is(err, syscall.ECONNREFUSED))
}

// others are the members besides this node that have not left.
func (n *Node) others() []partition.NodeID {
	members, err := n.bookMembers()
	if err != nil {
		return nil // the loop reads the same book and reports it
	}
	var out []partition.NodeID
	for _, m := range members {
		if string(m.ID) != n.id && m.State != fsm.MemberLeft {
			out = append(out, m.ID)
		}
	}
	return out
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
	out := n.contacts.rumours(alive)
	for id, d := range n.vitals.Disks(partition.NodeID(n.id)) {
		if r, ok := out[id]; ok {
			r.Disk = d.Level
			out[id] = r
		}
	}
	return out
}

// versions lists what each cluster version that this program knows wants of the members.
func versions() (out []leader.VersionStep) {
	for v := fsm.FirstVersion; v <= fsm.LatestVersion; v++ {
		out = append(out, leader.VersionStep{Version: v, MaxOp: fsm.VersionNeeds(v)})
	}
	return out
}
