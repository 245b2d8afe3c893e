package staging

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"backstitch/cluster/client"
)

// This file is what follows the story: the cluster recovers, the job ends, and what it wrote is compared. Time that was not enough
// is no broken promise. It is said, and then the run has shown nothing.

// aftermath waits until bounded ends and judges. The comparison has its own time.
func (r *run) aftermath(ctx, bounded context.Context) {
	healed := time.Now()
	r.evidence.Phase("wait")
	r.recovered(ctx, bounded, healed)
	job, done := r.jobEnds(ctx, bounded, healed)
	r.failover(r.takeovers.end())
	switch {
	case ctx.Err() != nil:
	case done:
		r.evidence.Phase("verify")
		r.verify(ctx)
	default:
		r.unshown("job %s was %s when --max-duration was over, so it is not verified; backstitch verify %s compares it once it has ended",
			r.cfg.Job, cmp.Or(job.State, "not to be asked for"), r.cfg.Job)
	}
}

// recovered waits until somebody leads and all nodes are there, and checks how long that took. It looks once also when bounded has ended.
func (r *run) recovered(ctx, bounded context.Context, healed time.Time) {
	limit := r.cfg.Scenario.Expects.Leader
	led := false
	for {
		state, err := r.cfg.Client.Cluster(ctx)
		took := time.Since(healed)
		if !led && (err == nil && state.Leader != nil || limit > 0 && took > limit) {
			led = true
			if limit > 0 && took > limit {
				r.violate("nobody was seen to lead for %s after the last fault was healed, want within %s", took.Round(time.Millisecond), limit)
			}
		}
		switch {
		case err == nil && state.Healthy:
			return
		case ctx.Err() != nil:
			return
		case bounded.Err() != nil:
			r.unshown("the cluster was not healthy when --max-duration was over: %v %s", err, strings.Join(state.Reasons, "; "))
			return
		case took > r.patience.comesBack:
			r.violate("the cluster is not healthy %s after the last fault was healed: %v %s", took.Round(time.Second), err, strings.Join(state.Reasons, "; "))
			return
		}
		_ = pause(bounded, r.patience.tick) // looked at above
	}
}

func ended(j client.Job) bool {
	return slices.Contains([]string{"succeeded", "failed", "cancelled"}, j.State)
}

// jobEnds waits for the job. done is false when bounded ended before; it looks once also then.
func (r *run) jobEnds(ctx, bounded context.Context, healed time.Time) (last client.Job, done bool) {
	limit := r.cfg.Scenario.Expects.Done
	moved := healed // when the job was seen to go on
	for {
		job, _, err := r.cfg.Client.Job(ctx, r.cfg.Job, client.Blocking{})
		if err == nil {
			if job.State != last.State || job.Progress.Written > last.Progress.Written {
				moved = time.Now()
			}
			last = job
		}
		took := time.Since(healed)
		switch {
		case err == nil && ended(job):
			if job.State != "succeeded" {
				r.violate("job %s %s: %s %s", job.ID, job.State, job.Why, job.Verdict)
			}
			if limit > 0 && took > limit {
				r.violate("job %s ended %s after the last fault was healed, want within %s", job.ID, took.Round(time.Second), limit)
			}
			return job, true
		case bounded.Err() == nil:
			_ = pause(bounded, r.patience.tick) // looked at in the next turn
			continue
		}
		if limit > 0 && took > limit {
			r.violate("job %s has not ended %s after the last fault was healed, want within %s", r.cfg.Job, took.Round(time.Second), limit)
		}
		if still := time.Since(moved); still > r.patience.standstill {
			r.violate("job %s has stood still for %s although nothing is done to the cluster any more", r.cfg.Job, still.Round(time.Second))
		}
		return last, false
	}
}

// verify compares what the job wrote.
func (r *run) verify(ctx context.Context) {
	proof, err := r.cfg.Verify(ctx)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		r.unshown("%s could not be verified: %v", r.cfg.Job, err)
	case proof.Verdict == "indeterminate":
		r.unshown("verify of %s had nothing to compare", r.cfg.Job)
	case proof.Verdict != "pass":
		r.violate("verify of %s: the data differ (%s)%s", r.cfg.Job, proof.Verdict, indent(proof.Differences))
	}
}

func indent(lines []string) string {
	var out strings.Builder
	for _, line := range lines {
		out.WriteString("\n  " + line)
	}
	return out.String()
}
