//go:build linux

package matrix

import (
	"context"
	"slices"
	"time"

	"backstitch/chaos/fault"
)

// How long work stood still after a node was taken from it.

// takes lists the kinds that take a node's work away at once, after which somebody else has to go on.
var takes = []fault.Kind{fault.Kill, fault.Pause, fault.Partition, fault.PowerLoss}

// losing remembers the lanes of nodes that a fault is about to take.
func (r *Run) losing(ctx context.Context, l *lanes, o *ongoing) []loss {
	if !slices.Contains(takes, o.fault.Kind) || len(o.nodes) > (len(r.Fleet.Nodes)-1)/2 || o.fault.Lasts() < 3*time.Second {
		return nil // nobody is left who could go on, or the node itself is back before anybody has to
	}
	states, err := r.slices(ctx)
	if err != nil {
		r.T.Fatal(err)
	}
	var out []loss
	for _, n := range o.nodes {
		var lanes []int32
		for _, s := range states {
			if s.Kind == "fill" && s.Status == "leased" && s.OwnerName == n.Name {
				lanes = append(lanes, s.Partition)
			}
		}
		if len(lanes) > 0 {
			out = append(out, l.lose(r, n.Name, lanes, time.Now()))
		}
	}
	return out
}

// takeovers measures how long each loss kept work standing still.
func (r *Run) takeovers(l *lanes, losses []loss, v *Verdict) {
	for _, lost := range losses {
		took, ok := l.takeover(lost)
		if !ok {
			r.T.Errorf("nobody committed in a lane of %s after it was lost", lost.node)
			continue
		}
		v.FailoverMs = append(v.FailoverMs, took.Milliseconds())
		if bar := r.Scenario.Expects.Failover; bar > 0 && took > bar {
			r.T.Errorf("failover of %s took %s, want at most %s", lost.node, took, bar)
		}
	}
	if bar := r.Scenario.Expects.Rework; bar > 0 && v.Rework > bar*int64(r.Scenario.Workload.Partitions)*int64(max(1, len(losses))) {
		r.T.Errorf("rework: %d records were written in vain, want at most %d per slice", v.Rework, bar)
	}
}
