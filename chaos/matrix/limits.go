//go:build linux

package matrix

import (
	"context"
	"errors"

	"backstitch/chaos/fault"
	"backstitch/chaos/limits"
	"backstitch/chaos/testbed"
)

// Limits gives processes too little.
type Limits struct{}

// Kinds implements Injector.
func (Limits) Kinds() []fault.Kind { return []fault.Kind{fault.CPU, fault.Memory, fault.Descriptors} }

// Missing implements Injector.
func (Limits) Missing(k fault.Kind) error {
	switch k {
	case fault.Memory:
		return limits.Check(limits.Memory)
	case fault.Descriptors:
		return nil
	}
	return limits.Check(limits.CPU)
}

// Prepare implements Injector.
func (Limits) Prepare(*Run, string, *testbed.Seat) error {
	_, err := limits.Sweep()
	return err
}

// Inject implements Injector. Hits are the periods in which the kernel held a process back, the processes that it killed, and how
// often an agent said that it lacks a file.
func (Limits) Inject(_ context.Context, r *Run, f fault.Fault, nodes []*testbed.Node) (Injected, error) {
	if f.Kind == fault.Descriptors {
		return lackFiles(r, f.Count, nodes)
	}
	var hits int64
	var heals []func(context.Context) error
	for _, n := range nodes {
		g, err := limits.NewGroup(n.Name)
		if err != nil {
			return Injected{}, err
		}
		r.T.Cleanup(func() { _ = g.Close() }) // healed already, unless the run was given up
		count := g.Throttled
		if f.Kind == fault.Memory {
			count = g.OOMKills
			// What a process has before it is in the group does not count, so it begins anew.
			n.Kill()
			r.Fleet.Start(r.T, n)
			err = errors.Join(g.Add(n.PID()), g.Memory(f.Size))
		} else {
			err = errors.Join(g.Add(n.PID()), g.CPU(f.Percent/100))
		}
		if err != nil {
			return Injected{}, err
		}
		heals = append(heals, then(func() error {
			counted, err := count()
			hits += counted
			return errors.Join(err, g.Close())
		}, restarted(r, n, -1))) // -1: of a signal
	}
	return Injected{
		Hits: func() int64 { return hits },
		Heal: func(ctx context.Context) error {
			var errs []error
			for _, heal := range heals {
				errs = append(errs, heal(ctx))
			}
			return errors.Join(errs...)
		},
	}, nil
}

var (
	_ Injector = (*Disks)(nil)
	_ Injector = Limits{}
)
