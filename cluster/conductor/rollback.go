package conductor

import (
	"context"
	"errors"
	"fmt"

	"backstitch/fsm"
	"backstitch/fsm/flow"
	"backstitch/partition"
)

// Taking back a job is a thing of many writes: aliases, consumer groups, files. Each of them is noted in the book before it is done, by the same
// commands as when a person asks for it, and doing all of it again goes on with what is left. So a leader that finds a rollback under way
// begins it again.

// TakeBack is the rollback of the job of a step.
type TakeBack struct {
	Step string `json:"step"`
}

// Rollbacker takes back what a job has done, as backstitch rollback does it. It runs on the leader. Doing it again goes on with what is left. It
// returns what it did, for people; an error that is ErrRefused will be the same until somebody has done something about it.
type Rollbacker interface {
	Rollback(ctx context.Context, job partition.JobID, by fsm.FlowID, reason string) (did string, err error)
}

// rollBack takes back a job, "" for a step that has left none.
func (c *Config) rollBack(ctx context.Context, job partition.JobID, f fsm.Flow) outcome {
	if job == "" {
		return outcome{why: "there is no job: nothing was written"}
	}
	if c.Rollbacker == nil {
		return failed(flow.Refused, "this node takes no jobs back")
	}
	did, err := c.Rollbacker.Rollback(ctx, job, f.ID, fmt.Sprintf("flow %s failed", f.Name))
	switch {
	case err == nil:
		return outcome{why: did}
	case ctx.Err() != nil:
		return failed(flow.TimedOut, "the rollback of job %s did not end in time: %v", job, err)
	case errors.Is(err, ErrRefused):
		return failed(flow.Refused, "%v", err)
	}
	return failed(flow.Transient, "%v", err)
}

// jobOf returns the job that a step of kind RollBack takes back.
func jobOf(s flow.Step, f fsm.Flow, g fsm.FlowGraph) partition.JobID {
	var b TakeBack
	if s.Kind != RollBack || strict(s.Body, &b) != nil {
		return ""
	}
	for i, o := range g.Steps {
		if o.Name == b.Step {
			return f.States[i].Job
		}
	}
	return ""
}

// CheckBack refuses steps that take back a job and are no edge back from the step that has it.
func CheckBack(g flow.Graph) error {
	for i, s := range g.Steps {
		var b TakeBack
		if s.Kind != RollBack || strict(s.Body, &b) != nil {
			continue
		}
		for _, e := range g.Undo {
			if e.By == s.Name && e.Step != b.Step {
				return fmt.Errorf("step %s undoes %s, and takes back the job of %s", s.Name, e.Step, b.Step)
			}
		}
		if !g.Back(i) {
			return fmt.Errorf("step %s takes back the job of %s, and undoes nothing", s.Name, b.Step)
		}
	}
	return nil
}
