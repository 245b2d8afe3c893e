package scenario

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Expects is what has to come out beyond the invariants that hold for every run: completeness, nothing twice, order,
// fidelity, fencing, equal digests, no acknowledged fact lost, a linearizable control plane, nothing left behind.
type Expects struct {
	Ends Ends // of the job; the zero value stands for done

	Leader   time.Duration // somebody leads within that time after the last fault was healed
	Done     time.Duration // the job has ended within that time after the last fault was healed
	Failover time.Duration // of each node that was killed, paused or cut off: until another commits in one of its lanes
	Rework   int64         // records that are written again after a loss of a node, at most, per slice

	Exit     int  // the status with which each agent ends that was hit; 0: nothing is said
	SetAside bool // each agent that was hit sets its data aside and comes back as a learner
	Vacuous  bool // the faults may hit nothing: that they do not is what the story is about
}

// Ends is how a job has to end.
type Ends struct {
	State End
	Code  string // of a refusal or a failure, e.g. BST-E1107
}

// End is a state at which a job may end.
type End string

// Ends of jobs.
const (
	Done          End = "done"          // complete and verified, at E3
	Refused       End = "refused"       // nothing was done; the code says why
	Failed        End = "failed"        // the code says why, and what is there is right
	Quarantined   End = "quarantined"   // the rest is complete and verified, and what was set aside is counted
	Indeterminate End = "indeterminate" // it could not be compared, and nobody says that it is complete
	NothingToDo   End = "nothing-to-do" // the plan finds nothing that is missing
)

var codeForm = regexp.MustCompile(`^BST-[A-Z][0-9]{2,4}$`)

// ParseEnds reads "done" or "refused BST-E1107".
func ParseEnds(text string) (Ends, error) {
	state, code, coded := strings.Cut(text, " ")
	e := Ends{State: End(state), Code: code}
	switch e.State {
	case Done, Quarantined, Indeterminate, NothingToDo:
		if coded {
			return Ends{}, fmt.Errorf("%s has no code", state)
		}
	case Refused, Failed:
		if !codeForm.MatchString(code) {
			return Ends{}, fmt.Errorf("%s needs a code, such as %s BST-E1107", state, state)
		}
	default:
		return Ends{}, fmt.Errorf("%q is no end of a job: want done, nothing-to-do, quarantined, indeterminate, refused CODE or failed CODE", text)
	}
	return e, nil
}

// String is what ParseEnds reads. The zero value is done.
func (e Ends) String() string {
	if e.State == "" {
		return string(Done)
	}
	if e.Code != "" {
		return string(e.State) + " " + e.Code
	}
	return string(e.State)
}

// Set lists the keys of what is expected beyond the invariants. A runner that can not check one of them must refuse the
// scenario.
func (e Expects) Set() []string {
	var out []string
	add := func(set bool, key string) {
		if set {
			out = append(out, key)
		}
	}
	add(e.Ends.String() != string(Done), "ends")
	add(e.Leader > 0, "leader")
	add(e.Done > 0, "done")
	add(e.Failover > 0, "failover")
	add(e.Rework > 0, "rework")
	add(e.Exit > 0, "exit")
	add(e.SetAside, "setAside")
	add(e.Vacuous, "vacuous")
	return out
}
