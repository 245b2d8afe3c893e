//go:build linux

package matrix

import (
	"path/filepath"
	"time"

	"backstitch/chaos/testbed"
	"backstitch/cluster"
)

// A node whose data can not be trusted keeps none of them: it renames them, starts empty and comes back as a learner. That it serves
// again afterwards is not enough to know, since a node that noticed nothing serves too.

// mends starts a node whose disk was damaged, and once more if it meets the damage only while it runs: then it ends with the status at
// which a supervisor starts it again, and that start has to be enough.
func mends(r *Run, n *testbed.Node) func() error {
	return func() error {
		r.Fleet.Start(r.T, n)
		if r.Fleet.Serves(r.T, n) {
			return nil
		}
		return restarted(r, n, cluster.ExitLatched)()
	}
}

// asides wants the nodes that were hit to have set their data aside, where the scenario says so.
func (r *Run) asides(o *ongoing) {
	if !r.Scenario.Expects.SetAside {
		return
	}
	for _, n := range o.nodes {
		pattern := filepath.Join(r.Fleet.DataDir(n), "data.damaged-*")
		found := false
		for deadline := time.Now().Add(limitOfJudge); !found && time.Now().Before(deadline); testbed.During(r.T, 100*time.Millisecond) {
			names, err := filepath.Glob(pattern)
			if err != nil {
				r.T.Fatal(err)
			}
			found = len(names) > 0
		}
		if !found {
			r.T.Errorf("%s: after %s its data are where they were: no %s", n.Name, o.fault, pattern)
		}
	}
}
