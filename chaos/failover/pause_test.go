//go:build failover

package failover

import (
	"fmt"
	"testing"
	"time"

	"backstitch/chaos/testbed"

	"github.com/google/go-cmp/cmp"
)

// pauseFor is what a garbage collection or a busy host may take; afterwards is for a move that comes late.
const (
	pauseFor   = time.Second
	afterwards = 4 * time.Second
)

func TestPauseMovesNoLease(t *testing.T) {
	s := start(t)
	s.archive(t)
	topic := s.startJob(t, "pause")
	moved := 0
	for round := range pauses {
		s.settled(t, topic.Name)
		node := s.Nodes[round%len(s.Nodes)]
		before := epochs(t, s, topic.Name)
		leads := s.Leader(t) == node
		if err := node.Freeze(); err != nil {
			t.Fatal(err)
		}
		testbed.During(t, pauseFor)
		if err := node.Thaw(); err != nil {
			t.Fatal(err)
		}
		testbed.During(t, afterwards)
		if diff := cmp.Diff(epochs(t, s, topic.Name), before); diff != "" {
			moved++
			t.Errorf("pause %d of %s (leads: %t): leases moved (-after +before):\n%s", round+1, node.Name, leads, diff)
		}
	}
	s.endJob(t, topic)
	fmt.Printf("failover pause=%s moved=%d n=%d\n", pauseFor, moved, pauses)
}

// epochs are owner and epoch of each lane, by slice.
func epochs(t *testing.T, s site, job string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, sl := range s.Slices(t, job) {
		if sl.Kind == "fill" {
			out[sl.ID] = fmt.Sprintf("%s %d", sl.OwnerName, sl.Epoch)
		}
	}
	return out
}
