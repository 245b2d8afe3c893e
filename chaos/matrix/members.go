//go:build linux

package matrix

import (
	"context"
	"fmt"
	"time"

	"backstitch/chaos/fault"
	"backstitch/chaos/testbed"
	"backstitch/cluster/client"
)

// Members changes who is a member, for good.
type Members struct{}

// Kinds implements Injector.
func (Members) Kinds() []fault.Kind {
	return []fault.Kind{fault.AddVoter, fault.Remove, fault.Replace}
}

// Missing implements Injector.
func (Members) Missing(fault.Kind) error { return nil }

// Prepare implements Injector.
func (Members) Prepare(*Run, string, *testbed.Seat) error { return nil }

// Inject implements Injector. A hit is a change that the others have agreed on.
func (Members) Inject(_ context.Context, r *Run, f fault.Fault, nodes []*testbed.Node) (Injected, error) {
	done := Injected{Hits: func() int64 { return 1 }}
	switch f.Kind {
	case fault.AddVoter:
		r.Fleet.Join(r.T, r.seat(r.Fleet.NextName()))
		return done, nil
	case fault.Remove:
		return done, expel(r, nodes[0])
	case fault.Replace:
		return done, r.Fleet.Replace(r.T, nodes[0])
	}
	return done, fmt.Errorf("members can not do %s", f.Kind)
}

// expel takes a node out of the cluster while it works, and only then asks it to end: until then it is an owner of whom the
// others know nothing any more.
func expel(r *Run, n *testbed.Node) error {
	if err := r.Fleet.Expel(r.T, n); err != nil {
		return err
	}
	testbed.Eventually(r.T, limitOfJudge, n.Name+" to own nothing", func() bool {
		if r.Scenario.Workload.Idle() {
			return true
		}
		slices, _, err := r.Fleet.Client.Slices(r.T.Context(), jobName, client.Blocking{})
		return err == nil && testbed.Owned(slices)[n.Name] == 0
	})
	testbed.During(r.T, time.Second) // it may still believe that it owns what it owned
	return ended(n)
}
