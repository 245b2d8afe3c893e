//go:build crashpoints && linux

package crashpoints

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"backstitch/chaos/testbed"
	"backstitch/storage/failpoint"
)

// A storm is a fleet whose agents die at points until none is left.
type storm struct {
	*testbed.Fleet
	dir   string
	todo  map[failpoint.Point]bool
	marks map[*testbed.Node]string // what the node's process reached
	died  int                      // deaths at a point
	runs  int
	armed bool
}

// build makes the program with failpoints and names it as the program under test.
func build(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, "backstitch")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-tags", "failpoint", "-o", path, "../../cmd/backstitch").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	t.Setenv("BACKSTITCH_BIN", path)
}

func newStorm(t *testing.T, dir, broker, endpoint string) *storm {
	t.Helper()
	s := &storm{dir: dir, todo: map[failpoint.Point]bool{}, marks: map[*testbed.Node]string{}, armed: true}
	for _, p := range failpoint.All() {
		s.todo[p] = true
	}
	s.Fleet = testbed.NewFleet(t, testbed.Layout{Dir: dir, Seats: make([]testbed.Seat, 3), Broker: broker, Endpoint: endpoint})
	return s
}

// plan arms every point that is left.
func (s *storm) plan() string {
	var parts []string
	for p := range s.todo {
		parts = append(parts, string(p)+"=crash")
	}
	slices.Sort(parts)
	return strings.Join(parts, ";")
}

// start starts a node, armed with what is left now.
func (s *storm) start(t *testing.T, n *testbed.Node) {
	t.Helper()
	s.runs++
	mark := filepath.Join(s.dir, fmt.Sprintf("reached-%s-%03d", n.Name, s.runs))
	s.marks[n] = mark
	n.Seat.Env = []string{failpoint.EnvReached + "=" + mark}
	if s.armed {
		n.Seat.Env = append(n.Seat.Env, failpoint.EnvArm+"="+s.plan())
	}
	s.Start(t, n)
}

// reached reads what a process wrote down, in order.
func (s *storm) reached(t *testing.T, mark string) []failpoint.Point {
	t.Helper()
	text, err := os.ReadFile(mark)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var out []failpoint.Point
	for line := range bytes.Lines(text) {
		out = append(out, failpoint.Point(strings.TrimSuffix(string(line), "\n")))
	}
	return out
}

// bury notes at which point a process died, which is the last that it reached.
func (s *storm) bury(t *testing.T, who, mark string) {
	t.Helper()
	points := s.reached(t, mark)
	if len(points) == 0 {
		t.Fatalf("%s ended before it reached anything", who)
	}
	last := points[len(points)-1]
	t.Logf("%s died at %s: %s", who, last, failpoint.Window(last))
	s.died++
	delete(s.todo, last)
}

// pump starts again who died.
func (s *storm) pump(t *testing.T) {
	t.Helper()
	for _, n := range s.Nodes {
		if n.Process == nil {
			s.start(t, n)
			continue
		}
		if n.Running() {
			continue
		}
		status, err := n.Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if status > 0 { // a signal has a negative one; the agent ended by itself
			t.Fatalf("%s ended with exit status %d, want a death at a point", n.Name, status)
		}
		if status < 0 {
			s.bury(t, n.Name, s.marks[n])
		}
		s.start(t, n)
	}
}

// until pumps until done. A step that is not done in time fails with the points that are left.
func (s *storm) until(t *testing.T, limit time.Duration, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		s.pump(t)
		if done() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s; left: %s", limit, what, s.plan())
		}
		<-tick.C
	}
}

// run runs a command until it ends with exit status 0, first armed with own, one point after another. In the meantime the fleet
// is pumped, and a command that the fleet could not answer is run again.
func (s *storm) run(t *testing.T, limit time.Duration, own []failpoint.Point, args ...string) {
	t.Helper()
	for _, p := range own {
		mark := filepath.Join(s.dir, "reached-"+args[0]+"-"+strings.ReplaceAll(string(p), "/", "-"))
		s.until(t, limit, args[0]+" to die at "+string(p), func() bool {
			t.Setenv(failpoint.EnvArm, string(p)+"=crash")
			t.Setenv(failpoint.EnvReached, mark)
			r := s.Run(t, args...)
			t.Setenv(failpoint.EnvArm, "")
			t.Setenv(failpoint.EnvReached, "")
			return r.Status < 0
		})
		s.bury(t, args[0], mark)
	}
	var last testbed.Result
	s.until(t, limit, strings.Join(args, " "), func() bool {
		last = s.Run(t, args...)
		if last.Status != 0 {
			t.Logf("%s: exit status %d: %.200s", args[0], last.Status, last.Stderr)
		}
		return last.Status == 0
	})
}
