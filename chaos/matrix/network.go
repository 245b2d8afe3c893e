//go:build linux

package matrix

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"backstitch/chaos/fault"
	"backstitch/chaos/netns"
	"backstitch/chaos/rule"
	"backstitch/chaos/testbed"
)

// Parties of the network besides the nodes, which have their own names.
const (
	brokerParty = "broker"
	storeParty  = "store"
)

// Network does what happens to packets. The operator's own packets are left alone: that an operator can not see a node tells
// nothing about the node.
type Network struct {
	Relays bool // the network is one of relays, which can do less than namespaces
}

// ofPackets are the kinds that relays can not do.
var ofPackets = []fault.Kind{fault.Reorder, fault.Duplicate, fault.Corrupt, fault.MTUHole}

// Kinds implements Injector.
func (Network) Kinds() []fault.Kind {
	return []fault.Kind{
		fault.Partition, fault.Bridge, fault.OneWay, fault.Flap, fault.Loss, fault.Delay, fault.Reorder, fault.Duplicate,
		fault.Corrupt, fault.Bandwidth, fault.Reset, fault.GossipCut, fault.RaftCut, fault.ServerCut, fault.MTUHole,
	}
}

// Missing implements Injector.
func (n Network) Missing(k fault.Kind) error {
	if !n.Relays {
		return netns.Available()
	}
	if slices.Contains(ofPackets, k) {
		return errors.New("relays see no packets: it takes network namespaces, and so root or a user namespace")
	}
	return nil
}

// Prepare implements Injector: every node is in a host already.
func (Network) Prepare(*Run, string, *testbed.Seat) error { return nil }

// Inject implements Injector.
func (Network) Inject(ctx context.Context, r *Run, f fault.Fault, nodes []*testbed.Node) (Injected, error) {
	m, e, err := ruleOf(f, Names(nodes), Names(r.Fleet.Nodes))
	if err != nil {
		return Injected{}, err
	}
	applied, err := r.Lab.Apply(m, e)
	if err != nil {
		return Injected{}, err
	}
	stop := func() {}
	if f.Kind == fault.Flap {
		stop = flap(ctx, applied, f.Every/2)
	}
	return Injected{
		Heal: func(context.Context) error {
			stop()
			applied.Remove()
			return nil
		},
		Hits: func() int64 { return applied.Hits().Harmed() },
	}, nil
}

// flap lets a rule come and go until stop is called.
func flap(ctx context.Context, rule *rule.Rule, half time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(half)
		defer tick.Stop()
		for paused := true; ; paused = !paused {
			select {
			case <-tick.C:
				rule.Pause(paused)
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// ruleOf says which packets a fault is about and what becomes of them. targets are nodes, or none when the fault's target is the
// broker or the store.
func ruleOf(f fault.Fault, targets, all []string) (rule.Match, rule.Effect, error) {
	if f.Target == fault.TheBroker || f.Target == fault.TheStore {
		targets = []string{string(f.Target)}
	}
	others := slices.DeleteFunc(slices.Clone(all), func(n string) bool { return slices.Contains(targets, n) })
	peers := slices.Concat(all, []string{brokerParty, storeParty}) // everybody but the operator
	between := func(from, to []string) rule.Match { return rule.Match{From: from, To: to, Both: true} }
	cut := rule.Effect{Lose: 1}
	share := f.Percent / 100

	var m rule.Match
	var e rule.Effect
	switch f.Kind {
	case fault.Partition, fault.Flap:
		m, e = between(targets, others), cut
	case fault.Bridge:
		half := len(others) / 2
		m, e = between(others[:half], others[half:]), cut
	case fault.OneWay:
		m, e = rule.Match{From: targets, To: others}, cut
		if f.What == "in" {
			m.From, m.To = m.To, m.From
		}
	case fault.GossipCut:
		m, e = between(targets, others), cut
		m.Port = testbed.GossipPort
	case fault.RaftCut:
		m, e = between(targets, others), cut
		m.Proto, m.Port = rule.TCP, testbed.RaftPort
	case fault.ServerCut:
		m, e = between(targets, []string{f.What}), cut
	case fault.Loss:
		m, e = between(targets, peers), rule.Effect{Lose: share}
	case fault.Delay:
		m, e = between(targets, peers), rule.Effect{Delay: f.Delay, Jitter: f.Jitter, Lose: share}
	case fault.Reorder:
		m, e = between(targets, peers), rule.Effect{Reorder: share}
	case fault.Duplicate:
		m, e = between(targets, peers), rule.Effect{Duplicate: share}
	case fault.Corrupt:
		m, e = between(targets, peers), rule.Effect{Corrupt: share}
	case fault.Bandwidth:
		m, e = rule.Match{From: targets, To: peers}, rule.Effect{Rate: f.Rate}
	case fault.Reset:
		m, e = between(targets, peers), rule.Effect{Reset: true}
		m.Proto = rule.TCP
	case fault.MTUHole:
		m, e = between(targets, peers), rule.Effect{Longer: int(f.Size)}
	default:
		return m, e, fmt.Errorf("the network can not do %s", f.Kind)
	}
	if len(m.From) == 0 || len(m.To) == 0 {
		return m, e, fmt.Errorf("%s: there is nobody on the other side of %v", f.Kind, targets)
	}
	return m, e, nil
}
