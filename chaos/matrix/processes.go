//go:build linux

package matrix

import (
	"context"
	"fmt"
	"time"

	"backstitch/chaos/fault"
	"backstitch/chaos/testbed"
)

// Processes does what happens to agents as processes and as members.
type Processes struct{}

// Kinds implements Injector.
func (Processes) Kinds() []fault.Kind {
	return []fault.Kind{
		fault.Kill, fault.Pause, fault.Leave, fault.RollingRestart, fault.CrashLoop,
		fault.NewAddresses, fault.VersionSkew, fault.Drain, fault.StepDown,
	}
}

// Missing implements Injector.
func (Processes) Missing(fault.Kind) error { return nil }

// Prepare implements Injector.
func (Processes) Prepare(*Run, string, *testbed.Seat) error { return nil }

// grace is how long an agent that is asked to end may take to give up what it holds.
const grace = 20 * time.Second

// Inject implements Injector.
func (Processes) Inject(ctx context.Context, r *Run, f fault.Fault, nodes []*testbed.Node) (Injected, error) {
	hit := int64(len(nodes))
	out := Injected{Hits: func() int64 { return hit }}
	again := func(context.Context) error {
		for _, n := range nodes {
			r.Fleet.Start(r.T, n)
		}
		return nil
	}
	switch f.Kind {
	case fault.Kill:
		if err := kill(nodes); err != nil {
			return out, err
		}
		out.Heal = again
	case fault.CrashLoop:
		hit = 0
		for range f.Count {
			if err := kill(nodes); err != nil {
				return out, err
			}
			hit += int64(len(nodes))
			if err := again(ctx); err != nil {
				return out, err
			}
			for _, n := range nodes {
				r.Fleet.Alive(r.T, n)
			}
		}
	case fault.Pause:
		for _, n := range nodes {
			if err := n.Freeze(); err != nil {
				return out, err
			}
		}
		out.Heal = func(context.Context) error {
			for _, n := range nodes {
				if !n.Running() {
					return fmt.Errorf("%s ended while it was frozen", n.Name)
				}
				if err := n.Thaw(); err != nil {
					return err
				}
			}
			return nil
		}
	case fault.Leave:
		for _, n := range nodes {
			if err := ended(n); err != nil {
				return out, err
			}
		}
		out.Heal = again
	case fault.RollingRestart:
		for _, n := range r.Fleet.Nodes {
			if err := restart(r, n); err != nil {
				return out, err
			}
			r.Fleet.Ready(r.T, n)
			hit++
		}
	case fault.NewAddresses:
		n, err := move(r)
		hit = n
		return out, err
	case fault.VersionSkew:
		return out, skew(r, nodes, &out)
	case fault.Drain:
		if _, err := r.Fleet.Client.Drain(ctx, nodes[0].Name, "chaos"); err != nil {
			return out, err
		}
		out.Heal = func(ctx context.Context) error {
			_, err := r.Fleet.Client.Uncordon(ctx, nodes[0].Name, "chaos")
			return err
		}
	case fault.StepDown:
		if _, err := r.Fleet.Client.TransferLeader(ctx, ""); err != nil {
			return out, err
		}
		hit = 1
	default:
		return out, fmt.Errorf("processes can not do %s", f.Kind)
	}
	return out, nil
}

func kill(nodes []*testbed.Node) error {
	for _, n := range nodes {
		if !n.Running() {
			return fmt.Errorf("%s has ended by itself, there is nothing to kill", n.Name)
		}
		n.Kill()
	}
	return nil
}

// ended asks a node to end, which it has to do in time and with status 0.
func ended(n *testbed.Node) error {
	if status := n.Terminate(grace); status != 0 {
		return fmt.Errorf("%s was asked to end: exit status %d, want 0 within %s", n.Name, status, grace)
	}
	return nil
}

func restart(r *Run, n *testbed.Node) error {
	if err := ended(n); err != nil {
		return err
	}
	r.Fleet.Start(r.T, n)
	return nil
}

// move stops every node, gives each another address and starts them all again.
func move(r *Run) (moved int64, err error) {
	for _, n := range r.Fleet.Nodes {
		n.Kill()
	}
	for _, n := range r.Fleet.Nodes {
		old := r.Lab.Addr(n.Name)
		now, err := r.Hosts[n.Name].Move(n.Name)
		if err != nil {
			return moved, err
		}
		r.Fleet.Move(r.T, n, now.String())
		r.agents.reached(n.Name, n.Client())
		if now != old {
			moved++
		}
	}
	for _, n := range r.Fleet.Nodes {
		r.Fleet.Start(r.T, n)
	}
	return moved, nil
}

// skew restarts nodes with another version of the program, and back when it is healed.
func skew(r *Run, nodes []*testbed.Node, out *Injected) error {
	other, err := r.Builds.Other()
	if err != nil {
		return err
	}
	before := nodes[0].Seat.Path
	change := func(path string) error {
		for _, n := range nodes {
			n.Seat.Path = path
			if err := restart(r, n); err != nil {
				return err
			}
			r.Fleet.Ready(r.T, n)
		}
		return nil
	}
	out.Heal = func(context.Context) error { return change(before) }
	return change(other)
}
