package admin

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/partition"
)

// A submission is larger than a command may be, so it becomes several: submit, add slices, start. Nothing runs before the
// last one. A submission that was cut off in the middle leaves a planned job behind; sending it again completes it, since
// each command is harmless the second time.

type submitJobInput struct {
	Keyed
	Body client.Submission
}

// submitJob accepts a frozen plan.
func (s *Server) submitJob(ctx context.Context, in *submitJobInput) (*indexed[client.Job], error) {
	plan, err := s.accept(in.Body)
	if err != nil {
		return nil, err
	}
	if err := s.checkIndex(in.Body); err != nil {
		return nil, err
	}
	result, err := s.carryOut(ctx, in.Keyed, plan)
	if err != nil {
		return nil, err
	}
	return s.jobAfter(ctx, plan.submit.ID, result.Index)
}

// submission is a plan as commands.
type submission struct {
	submit fsm.SubmitJob
	terms  *fsm.Terms // nil for none
	slices []partition.Slice
}

// accept checks what the schema can not.
func (s *Server) accept(in client.Submission) (submission, error) {
	id, err := partition.ParseJobID(in.ID)
	if err != nil {
		return submission{}, invalid(err.Error(), "backstitch plan -f SPEC -o FILE, then backstitch run FILE")
	}
	if own := s.node.ClusterID(); in.Cluster != "" && in.Cluster != own {
		return submission{}, newProblem(http.StatusConflict, client.CodeOtherCluster, "the plan was made for another cluster",
			fmt.Sprintf("the plan names cluster %s, this is %s", in.Cluster, own), "make a new plan against this cluster: backstitch plan -f SPEC")
	}
	hash, err := hex.DecodeString(in.PlanHash)
	if err != nil || len(hash) != 32 {
		return submission{}, invalid(fmt.Sprintf("planHash %q is not 64 hex digits", in.PlanHash), "")
	}
	if len(in.Slices) == 0 {
		return submission{}, invalid("the plan has no slices", "backstitch gaps list shows whether anything is missing")
	}
	if in.Priority > 100 {
		return submission{}, invalid(fmt.Sprintf("priority %d is not 0 to 100", in.Priority), "")
	}
	out := submission{submit: fsm.SubmitJob{
		ID: id, Name: in.Name, Namespace: in.Namespace, Recipe: in.Recipe, PlanHash: [32]byte(hash), Locks: in.Locks,
		Priority: in.Priority, Records: in.Records, Bytes: in.Bytes, Slices: uint32(len(in.Slices)),
	}}
	for i, slice := range in.Slices {
		made, err := slice.Partitioned(id)
		if err != nil {
			return submission{}, invalid(err.Error(), "")
		}
		if made.ID.N != uint32(i) {
			return submission{}, invalid(fmt.Sprintf("slice %d has number %d", i, made.ID.N), "")
		}
		out.slices = append(out.slices, made)
	}
	if out.terms, err = s.terms(id, in); err != nil {
		return submission{}, err
	}
	return out, nil
}

// checkIndex refuses when somebody else submitted under the same name since the caller looked.
func (s *Server) checkIndex(in client.Submission) error {
	if in.CheckIndex == nil {
		return nil
	}
	view, err := s.node.View()
	if err != nil {
		return s.failed(err)
	}
	defer view.Close()
	job, err := findJob(view, in.Name)
	var p *problem
	if err != nil && (!errors.As(err, &p) || p.Code != client.CodeNotFound) {
		return s.failed(err)
	}
	if string(job.ID) == in.ID || job.ModifyIndex == *in.CheckIndex {
		return nil
	}
	return newProblem(http.StatusConflict, client.CodeCheckIndex, "the job has changed since you looked",
		fmt.Sprintf("job %s is at index %d, --check-index says %d", in.Name, job.ModifyIndex, *in.CheckIndex), "backstitch status "+in.Name)
}

// carryOut proposes the commands of a submission in order and returns the result of the last one.
func (s *Server) carryOut(ctx context.Context, k Keyed, plan submission) (fsm.Result, error) {
	id := plan.submit.ID
	var first fsm.Command = plan.submit
	if plan.terms != nil {
		first = fsm.SubmitJobOnTerms{Submit: plan.submit, Terms: *plan.terms}
		if err := s.allows(first); err != nil {
			return fsm.Result{}, err
		}
	}
	result, err := s.propose(ctx, s.envelope(ctx, k, "submit", ""), first, string(id))
	if err != nil {
		return result, err
	}
	for from, step := 0, 0; from < len(plan.slices); step++ {
		to := from + slicesThatFit(plan.slices[from:])
		cmd := fsm.AddSlices{Job: id, Slices: plan.slices[from:to]}
		if result, err = s.propose(ctx, s.envelope(ctx, k, fmt.Sprintf("slices-%d", step), ""), cmd, string(id)); err != nil {
			return result, s.unlessRunning(id, result, err)
		}
		from = to
	}
	result, err = s.propose(ctx, s.envelope(ctx, k, "start", ""), fsm.StartJob{ID: id}, string(id))
	return result, s.unlessRunning(id, result, err)
}

// unlessRunning forgives a refusal that only says that the same plan was completed before.
func (s *Server) unlessRunning(id partition.JobID, result fsm.Result, err error) error {
	if err == nil || result.Code != fsm.WrongState {
		return err
	}
	view, viewErr := s.node.View()
	if viewErr != nil {
		return err
	}
	defer view.Close()
	if job, ok, viewErr := view.Job(id); viewErr != nil || !ok || job.State == fsm.JobPlanned {
		return err
	}
	return nil
}

// slicesThatFit is how many slices go into one command, at least one.
func slicesThatFit(slices []partition.Slice) int {
	size := 0
	for i, slice := range slices {
		size += 96 + 18*(len(slice.Ranges)+len(slice.Filled))
		for _, o := range slice.Objects {
			size += 32 + len(o.Key) + len(o.ETag)
		}
		if size > fsm.MaxSlicesBytes && i > 0 {
			return i
		}
	}
	return len(slices)
}
