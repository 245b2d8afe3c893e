//go:build linux

package matrix

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"backstitch/chaos/fault"
	"backstitch/chaos/testbed"
	"backstitch/storage/failpoint"
)

// Clocks makes the wall clocks of agents wrong. Linux can not do that to one process, so in a run that has such a fault every
// agent is a build with failpoints, which reads from a file what is wrong. The monotonic clock is left alone, as a person or a time
// server leaves it who sets the clock of a machine: Raft, gossip and the deadlines of connections measure with that one.
type Clocks struct{}

// Kinds implements Injector.
func (Clocks) Kinds() []fault.Kind {
	return []fault.Kind{fault.ClockSkew, fault.ClockJump, fault.ClockFreeze}
}

// Missing implements Injector.
func (Clocks) Missing(fault.Kind) error { return nil }

// Prepare implements Injector.
func (c Clocks) Prepare(r *Run, name string, seat *testbed.Seat) error {
	if !r.does(c.Kinds()) {
		return nil
	}
	path, err := r.Builds.Failpoints()
	if err != nil {
		return err
	}
	seat.Path = path
	seat.Env = append(seat.Env, failpoint.EnvClock+"="+r.clock(name), failpoint.EnvReached+"="+r.reached(name))
	return nil
}

func (r *Run) clock(node string) string   { return filepath.Join(r.Dir, node+".clock") }
func (r *Run) reached(node string) string { return filepath.Join(r.Dir, node+".reached") }

// Inject implements Injector. Hits are the processes that have seen a wrong clock: each notes that itself.
func (Clocks) Inject(_ context.Context, r *Run, f fault.Fault, nodes []*testbed.Node) (Injected, error) {
	text := "freeze"
	if f.Kind != fault.ClockFreeze {
		text = fmt.Sprintf("skew %s", f.Skew)
	}
	before := r.saw(nodes, text)
	set := func(change func(path string) error) error {
		for _, n := range nodes {
			if err := change(r.clock(n.Name)); err != nil {
				return err
			}
			if f.Kind == fault.ClockSkew { // from the start of the process
				if err := restart(r, n); err != nil {
					return err
				}
			}
		}
		return nil
	}
	wrong := func(path string) error {
		// By a new name: the agent never reads half of it.
		half := path + ".half"
		return errors.Join(os.WriteFile(half, []byte(text), 0o644), os.Rename(half, path))
	}
	return Injected{
		Hits: func() int64 { return r.saw(nodes, text) - before },
		Heal: func(context.Context) error { return set(os.Remove) },
	}, set(wrong)
}

// saw counts the processes that have seen that clock.
func (r *Run) saw(nodes []*testbed.Node, clock string) int64 {
	var hits int64
	for _, n := range nodes {
		text, err := os.ReadFile(r.reached(n.Name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			r.T.Fatal(err)
		}
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			if lines.Text() == "clock "+clock {
				hits++
			}
		}
	}
	return hits
}
