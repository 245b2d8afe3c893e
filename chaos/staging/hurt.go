package staging

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"backstitch/chaos/fault"
	"backstitch/cluster/client"
	"backstitch/cluster/inject"
)

// This file turns one fault of a story into what single nodes are told.

// order is one fault of one node.
type order struct {
	node  string
	fault client.Fault
	id    string // once it is injected; "" for what is done at once
}

// orders says what to tell whom so that f is done to targets. Each side of a partition cuts what it dials, and both together cut
// everything.
func orders(f fault.Fault, targets, all []string) []order {
	ttl := (f.Lasts() + margin).String()
	var out []order
	tell := func(who []string, kind inject.Kind, delay time.Duration, peers ...string) {
		for _, name := range who {
			one := client.Fault{Kind: string(kind), TTL: ttl, Peers: peers}
			if delay > 0 {
				one.Delay = delay.String()
			}
			out = append(out, order{node: name, fault: one})
		}
	}
	switch f.Kind {
	case fault.Kill:
		tell(targets, inject.Crash, 0)
	case fault.Leave:
		tell(targets, inject.Stop, 0)
	case fault.StepDown:
		tell(targets, inject.StepDown, 0)
	case fault.Pause: // a frozen node as everybody else sees it
		tell(targets, inject.Pause, 0)
		tell(targets, inject.CutRPC, 0)
		tell(targets, inject.CutGossip, 0)
		tell(targets, inject.RefuseAPI, 0)
	case fault.Partition:
		rest := slices.DeleteFunc(slices.Clone(all), func(n string) bool { return slices.Contains(targets, n) })
		for _, kind := range []inject.Kind{inject.CutRPC, inject.CutGossip} {
			tell(targets, kind, 0, rest...)
			tell(rest, kind, 0, targets...)
		}
	case fault.RaftCut:
		tell(targets, inject.CutRPC, 0)
	case fault.GossipCut:
		tell(targets, inject.CutGossip, 0)
	case fault.Delay:
		tell(targets, inject.DelayRPC, f.Delay)
	case fault.DiskSlow:
		tell(targets, inject.SlowDisk, f.Delay)
	}
	return out
}

// active is a fault of the story that was begun.
type active struct {
	fault   fault.Fault
	targets []string
	orders  []order
	hit     bool
}

// begin does f to targets. What was begun before an error is in the answer, to be healed. An order is not given up on its way when
// ctx ends: it could arrive after everything was healed.
func (m *members) begin(ctx context.Context, f fault.Fault, targets []string) (*active, error) {
	var all []string
	for _, n := range m.nodes {
		all = append(all, n.Name)
	}
	a := &active{fault: f, targets: targets}
	for _, o := range orders(f, targets, all) {
		if ctx.Err() != nil {
			return a, ctx.Err()
		}
		ask, cancel := context.WithTimeout(context.WithoutCancel(ctx), answer)
		done, err := m.find(o.node).api.Hurt(ask, o.fault)
		cancel()
		if o.fault.Kind == string(inject.Crash) && brokeOff(err) {
			err, a.hit = nil, true // a crash leaves no time for an answer
		}
		if err != nil {
			return a, fmt.Errorf("%s on %s: %w", o.fault.Kind, o.node, err)
		}
		if o.id = done.ID; o.id == "" {
			a.hit = true
		}
		a.orders = append(a.orders, o)
	}
	return a, nil
}

// brokeOff says whether a request was sent and the connection ended without an answer.
func brokeOff(err error) bool {
	var e *client.Error
	if !errors.As(err, &e) || e.Err == nil {
		return false
	}
	var op *net.OpError
	return !errors.As(e.Err, &op) || op.Op != "dial"
}

// end heals a and notes whether it hit something. A node that is gone has no faults any more. All are asked at once, for the
// reason of healAll.
func (m *members) end(ctx context.Context, a *active) {
	var hits atomic.Int64
	var group sync.WaitGroup
	for _, o := range a.orders {
		if o.id != "" {
			group.Go(func() { hits.Add(m.take(ctx, o)) })
		}
	}
	group.Wait()
	a.hit = a.hit || hits.Load() > 0
}

// take takes one order back and returns how often it hit. A failure is made good by healAll, or by the fault's own end.
func (m *members) take(ctx context.Context, o order) (hits int64) {
	api := m.find(o.node).api
	ask, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	if now, err := api.Faults(ask); err == nil {
		for _, one := range now.Faults {
			if one.ID == o.id {
				hits = one.Hits
			}
		}
	}
	_, _ = api.Heal(ask, o.id)
	return hits
}
