//go:build chaos && linux

package crashpoints

import (
	"bytes"
	"fmt"
	"maps"
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
	lives map[*testbed.Node]*life
	died  int // deaths at a point
	runs  int
	armed bool
	// modes, by node, is the environment of the first life of each when the storm is one of errors; nil when it is one of deaths.
	modes map[string][]string
	ended map[string]int // by node, with which exit status it ended by itself
}

// A life is one process of a node.
type life struct {
	mark  string                   // file of what it reached
	armed map[failpoint.Point]bool // where it dies
	asked bool                     // to end
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
	s := &storm{dir: dir, todo: map[failpoint.Point]bool{}, lives: map[*testbed.Node]*life{}, ended: map[string]int{}, armed: true}
	for _, p := range failpoint.All() {
		s.todo[p] = true
	}
	// Hosts of their own on loopback: a port that is free while its owner is dead is taken by whoever looks for one.
	seats := make([]testbed.Seat, 3)
	for i := range seats {
		seats[i].Host = fmt.Sprintf("127.%d.%d.%d", 1+os.Getpid()>>8&0x3f, os.Getpid()&0xff, 1+i)
	}
	s.Fleet = testbed.NewFleet(t, testbed.Layout{Dir: dir, Seats: seats, Broker: broker, Endpoint: endpoint})
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
	l := &life{mark: filepath.Join(s.dir, fmt.Sprintf("reached-%s-%03d", n.Name, s.runs))}
	s.lives[n] = l
	n.Seat.Env = []string{failpoint.EnvReached + "=" + l.mark, failpoint.EnvArm + "="}
	if s.armed {
		l.armed = maps.Clone(s.todo)
		n.Seat.Env = append(n.Seat.Env, failpoint.EnvArm+"="+s.plan())
	}
	n.Seat.Env = append(n.Seat.Env, s.modes[n.Name]...)
	delete(s.modes, n.Name)
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

// end asks a node to end as SIGTERM does. It may die at a point of doing so.
func (s *storm) end(t *testing.T, n *testbed.Node) {
	t.Helper()
	s.lives[n].asked = true
	began := time.Now()
	if n.Terminate(grace); time.Since(began) >= grace {
		t.Fatalf("%s did not end within %s", n.Name, grace)
	}
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
		if status > 0 { // a signal has a negative one
			s.ended[n.Name] = status
		}
		if status > 0 && s.modes == nil {
			t.Fatalf("%s ended with exit status %d, want a death at a point", n.Name, status)
		}
		l := s.lives[n]
		points := s.reached(t, l.mark)
		switch {
		case status < 0 && len(points) > 0 && l.armed[points[len(points)-1]]:
			s.bury(t, n.Name, l.mark)
		case status < 0 && !l.asked: // one that is asked before it listens dies of the signal
			t.Fatalf("%s died, and at no point that it was armed with: %v", n.Name, points)
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

// run runs a command until it ends with exit status 0, first armed with own, one point after another. A command that the fleet
// could not answer is run again.
func (s *storm) run(t *testing.T, limit time.Duration, own []failpoint.Point, args ...string) {
	t.Helper()
	for _, p := range own {
		mark := filepath.Join(s.dir, "reached-"+args[0]+"-"+strings.ReplaceAll(string(p), "/", "-"))
		t.Setenv(failpoint.EnvArm, string(p)+"=crash")
		t.Setenv(failpoint.EnvReached, mark)
		for s.command(t, limit, args...).Status >= 0 {
		}
		t.Setenv(failpoint.EnvArm, "")
		t.Setenv(failpoint.EnvReached, "")
		s.bury(t, args[0], mark)
	}
	said := 0
	for deadline := time.Now().Add(limit); ; {
		r := s.command(t, limit, args...)
		if r.Status == 0 {
			return
		}
		if r.Status != said {
			said = r.Status
			t.Logf("%s: exit status %d: %s", args[0], r.Status, r.Stderr)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s failed for %s; left: %s", strings.Join(args, " "), limit, s.plan())
		}
	}
}

// command runs a command once. The fleet is pumped in the meantime: while nobody answers, a command waits for somebody who does.
func (s *storm) command(t *testing.T, limit time.Duration, args ...string) testbed.Result {
	t.Helper()
	ended := make(chan testbed.Result, 1)
	go func() { ended <- s.Run(t, args...) }()
	var r testbed.Result
	s.until(t, limit, strings.Join(args, " "), func() bool {
		select {
		case r = <-ended:
			return true
		default:
			return false
		}
	})
	return r
}
