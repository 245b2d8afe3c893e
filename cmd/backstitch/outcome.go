package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"backstitch/cluster/client"
	"backstitch/replay/gap"
	"backstitch/replay/recovery"
)

// This file decides what a finished job means for the exit status. The book keeps what a job did; what it was never able to do
// is in its recipe. Both are needed: a job that proved all that it was given is still not complete when the plan had to leave
// something out.

// outcome is nil for complete and verified. Its error says why not, in the words of the worker that met the reason.
func (a *app) outcome(ctx context.Context, c *client.Client, j client.Job) error {
	switch j.State {
	case "succeeded":
		work, err := c.Work(ctx, j.ID)
		if err != nil {
			return fmt.Errorf("ask what job %s left out: %w", j.ID, err)
		}
		var recipe recovery.Recipe
		if err := json.Unmarshal(work.Recipe, &recipe); err != nil {
			return fmt.Errorf("recipe of job %s: %w", j.ID, err)
		}
		return succeeded(j, &recipe)
	case "failed":
		// Without an answer the job has failed all the same, and status names the slices.
		states, _, err := c.Slices(ctx, j.ID, client.Blocking{})
		if err != nil {
			states = nil
		}
		return failed(j, states)
	}
	return &failure{
		Code: codeJobFailed, Title: fmt.Sprintf("job %s %s", j.ID, j.State), Detail: j.Why, Exit: client.ExitFailed,
		Next: "backstitch plan again for what is still missing",
	}
}

// succeeded tells complete from complete but for something.
func succeeded(j client.Job, recipe *recovery.Recipe) error {
	var why []string
	f := &failure{Code: codePartly, Exit: client.ExitPartly}
	if left := recipe.LeftOut(); len(left) > 0 {
		f.Detail = strings.Join(left, "\n") + "\nNothing was written there, and the proof does not cover it."
	}
	if n := int64(len(recipe.Left)) + recipe.LeftMore; n > 0 {
		why = append(why, gap.Plural(n, "place")+" that the reference can not give")
		f.Next = "mend the reference, then: backstitch plan -f SPEC -o FILE.plan"
	}
	if n := j.Progress.Quarantined + recipe.Refused(); n > 0 {
		why = append(why, gap.Plural(n, "record")+" in quarantine")
		f.Next = "backstitch quarantine list " + j.ID
	}
	if len(why) == 0 {
		return nil
	}
	f.Title = fmt.Sprintf("job %s is complete but for %s", j.ID, strings.Join(why, " and "))
	return f
}

// failed names the first slice that gave up, with its reason.
func failed(j client.Job, states []client.SliceState) error {
	f := &failure{Code: codeJobFailed, Title: fmt.Sprintf("job %s %s", j.ID, j.State), Detail: j.Why, Exit: client.ExitFailed}
	i := slices.IndexFunc(states, func(s client.SliceState) bool { return s.Status == "failed" })
	switch {
	case i >= 0:
		f.Detail += fmt.Sprintf("\n%s: %s", states[i].ID, states[i].Error)
		f.Next = "backstitch status " + j.ID + "     then, with the cause gone: backstitch retry " + j.ID
	case j.Verdict == "fail":
		f.Next, f.Exit = "backstitch report show "+j.ID, client.ExitDiffer
	case j.Verdict == "indeterminate":
		f.Next, f.Exit = "backstitch report show "+j.ID, client.ExitIndeterminate
	default:
		f.Next = "backstitch status " + j.ID + "     then: backstitch retry " + j.ID
	}
	return f
}
