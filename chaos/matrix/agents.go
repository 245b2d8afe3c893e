//go:build linux

package matrix

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"backstitch/chaos/process"
	"backstitch/cluster/client"
)

// maxPeakBytes is what an agent may take, whatever is done to it. The race detector takes several times as much and is not
// held to it.
const maxPeakBytes = 256 << 20

// agents is what goroutines beside the test's own know of the agents, whose processes and addresses change while they look: who
// runs, how to ask them, and the largest resident set that each has had. The kernel keeps the high-water mark of a process for as
// long as it lives, so a look a few times a second misses only what a process took just before it was killed.
type agents struct {
	mu    sync.Mutex
	procs map[string]*process.Process // by name, the one that runs or ran last
	doors map[string]*client.Client   // each asks one agent
	peak  map[string]int64            // bytes
}

func newAgents() *agents {
	return &agents{procs: map[string]*process.Process{}, doors: map[string]*client.Client{}, peak: map[string]int64{}}
}

// started notes that an agent runs as p from now on.
func (a *agents) started(name string, p *process.Process) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.procs[name] = p
}

// reached notes how an agent is asked from now on.
func (a *agents) reached(name string, c *client.Client) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.doors[name] = c
}

// running are the clients of the agents that have a process, in the order of their names.
func (a *agents) running() []*client.Client {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []*client.Client
	for _, name := range slices.Sorted(maps.Keys(a.doors)) {
		if p := a.procs[name]; p != nil && p.Running() {
			out = append(out, a.doors[name])
		}
	}
	return out
}

// watch looks until ctx ends.
func (a *agents) watch(ctx context.Context) {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		a.look()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (a *agents) look() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, p := range a.procs {
		if !p.Running() {
			continue
		}
		if n, err := p.Peak(); err == nil { // it may end in this moment
			a.peak[name] = max(a.peak[name], n)
		}
	}
}

// largest is the agent that took the most.
func (a *agents) largest() (name string, bytes int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for who, n := range a.peak {
		if n > bytes {
			name, bytes = who, n
		}
	}
	return name, bytes
}
