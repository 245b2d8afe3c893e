package leader

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"backstitch/fsm"
	"backstitch/partition"
)

// Whose turn it is, in virtual time: each slice takes one tick, and owners give back what they are asked for with it. What workers do beside
// that is simulated in sim_test.go.

// large is whether TestManyJobsOnManyNodes is as large as a cluster can be; make test-drawn asks for it.
var large = flag.Bool("leader.large", false, "50 jobs with 10,000 slices on 40 nodes in TestManyJobsOnManyNodes")

const tick = time.Minute

// floor is a cluster whose workers do one slice per tick.
type floor struct {
	t       interface{ Fatal(...any) }
	book    *fakeBook
	cache   *cache
	now     time.Duration
	dead    map[partition.NodeID]bool
	last    *time.Duration // preemption
	asks    int
	limits  Limits
	slow    func() bool                       // whether limits let lanes do half a slice in this tick; nil for never
	half    map[fsm.Lease]bool                // leases that are half done
	started map[partition.JobID]time.Duration // when a job was first given a lane
}

func newFloor(t interface {
	Fatal(...any)
	Errorf(string, ...any)
}, nodes int, weight uint32) *floor {
	f := &floor{t: t, book: newFakeBook(t, nodes), limits: DefaultLimits(), dead: map[partition.NodeID]bool{}, half: map[fsm.Lease]bool{}, started: map[partition.JobID]time.Duration{}}
	f.cache = newCache(f.book)
	for i := range f.book.members {
		f.book.members[i].Weight = weight
	}
	return f
}

// add submits a job of one priority; a deadline of 0 is none.
func (f *floor) add(id partition.JobID, priority uint8, deadline time.Duration, lanes, perLane int) {
	f.book.addJob(id, lanes, perLane)
	f.book.jobs[id].Priority = priority
	f.book.terms[id] = fsm.Terms{Job: id, DeadlineUnixNanos: int64(deadline)}
}

// step lets the leader decide until nothing is left to, and then lets each slice that runs be done. Comparing takes no time: a slot is not kept free for a job whose state
// changes, so one that compares may wait for one slice of another, and deadlines would be off by that.
func (f *floor) step() {
	for range 20 {
		over, err := f.book.Overview()
		if err != nil {
			f.t.Fatal(err)
		}
		jobs, err := f.cache.refresh(over.Jobs, f.now)
		if err != nil {
			f.t.Fatal(err)
		}
		f.cache.terms(jobs, over, f.now, time.Unix(1000, 0))
		rumours := map[partition.NodeID]Rumour{}
		for _, m := range over.Members {
			rumours[m.ID] = Rumour{GossipAlive: !f.dead[m.ID], Refused: f.dead[m.ID]}
		}
		out := Decide(Input{
			Now: f.now, Wall: time.Unix(1000, 0), Self: "node-0", Jobs: jobs, Members: over.Members, Rumours: rumours, Limits: f.limits,
			Version: 7, Applied: over.Applied, LastDigest: DigestMark{At: f.now}, LastPreempt: f.last,
		})
		if len(out) == 0 {
			break
		}
		for _, p := range out {
			if _, err := f.book.Propose(context.Background(), fsm.Envelope{Reason: p.Reason}, p.Command); err != nil {
				f.t.Fatal(err)
			}
			switch c := p.Command.(type) {
			case fsm.GrantLeases:
				for _, g := range c.Grants {
					f.cache.held(g)
					if _, ok := f.started[g.Slice.Job]; !ok {
						f.started[g.Slice.Job] = f.now
					}
				}
			case fsm.YieldLeases: // they give back at once
				if f.asks++; p.Preempts {
					at := f.now
					f.last = &at
				}
			}
		}
		for _, l := range f.book.leases() {
			if f.book.states[l.Slice].Kind == partition.SliceVerify && !f.dead[l.Owner] {
				f.book.finish(l.Slice, l.Owner, l.Epoch)
			}
		}
	}
	slow := f.slow != nil && f.slow()
	f.now += tick
	for _, l := range f.book.leases() {
		switch {
		case f.dead[l.Owner]:
		case slow && !f.half[l]:
			f.half[l] = true
		default:
			f.book.finish(l.Slice, l.Owner, l.Epoch)
		}
	}
}

func (f *floor) done(id partition.JobID) bool { return f.book.state(id) == fsm.JobSucceeded }

// However many urgent jobs there are, one of the lowest priority gets its turn in the time that the limits say.
func TestNothingStarves(t *testing.T) {
	f := newFloor(t, 1, 1)
	f.add("bs-low", 0, 0, 1, 1)
	f.limits.AgeEvery = 20 * time.Second // as with two minutes, in fewer ticks
	bound := 101*f.limits.AgeEvery + 3*tick
	for n := 0; f.now < bound+tick; n++ {
		f.add(partition.JobID(fmt.Sprintf("bs-high-%d", n)), 100, f.now+time.Hour, 2, 3) // more than can be done in a tick
		f.step()
		if at, ok := f.started["bs-low"]; ok {
			if at < 100*f.limits.AgeEvery {
				t.Errorf("a job of priority 0 went before those of 100 after %s", at)
			}
			return
		}
	}
	t.Errorf("a job of priority 0 has waited for %s: %+v", f.now, f.book.states[partition.SliceID{Job: "bs-low"}])
}

// On one lane, deadlines are met whenever any order of the jobs meets them.
func TestDeadlinesAreMetWhereTheyCanBe(t *testing.T) {
	possible := 0
	rapid.Check(t, func(t *rapid.T) {
		f := newFloor(t, 1, 1)
		n := rapid.IntRange(1, 5).Draw(t, "jobs")
		var ids []partition.JobID
		length, deadline := make([]int, n), make([]int, n)
		for i := range n {
			length[i] = rapid.IntRange(1, 4).Draw(t, "slices")
			deadline[i] = rapid.IntRange(length[i], 16).Draw(t, "deadline")
			ids = append(ids, partition.JobID(fmt.Sprintf("bs-%c", 'a'+i)))
			f.add(ids[i], 50, time.Duration(deadline[i])*tick, 1, length[i])
		}
		if !feasible(length, deadline) {
			return
		}
		possible++
		at := make([]int, n)
		for now := 1; now <= 21; now++ {
			f.step()
			for i := range ids {
				if at[i] == 0 && f.book.jobs[ids[i]].FillDone == uint32(length[i]) {
					at[i] = now
				}
			}
		}
		for i := range ids {
			if at[i] == 0 || at[i] > deadline[i] {
				t.Fatalf("job %s of %d slices was written at %d, and had to be at %d; jobs of %v slices until %v", ids[i], length[i], at[i], deadline[i], length, deadline)
			}
		}
	})
	if possible < 20 {
		t.Errorf("only %d of the cases could be met: nothing was compared", possible)
	}
}

// On several lanes, deadlines are met whenever any way to give the lanes out meets them, also while a limit of the cluster is halved and lifted
// again. Each slice is a lane of its own: how long a lane of several slices takes the leader does not know, so it can begin one too late.
func TestDeadlinesAreMetWhileLimitsChange(t *testing.T) {
	possible, tight := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(1, 3).Draw(t, "lanes")
		f := newFloor(t, width, 1)
		slow := rapid.SliceOfN(rapid.Bool(), 24, 24).Draw(t, "halved")
		f.slow = func() bool { return slow[int(f.now/tick)] }
		n := rapid.IntRange(1, 4).Draw(t, "jobs")
		var ids []partition.JobID
		left, deadline, work := make([]int, n), make([]int, n), 0
		for i := range n {
			left[i] = rapid.IntRange(1, 4).Draw(t, "slices")
			work += left[i]
			deadline[i] = rapid.IntRange((left[i]+width-1)/width, 3+2*work/width).Draw(t, "deadline") // no sooner than it could alone
			ids = append(ids, partition.JobID(fmt.Sprintf("bs-%c", 'a'+i)))
			f.add(ids[i], 50, time.Duration(deadline[i])*tick, left[i], 1)
		}
		ends := rounds(slow)
		if !places(left, deadline, width, ends) {
			return
		}
		if possible++; work > 2*width {
			tight++
		}
		at := make([]int, n)
		for now := 1; now <= len(slow)-1; now++ {
			f.step()
			for i := range ids {
				if at[i] == 0 && f.book.jobs[ids[i]].FillDone == uint32(left[i]) {
					at[i] = now
				}
			}
		}
		for i := range ids {
			if at[i] == 0 || at[i] > deadline[i] {
				t.Fatalf("job %s of %d slices was written at %d, and had to be at %d; jobs of %v slices until %v on %d lanes, halved in %v", ids[i], left[i], at[i], deadline[i], left, deadline, width, slow)
			}
		}
	})
	if possible < 20 || tight < 10 {
		t.Errorf("only %d of the cases could be met, %d of them with more than two slices for each lane: nothing was compared", possible, tight)
	}
}

// rounds are the ticks at which slices that began together are done.
func rounds(slow []bool) (ends []int) {
	half := false
	for tick, s := range slow {
		if half = s && !half; !half {
			ends = append(ends, tick+1)
		}
	}
	return ends
}

// places reports whether slices can be given to lanes, round by round, so that each job is done in time, by trying each way.
func places(left, deadline []int, width int, ends []int) bool {
	if !slices.ContainsFunc(left, func(n int) bool { return n > 0 }) {
		return true
	}
	if len(ends) == 0 {
		return false
	}
	for i, n := range left {
		if n > 0 && deadline[i] < ends[0] {
			return false
		}
	}
	var give func(i, free int, left []int) bool
	give = func(i, free int, left []int) bool {
		if i == len(left) {
			return places(left, deadline, width, ends[1:])
		}
		for n := min(free, left[i]); n >= 0; n-- {
			next := slices.Clone(left)
			next[i] -= n
			if give(i+1, free-n, next) {
				return true
			}
		}
		return false
	}
	return give(0, width, left)
}

// feasible reports whether some order of the jobs meets all deadlines, by trying each.
func feasible(length, deadline []int) bool {
	var try func(left []int, now int) bool
	try = func(left []int, now int) bool {
		if len(left) == 0 {
			return true
		}
		for k, i := range left {
			if end := now + length[i]; end <= deadline[i] && try(slices.Delete(slices.Clone(left), k, k+1), end) {
				return true
			}
		}
		return false
	}
	all := make([]int, len(length))
	for i := range all {
		all[i] = i
	}
	return try(all, 0)
}

// Many jobs of all priorities on nodes that die and come back: all end, leases move for deaths only, and lanes are taken at most once per interval.
func TestManyJobsOnManyNodes(t *testing.T) {
	nodes, jobs, lanes, perLane := 3, 5, 2, 2
	if *large {
		nodes, jobs, lanes, perLane = 40, 50, 10, 20
	}
	rapid.Check(t, func(t *rapid.T) {
		f := newFloor(t, nodes, 2)
		work := 0
		for i := range jobs {
			f.add(partition.JobID(fmt.Sprintf("bs-%d", i)), uint8(rapid.IntRange(0, 100).Draw(t, "priority")), time.Duration(rapid.IntRange(0, 500).Draw(t, "deadline"))*tick,
				lanes, perLane)
			work += lanes * (perLane + 1)
		}
		lost, ticks := 0, 0
		for left := true; left; ticks++ {
			if ticks > 20*work/nodes+500 {
				t.Fatalf("not done after %d ticks of %d slices", ticks, work)
			}
			for _, m := range f.book.members[1:] {
				switch {
				case f.dead[m.ID]:
					f.dead[m.ID] = rapid.IntRange(0, 4).Draw(t, "back") > 0
				case rapid.IntRange(0, 99).Draw(t, "dies") == 0:
					f.dead[m.ID] = true
				}
			}
			for _, l := range f.book.leases() { // none but those of nodes that were dead in the last tick
				if f.dead[l.Owner] {
					lost++
				}
			}
			f.step()
			left = false
			for id := range f.book.jobs {
				left = left || !f.done(id)
			}
		}
		if f.book.stolen > lost+f.asks {
			t.Fatalf("%d leases were taken, for %d that were lost and %d that were asked for", f.book.stolen, lost, f.asks)
		}
		if f.asks > ticks {
			t.Fatalf("%d lanes were taken for others in %d ticks", f.asks, ticks)
		}
	})
}
