package flow

import "fmt"

// Act is what a decision asks for.
type Act uint8

const (
	Begin Act = 1 // an attempt
	Skip  Act = 2
	Fail  Act = 3 // the attempt that runs, or one that never will: Class says why
)

// Decision is one thing that is due.
type Decision struct {
	Step  int
	Act   Act
	Class Class  // of Fail
	Why   string // of Skip and Fail, and of what undoes
}

// Decide returns what is due at now, by the wall clock in nanoseconds, and when it has to be asked again at the latest: 0 when only a change
// of states brings something new. While paused no step begins and none is given up for what it needs; what runs keeps its bounds.
func Decide(g Graph, states []State, paused bool, now int64) (due []Decision, wake int64) {
	steps := g.Steps
	soon := func(at int64) {
		if wake == 0 || at < wake {
			wake = at
		}
	}
	for i, s := range steps {
		switch st := states[i]; st.Status {
		case Pending:
			if paused || g.Back(i) {
				continue
			}
			if why := Blocked(steps, states, i); why != "" {
				due = append(due, Decision{Step: i, Act: Skip, Why: why})
				continue
			}
			if !Ready(steps, states, i) {
				continue
			}
			if why := Gate(steps, states, i); why != "" {
				due = append(due, Decision{Step: i, Act: Fail, Class: Gated, Why: why})
			} else if st.NotBeforeUnixNanos > now {
				soon(st.NotBeforeUnixNanos)
			} else {
				due = append(due, Decision{Step: i, Act: Begin})
			}
		case Running, Waiting:
			if s.TimeoutNanos == 0 {
				continue
			}
			if end := st.BegunUnixNanos + s.TimeoutNanos; end > now {
				soon(end)
			} else {
				due = append(due, Decision{Step: i, Act: Fail, Class: TimedOut, Why: "its time was over"})
			}
		}
	}
	if ended, _ := g.forward(states); ended && !paused {
		more, at := g.decideBack(states, now)
		if due = append(due, more...); at != 0 {
			soon(at)
		}
	}
	return due, wake
}

// Blocked says why a step can not begin any more, "" when it can.
func Blocked(steps []Step, states []State, i int) string {
	for _, need := range steps[i].Needs {
		at := find(steps, need)
		switch st := states[at].Status; {
		case st == Broken && !steps[at].MayFail, st == Skipped, st == Cancelled:
			return fmt.Sprintf("step %s is %s", need, st)
		}
	}
	return ""
}

// Ready reports whether all that a step needs have ended well.
func Ready(steps []Step, states []State, i int) bool {
	for _, need := range steps[i].Needs {
		at := find(steps, need)
		if st := states[at].Status; st != Succeeded && !(st == Broken && steps[at].MayFail) {
			return false
		}
	}
	return true
}

// Gate says why the gate of a step that is ready is shut, "" when it is open.
func Gate(steps []Step, states []State, i int) string {
	name := steps[i].Gate
	if name == "" || states[find(steps, name)].Proved {
		return ""
	}
	return fmt.Sprintf("step %s has no passing proof", name)
}

// Outcome is how a flow ends.
type Outcome struct {
	Done bool // every step has ended; the rest means nothing before
	OK   bool // every step that may not fail has succeeded
	Lost int  // steps that may fail, and did not succeed
	// Undone says that there was something to take back, and that all of it was; Stuck that some of it was not.
	Undone, Stuck bool
}

// Outcome says how a flow ends.
func (g Graph) Outcome(states []State) (out Outcome) {
	for i, st := range states {
		switch {
		case !st.Status.Ended():
			return Outcome{}
		case st.Status != Succeeded && g.Steps[i].MayFail && !g.Back(i):
			out.Lost++
		}
	}
	out.Done = true
	_, out.OK = g.forward(states)
	order, _ := g.back(states)
	for _, i := range order {
		if states[i].Status != Succeeded && !g.Steps[i].MayFail {
			out.Stuck = true
		}
	}
	out.Undone = len(order) > 0 && !out.Stuck
	return out
}
