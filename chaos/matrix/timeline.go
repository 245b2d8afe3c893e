//go:build linux

package matrix

import (
	"cmp"
	"context"
	"slices"
	"time"

	"backstitch/chaos/fault"
	"backstitch/chaos/testbed"
)

// What is done to a run and when it is taken back. Injectors know how; this file knows when and to whom.

// ongoing is a fault that has begun.
type ongoing struct {
	Injected
	fault  fault.Fault
	nodes  []*testbed.Node
	due    time.Time // when it is healed: it lasts from when it was injected, however late that was
	healed bool
}

// faults does the timeline. What did not heal by itself is healed at its end.
func (r *Run) faults(cfg Config, l *lanes, v *Verdict) []loss {
	t := r.T
	ctx, cancel := context.WithTimeout(t.Context(), r.Scenario.Limit)
	defer cancel()
	var order []*ongoing
	var losses []loss
	// Whatever goes wrong in between, a node that is frozen must not stay so.
	defer func() {
		for _, o := range order {
			if !o.healed && o.Heal != nil {
				_ = o.Heal(context.WithoutCancel(ctx))
			}
		}
	}()
	began := time.Now()
	for _, f := range slices.SortedStableFunc(slices.Values(r.Faults), func(a, b fault.Fault) int { return cmp.Compare(a.At, b.At) }) {
		r.healUntil(ctx, order, began.Add(f.At))
		o := &ongoing{fault: f, nodes: r.pick(ctx, f)}
		if l != nil {
			losses = append(losses, r.losing(ctx, l, o)...)
		}
		var err error
		if o.Injected, err = injector(cfg.Injectors, f.Kind).Inject(ctx, r, f, o.nodes); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		o.due = time.Now().Add(f.Lasts())
		r.T.Logf("%6.2f s  %s: %v", time.Since(r.began).Seconds(), f, Names(o.nodes))
		r.record.Fault(f, Names(o.nodes)...)
		order = append(order, o)
	}
	r.healUntil(ctx, order, time.Now().Add(r.Scenario.Limit))
	for _, o := range order {
		hits := o.Hits()
		v.Hits[string(o.fault.Kind)] += hits
		v.Faults.Add(o.fault.Kind, hits > 0)
		if hits == 0 && !r.Scenario.Expects.Vacuous {
			t.Errorf("vacuous: %s has hit nothing", o.fault)
		}
	}
	return losses
}

// healUntil heals what is due, one after the other, and returns at that time, or as soon as nothing is left to heal when that
// is the end.
func (r *Run) healUntil(ctx context.Context, order []*ongoing, until time.Time) {
	for {
		var next *ongoing
		for _, o := range order {
			if !o.healed && (next == nil || o.due.Before(next.due)) {
				next = o
			}
		}
		if next == nil || next.due.After(until) {
			break
		}
		testbed.During(r.T, time.Until(next.due))
		r.heal(ctx, next)
	}
	if len(order) < len(r.Faults) {
		testbed.During(r.T, time.Until(until))
	}
}

func (r *Run) heal(ctx context.Context, o *ongoing) {
	r.exits(o)
	o.healed = true
	if o.Heal != nil {
		if err := o.Heal(ctx); err != nil {
			r.T.Fatalf("heal %s: %v", o.fault, err)
		}
	}
	r.asides(o)
	hits := o.Hits()
	r.T.Logf("%6.2f s  healed: %s (%d hits)", time.Since(r.began).Seconds(), o.fault, hits)
	r.record.Healed(o.fault, hits > 0, hits)
}

// exits holds the ends of agents that were hit against what the scenario expects.
func (r *Run) exits(o *ongoing) {
	want := r.Scenario.Expects.Exit
	if want == 0 {
		return
	}
	for _, n := range o.nodes {
		ctx, cancel := context.WithTimeout(r.T.Context(), limitOfJudge)
		status, err := n.Wait(ctx)
		cancel()
		if err != nil || status != want {
			r.T.Errorf("%s: exit status %d (%v), want %d", n.Name, status, err, want)
		}
	}
}

// pick looks up the target. An owner is waited for: between two slices a node owns nothing.
func (r *Run) pick(ctx context.Context, f fault.Fault) []*testbed.Node {
	if f.Target == "" || f.Target == fault.TheBroker || f.Target == fault.TheStore {
		return nil
	}
	var out []*testbed.Node
	var why error
	deadline := time.Now().Add(20 * time.Second)
	testbed.Eventually(r.T, 21*time.Second, "somebody who can be hit", func() bool {
		view, err := r.view(ctx)
		if err == nil {
			var names []string
			if names, err = f.Target.In(view, r.Random); err == nil {
				out = nil
				for _, name := range names {
					out = append(out, r.Fleet.Node(name))
				}
				return true
			}
		}
		if why = err; time.Now().After(deadline) {
			r.T.Fatalf("%s: %v", f, why)
		}
		return false
	})
	return out
}
