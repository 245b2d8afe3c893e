package check

import (
	"slices"

	"backstitch/fsm"
	"backstitch/partition"
)

// End is how a job ended, as its cluster says.
type End struct {
	Job   partition.JobID
	State fsm.JobState
	Why   string
	Proof fsm.ProofID
	// May lists the states that the run allows besides succeeded with a proof: failed with a reason, cancelled, paused by somebody.
	May []fsm.JobState
}

// Ended looks at the jobs after the run: each is in a state that the run allows, a success has its proof, and a failure its reason.
func Ended(submitted []partition.JobID, ends []End) (Findings, error) {
	if len(submitted) == 0 {
		return nil, unfit("no job was submitted")
	}
	by := map[partition.JobID]End{}
	for _, e := range ends {
		by[e.Job] = e
	}
	var found Findings
	for _, id := range submitted {
		e, ok := by[id]
		where := "job " + string(id)
		switch {
		case !ok:
			found.add(Definite, where, "nobody knows it")
		case e.State == fsm.JobSucceeded && e.Proof == "":
			found.add(Definite, where, "it succeeded without a proof")
		case e.State == fsm.JobSucceeded:
		case !slices.Contains(e.May, e.State):
			found.add(Definite, where, "it is %s (%s)", e.State, e.Why)
		case e.State == fsm.JobFailed && e.Why == "":
			found.add(Definite, where, "it failed and nobody says why")
		}
	}
	return found, nil
}
