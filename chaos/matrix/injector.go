//go:build linux

package matrix

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"backstitch/chaos/depot"
	"backstitch/chaos/fault"
	"backstitch/chaos/report"
	"backstitch/chaos/scenario"
	"backstitch/chaos/testbed"
)

// Injector does some kinds of faults to a run. Its methods are called by the goroutine of the test, one after the other.
type Injector interface {
	// Kinds are the kinds that Inject takes.
	Kinds() []fault.Kind

	// Missing says why this machine can not do a kind, nil when it can. The scenario is skipped, with the reason.
	Missing(fault.Kind) error

	// Prepare is told about every seat before anything runs. It may give a node another directory, environment or start, when
	// the faults of the run need that.
	Prepare(r *Run, name string, seat *testbed.Seat) error

	// Inject begins one fault. nodes are those that its target stands for; none for the broker and the store.
	Inject(ctx context.Context, r *Run, f fault.Fault, nodes []*testbed.Node) (Injected, error)
}

// Injected is a fault that has begun.
type Injected struct {
	Heal func(ctx context.Context) error // nil when there is nothing to heal
	Hits func() int64                    // packets, requests, processes, ... that the fault has hit; asked after Heal
}

// Run is one scenario on its way, as injectors see it.
type Run struct {
	T        testing.TB
	Scenario scenario.Scenario
	Faults   []fault.Fault // what is done in this run
	Seed     uint64
	Random   *rand.Rand
	Dir      string // evidence
	Lab      Lab
	Hosts    map[string]Host // by node
	Fleet    *testbed.Fleet
	Depot    depot.Control
	Builds   Builds

	began     time.Time
	record    *report.Run
	injectors []Injector
	program   string
	agents    *agents
	broker    broker
	raced     bool // the program is built with the race detector
}

// Builds make other builds of the program when they are needed, and return where they lie.
type Builds struct {
	Other      func() (string, error) // with another version
	Failpoints func() (string, error) // with failpoints, and a clock that can be set
}

// All is the literal table of injectors, for real processes. A kind is done by the first that names it. relays says that the
// network of the run is one of relays.
func All(relays bool) []Injector {
	return []Injector{Processes{}, Members{}, Network{relays}, Servers{}, &Disks{}, Limits{}, Clocks{}, Snapshots{}}
}

// does says whether the run has a fault of one of the kinds.
func (r *Run) does(kinds []fault.Kind) bool {
	return slices.ContainsFunc(r.Faults, func(f fault.Fault) bool { return slices.Contains(kinds, f.Kind) })
}

// Names are the names of nodes.
func Names(nodes []*testbed.Node) []string {
	var out []string
	for _, n := range nodes {
		out = append(out, n.Name)
	}
	return out
}

// Say writes down what has happened, at once, so that it is there after a panic too.
func (r *Run) Say(format string, args ...any) {
	r.T.Helper()
	r.T.Logf("%6.2f s  %s", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
	r.record.Notef(format, args...)
}
