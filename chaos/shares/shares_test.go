package shares

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"backstitch/cluster/leader"
	"backstitch/fsm"
	"backstitch/partition"
)

var (
	large = flag.Bool("shares.large", false, "50 jobs with 10,000 slices on 40 nodes, as make test-drawn has it")
	seeds = flag.Uint64("shares.seeds", 1, "how many runs")
)

// TestLimitsAndPrioritiesMayChange is what the package is about; see doc.go.
func TestLimitsAndPrioritiesMayChange(t *testing.T) {
	for seed := range *seeds {
		nodes, jobs, lanes, perLane := 5, 6, 4, 8
		if *large {
			nodes, jobs, lanes, perLane = 40, 50, 10, 20
		}
		w := newWorld(seed, nodes)
		for i := range jobs {
			id := partition.JobID(fmt.Sprintf("bs-%02d", i))
			j := fsm.Job{ID: id, Namespace: []string{"shop", "bank"}[i%2], Priority: uint8(w.r.IntN(101))}
			for lane := range lanes {
				j.Locks = append(j.Locks, fmt.Sprintf("kafka:cluster-%d/topic-%02d/%d", i%3, i, lane))
			}
			w.book.add(j, lanes, perLane, 1<<20)
		}
		scopes := w.shrink(jobs, int64(nodes))
		run(t, w, scopes, jobs*lanes*perLane)
		b := w.book
		t.Logf("seed %d: %s of virtual time; worst budget %.3f of what it allows, %d windows nearly used up; longest still %s, longest wait %s; %d leases taken, %d asked for, %d lost with nodes, %d moves",
			seed, w.since(), w.worst, w.bound, w.idle, w.waited, b.taken, b.asks, w.lost, b.moves)
		for _, s := range w.wrong {
			t.Errorf("seed %d after %s", seed, s)
		}
		if w.bound < 20 {
			t.Errorf("seed %d: vacuous: budgets were nearly used up in %d windows", seed, w.bound)
		}
		if w.idle > stands {
			t.Errorf("seed %d: a lane that runs could write nothing for %s, want %s at most", seed, w.idle, stands)
		}
		if limit := 101*w.limits.AgeEvery + turn; w.waited > limit {
			t.Errorf("seed %d: a job waited for %s, want %s at most", seed, w.waited, limit)
		}
		if b.taken > w.lost {
			t.Errorf("seed %d: %d leases were taken, for %d that were lost", seed, b.taken, w.lost)
		}
		if most := int(w.since()/leader.DefaultLimits().PreemptEvery) + 1; b.asks > most {
			t.Errorf("seed %d: %d lanes were asked for, want one in %s at most, that is %d", seed, b.asks, leader.DefaultLimits().PreemptEvery, most)
		}
	}
}

const (
	// stands is how long a lane that runs may be without a byte: the lease times of two leaders that learn, and the renewals by which
	// shares of others become free, some of whose answers are lost.
	stands = 10 * time.Second
	// turn is what a slice takes at the lowest limits: a job that is overdue waits for the next slot.
	turn = 20 * time.Second
)

// scope is one that has limits, from low to high.
type scope struct {
	name      fsm.Scope
	low, high int64
}

// shrink gives the world its scopes. What is lowest leaves each node that works in it more than a record in a fifth of a second.
func (w *world) shrink(jobs int, nodes int64) []scope {
	out := []scope{
		{fsm.ScopeCluster, nodes << 19, nodes << 21},
		{fsm.ScopeNamespace("shop"), nodes << 18, nodes << 20}, {fsm.ScopeNamespace("bank"), nodes << 18, nodes << 20},
		{fsm.ScopeTarget("kafka:cluster-0"), nodes << 17, nodes << 20},
	}
	for i := range jobs {
		out = append(out, scope{fsm.ScopeJob(partition.JobID(fmt.Sprintf("bs-%02d", i))), 1 << 20, 8 << 20})
	}
	for _, s := range out {
		w.scopes[s.name] = new(account)
	}
	w.bind(fsm.ScopeCluster, out[0].high)
	return out
}

// run lets the world go on until all jobs are done. People change something every two seconds or so.
func run(t *testing.T, w *world, scopes []scope, work int) {
	t.Helper()
	for left := 1; left > 0; {
		if w.steps > 60*work/len(w.nodes)+20*60*perSecond {
			t.Fatalf("not done after %s", w.since())
		}
		if w.r.IntN(2*perSecond) == 0 {
			w.change(scopes)
		}
		for _, n := range w.nodes[1:] {
			switch {
			case n.dead:
				if w.r.IntN(10*perSecond) == 0 {
					w.start(n)
				}
			case w.r.IntN(120*perSecond) == 0:
				w.kill(n)
			}
		}
		if w.r.IntN(200*perSecond) == 0 {
			w.lead()
		}
		if err := w.step(); err != nil {
			t.Fatal(err)
		}
		left = 0
		for _, j := range w.book.jobs {
			if j.State == fsm.JobRunning {
				left++
			}
		}
	}
}

// change is what people do: a limit, of which one in five is taken away, or a priority.
func (w *world) change(scopes []scope) {
	if w.r.IntN(3) == 0 {
		i := w.r.IntN(len(w.book.jobs))
		w.book.index++
		w.book.jobs[partition.JobID(fmt.Sprintf("bs-%02d", i))].Priority = uint8(w.r.IntN(101))
		return
	}
	s := scopes[w.r.IntN(len(scopes))]
	if w.r.IntN(2) == 0 {
		s = scopes[w.r.IntN(4)] // the wide ones
	}
	rate := int64(0)
	if w.r.IntN(5) > 0 {
		rate = s.low + w.r.Int64N(s.high-s.low)
	}
	w.bind(s.name, rate)
}
