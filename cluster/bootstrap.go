package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"backstitch/cluster/member"
	"backstitch/cluster/wire"
	"backstitch/fsm"
	"backstitch/storage/failpoint"
)

// This file answers one question before Raft starts: does a cluster exist that this node belongs to, and if not, may it help to
// make one?
//
// The trap is two nodes that each see enough others and make two clusters. So only the node with the lowest id among those that
// it wants to make the cluster of may do so, and it must first have the promise of every other one, which each writes down
// durably and gives once. Two sets that share a node can not both be complete; two sets that share none have never met.
//
// The other trap is a vote that was forgotten. A node without Raft state starts Raft only with the data that gave the promise, or
// after the leader of its cluster has taken away the vote that it may have had.

const (
	meetEvery    = 100 * time.Millisecond
	helloTimeout = time.Second
)

// meet returns once Raft may start: with servers when this node makes the cluster, with none when it belongs to one.
func (n *Node) meet(ctx context.Context) ([]wire.Server, error) {
	servers, err := n.findOrMake(ctx)
	if err != nil {
		return nil, err
	}
	return servers, n.noDouble(ctx)
}

func (n *Node) findOrMake(ctx context.Context) ([]wire.Server, error) {
	select {
	case <-n.gossip.Up():
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	exists, err := n.stores.hasState()
	if err != nil {
		return nil, fmt.Errorf("look for raft state: %w", err)
	}
	if exists {
		n.phase(PhaseJoining, "Raft state is here")
		return nil, nil
	}
	if m := n.currentMark(); m.Cluster == "" || (m.admits(n.identity.Generation) && n.plans(m)) {
		servers, err := n.findOrMakeFirst(ctx)
		if err != nil || len(servers) > 0 {
			return servers, err
		}
	}
	if m := n.currentMark(); m.admits(n.identity.Generation) {
		// It gave its promise, or was let in, and Raft wrote nothing since: there is no vote that it could have forgotten.
		n.phase(PhaseJoining, "bound to cluster "+m.Cluster)
		return nil, nil
	}
	return nil, n.beLetIn(ctx)
}

// findOrMakeFirst is for a node that is bound to nobody else's cluster. It returns servers when this node makes one.
func (n *Node) findOrMakeFirst(ctx context.Context) ([]wire.Server, error) {
	if n.cfg.BootstrapExpect == 0 {
		n.phase(PhaseMeeting, "looking for a cluster to join")
		return nil, n.find(ctx)
	}
	n.phase(PhaseMeeting, fmt.Sprintf("waiting for %d voters that want to make a cluster", n.cfg.BootstrapExpect))
	return n.makeCluster(ctx)
}

// plans reports whether m is this node's own plan for a cluster, which it has not carried out.
func (n *Node) plans(m mark) bool { return len(m.Servers) > 0 && m.Servers[0].ID == n.id }

func (n *Node) currentMark() mark {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mark
}

// noDouble refuses to start Raft beside another process with this node's id. The two would vote twice, and one could even be
// elected by those who take it for the leader that they have. The other one is looked for wherever our
// book or anybody else last knew this node, if that is not where we are.
func (n *Node) noDouble(ctx context.Context) error {
	places := map[string]bool{}
	if m, ok, err := n.bookMember(n.ID()); err == nil && ok {
		places[m.RPCAddr] = true
	}
	for _, r := range n.helloAll(ctx) {
		places[r.KnownAt] = true
	}
	delete(places, "")
	delete(places, n.cfg.advertise())
	for addr := range places {
		r, err := n.hello(ctx, n.id, addr)
		switch {
		case err != nil || r.Who.ID != n.id || r.Who.Boot == n.boot:
		case r.Who.Instance != n.instance:
			return n.refusal(n.memberRefused(fsm.Result{Code: fsm.OtherInstance}, fsm.Member{ID: n.ID(), Name: r.Who.Name}))
		default:
			return n.refusal(n.double(n.cfg.Name, n.id, addr))
		}
	}
	return nil
}

// find waits for a node of an existing cluster and takes over its cluster's id.
func (n *Node) find(ctx context.Context) error {
	for {
		if ok, err := n.adopt(n.helloAll(ctx)); ok || err != nil {
			return err
		}
		if err := n.nap(ctx, meetEvery); err != nil {
			return err
		}
	}
}

// adopt looks for a cluster among the answers. Every joiner writes the id down before Raft starts.
func (n *Node) adopt(replies []*wire.HelloReply) (bool, error) {
	for _, r := range replies {
		if !r.State || r.Who.Cluster == "" {
			continue
		}
		var failure error
		err := n.changeMark(func(m *mark) {
			switch {
			case m.Cluster == r.Who.Cluster:
			case m.Cluster == "", n.plans(*m):
				// A plan of our own that nobody else can have carried out is void.
				m.Cluster, m.Servers, m.Generation = r.Who.Cluster, nil, 0
			default:
				failure = n.foreign(r.Who)
			}
		})
		if err := errors.Join(failure, err); err != nil {
			return false, err
		}
		n.phase(PhaseJoining, "found cluster "+r.Who.Cluster+" through "+r.Who.Name)
		return true, n.gossip.Update(func(m *member.Meta) { m.Cluster = n.ClusterID() })
	}
	return false, nil
}

func (n *Node) foreign(who wire.Who) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.foreignTo(n.mark, who)
}

// foreignTo explains why this node can not take part in the cluster of who. It needs no lock.
func (n *Node) foreignTo(m mark, who wire.Who) error {
	if len(m.Servers) > 0 {
		var names []string
		for _, s := range m.Servers {
			names = append(names, s.ID+" at "+s.RPCAddr)
		}
		return &Error{Code: CodePromised, Object: "node " + n.cfg.Name, Kind: ErrOtherCluster,
			Cause: fmt.Errorf("it promised to make cluster %s with %s, and %s is of cluster %s", m.Cluster, strings.Join(names, ", "), who.Name, who.Cluster),
			Hint:  "if those nodes are gone for good: stop this one, empty " + n.cfg.DataDir + " and start it again"}
	}
	return &Error{Code: CodeOtherCluster, Object: "node " + n.cfg.Name, Kind: ErrOtherCluster,
		Cause: fmt.Errorf("its data is of cluster %s, and %s is of cluster %s", m.Cluster, who.Name, who.Cluster),
		Hint:  "check --retry-join, or give the node an empty --data-dir"}
}

// makeCluster returns servers when this node has everybody's promise, and none when it turned out to belong elsewhere.
func (n *Node) makeCluster(ctx context.Context) ([]wire.Server, error) {
	said := ""
	for {
		replies := n.helloAll(ctx)
		if ok, err := n.adopt(replies); ok || err != nil {
			return nil, err
		}
		n.mu.Lock()
		m, promised := n.mark, n.promised
		n.mu.Unlock()
		if promised {
			n.phase(PhaseJoining, "promised to take part in cluster "+m.Cluster)
			return nil, nil
		}
		servers, err := n.plan(m, replies)
		if err != nil {
			return nil, err
		}
		if len(servers) > 0 && servers[0].ID == n.id {
			err := n.collectPromises(ctx, servers)
			if err == nil {
				return servers, n.gossip.Update(func(m *member.Meta) { m.Cluster = n.ClusterID() })
			}
			if ctx.Err() == nil && said != err.Error() {
				said = err.Error()
				n.log.Warn("the cluster can not be made yet", "err", err)
			}
		}
		if err := n.nap(ctx, meetEvery); err != nil {
			return nil, err
		}
	}
}

// plan chooses who makes the cluster: what was planned before a crash, or else the lowest ids among those that want to.
func (n *Node) plan(m mark, replies []*wire.HelloReply) ([]wire.Server, error) {
	if len(m.Servers) > 0 {
		return fromMark(m.Servers)
	}
	servers := []wire.Server{{ID: n.id, Instance: n.instance, RPCAddr: n.cfg.advertise()}}
	for _, r := range replies {
		peer, ok := n.gossip.Peer(r.Who.ID)
		if ok && r.Who.Cluster == "" && int(r.Expect) == n.cfg.BootstrapExpect && fsm.MemberRole(peer.Role) == fsm.RoleVoter {
			servers = append(servers, wire.Server{ID: r.Who.ID, Instance: r.Who.Instance, RPCAddr: peer.RPCAddr})
		}
	}
	sortServers(servers)
	if len(servers) < n.cfg.BootstrapExpect {
		return nil, nil
	}
	return servers[:n.cfg.BootstrapExpect], nil
}

// collectPromises asks every other server to bind itself. Our own promise comes first: a crash in between finds the same plan.
func (n *Node) collectPromises(ctx context.Context, servers []wire.Server) error {
	cluster := clusterID(servers)
	if err := n.promise(cluster, servers, n.id); err != nil {
		return err
	}
	failpoint.Reach(failpoint.BootstrapOwnPromise)
	who := n.who()
	for _, s := range servers[1:] {
		call, cancel := context.WithTimeout(ctx, helloTimeout)
		_, err := n.pool.Call(call, s.ID, s.RPCAddr, &wire.Promise{From: who, Servers: servers}, nil, true)
		cancel()
		if err != nil {
			return fmt.Errorf("promise of %s: %w", s.ID, err)
		}
		failpoint.Reach(failpoint.BootstrapOnePromise)
	}
	return nil
}

// promise binds this node to making cluster of servers, as by asks. It is given to one plan only, and never by a node that
// already was of a cluster.
func (n *Node) promise(cluster string, servers []wire.Server, by string) error {
	self := slices.IndexFunc(servers, func(s wire.Server) bool { return s.ID == n.id && s.Instance == n.instance })
	sorted := slices.Clone(servers)
	sortServers(sorted)
	switch {
	case self < 0 || len(servers) != n.cfg.BootstrapExpect || servers[0].ID != by || !slices.Equal(sorted, servers) || clusterID(servers) != cluster:
		return &wire.Failure{Reason: wire.Refused, Code: CodeConfig, Text: fmt.Sprintf("%s does not want to make a cluster of these %d nodes", n.cfg.Name, len(servers))}
	case n.promisedAlready(cluster):
		return nil // by a node that died before it could carry it out; our Raft may be running and waiting for it
	case closed(n.started):
		return &wire.Failure{Reason: wire.Refused, Code: CodePromised, Text: n.cfg.Name + " has started Raft already"}
	}
	state, err := n.stores.hasState()
	if err != nil {
		return err
	}
	if state {
		return &wire.Failure{Reason: wire.Refused, Code: CodePromised, Text: n.cfg.Name + " has Raft state already"}
	}
	var refused error
	err = n.changeMark(func(m *mark) {
		if m.Cluster != "" {
			refused = &wire.Failure{Reason: wire.Refused, Code: CodePromised, Text: n.cfg.Name + " is bound to cluster " + m.Cluster}
			return
		}
		m.Cluster, m.Servers, m.Generation = cluster, toMark(servers), n.identity.Generation
		n.promised = n.promised || by != n.id
	})
	failpoint.Reach(failpoint.BootstrapPromiseGiven)
	return errors.Join(refused, err)
}

func (n *Node) promisedAlready(cluster string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mark.Cluster == cluster && len(n.mark.Servers) > 0
}

// helloAll asks every node that gossip thinks alive who it is. Those that do not answer are left out.
func (n *Node) helloAll(ctx context.Context) []*wire.HelloReply {
	var mu sync.Mutex
	var out []*wire.HelloReply
	var asked sync.WaitGroup
	for id, addr := range n.knownAddresses() {
		asked.Add(1)
		go func() {
			defer asked.Done()
			r, err := n.hello(ctx, id, addr)
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			out = append(out, r)
		}()
	}
	asked.Wait()
	slices.SortFunc(out, func(a, b *wire.HelloReply) int { return strings.Compare(a.Who.ID, b.Who.ID) })
	return out
}

func (n *Node) hello(ctx context.Context, id, addr string) (*wire.HelloReply, error) {
	ctx, cancel := context.WithTimeout(ctx, helloTimeout)
	defer cancel()
	answer, err := n.pool.Call(ctx, id, addr, &wire.Hello{From: n.who()}, nil, true)
	if err != nil {
		return nil, err
	}
	r, ok := answer.(*wire.HelloReply)
	if !ok {
		return nil, fmt.Errorf("%w: %T in answer to a hello", wire.ErrFrame, answer)
	}
	return r, nil
}

// nap waits for d.
func (n *Node) nap(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
