//go:build real

package realtest

import (
	"testing"
	"time"

	"backstitch/chaos/testbed"
	"backstitch/cluster/client"
)

// frozenFor is how long a node is frozen: eight times as long as its leases live.
const frozenFor = 20 * time.Second

// kill kills an owner of job in the middle of its work and starts it again, as an init system would. It fails the test when no slice
// moved, because then nothing was hurt.
func kill(t *testing.T, fleet *testbed.Fleet, job string) {
	t.Helper()
	killed := owner(t, fleet, job, fleet.Nodes)
	before := held(fleet.Slices(t, job), killed.Name)
	at := time.Now()
	killed.Kill()
	moved := takeover(t, fleet.Ask(t, fleet.Others(killed)...), job, before)
	t.Logf("SIGKILL %s, which owned %d slices: another node goes on with %s after %s", killed.Name, len(before), moved.ID, time.Since(at).Round(time.Millisecond))
	fleet.Start(t, killed)
	fleet.Ready(t, killed)
}

// freeze freezes an owner of job and lets it go on after its slices have been given away: a zombie.
func freeze(t *testing.T, fleet *testbed.Fleet, job string, nodes []*testbed.Node) {
	t.Helper()
	frozen := owner(t, fleet, job, nodes)
	before := held(fleet.Slices(t, job), frozen.Name)
	at := time.Now()
	if err := frozen.Freeze(); err != nil {
		t.Fatal(err)
	}
	others := fleet.Ask(t, fleet.Others(frozen)...)
	moved := takeover(t, others, job, before)
	t.Logf("SIGSTOP %s, which owned %d slices: another node goes on with %s after %s", frozen.Name, len(before), moved.ID, time.Since(at).Round(time.Millisecond))
	testbed.During(t, frozenFor-time.Since(at))
	if j, _, err := others.Job(t.Context(), job, client.Blocking{}); err != nil {
		t.Fatal(err)
	} else {
		t.Logf("SIGCONT %s after %s; the job is %s, %d records are written", frozen.Name, frozenFor, j.State, j.Progress.Written)
	}
	if err := frozen.Thaw(); err != nil {
		t.Fatal(err)
	}
	fleet.Ready(t, frozen)
}

// owner waits until one of nodes owns a fill slice in which something is written already, and returns the busiest one.
func owner(t *testing.T, fleet *testbed.Fleet, job string, nodes []*testbed.Node) *testbed.Node {
	t.Helper()
	var out *testbed.Node
	testbed.Eventually(t, time.Minute, "an owner in the middle of its work", func() bool {
		slices := fleet.Slices(t, job)
		for _, s := range slices {
			if s.Kind == "fill" && s.Status == "leased" && s.Progress.Written > 0 {
				out = fleet.Busiest(slices, nodes)
			}
		}
		if j := fleet.Job(t, job); j.Terminal() {
			t.Fatalf("nothing was hurt: the job is %s already", j.State)
		}
		return out != nil
	})
	return out
}

// held are the fill slices that a node owns, by id.
func held(slices []client.SliceState, node string) map[string]client.SliceState {
	out := map[string]client.SliceState{}
	for _, s := range slices {
		if s.Kind == "fill" && s.Status == "leased" && s.OwnerName == node {
			out[s.ID] = s
		}
	}
	return out
}

// takeover waits until one of the slices has written more under a later epoch.
func takeover(t *testing.T, c *client.Client, job string, before map[string]client.SliceState) client.SliceState {
	t.Helper()
	var out client.SliceState
	testbed.Eventually(t, 30*time.Second, "another node to go on with a slice (nothing was hurt otherwise)", func() bool {
		slices, _, err := c.Slices(t.Context(), job, client.Blocking{})
		if err != nil {
			return false // an election takes longer than the client's patience at worst
		}
		for _, s := range slices {
			old, ok := before[s.ID]
			if ok && s.Epoch > old.Epoch && s.Epoch > 1 && (s.Progress.Written > old.Progress.Written || s.Status == "done") {
				out = s
				return true
			}
		}
		return false
	})
	return out
}
