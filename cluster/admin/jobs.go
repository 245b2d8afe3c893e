package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/partition"

	"golang.org/x/sync/errgroup"
)

// What a job looks like from outside. Progress is summed from the checkpoints of its fill slices at each read: the sum is
// small work beside the encoding, and a sum kept elsewhere could disagree with its parts.

type JobPath struct {
	ID string `path:"id" maxLength:"128" doc:"id or name of a job"`
}

func (s *Server) listJobs(ctx context.Context, in *struct{ Blocking }) (*indexed[client.Jobs], error) {
	if err := s.await(ctx, in.Blocking); err != nil {
		return nil, s.failed(err)
	}
	return reading(s, func(view *fsm.View) (client.Jobs, error) {
		var jobs []fsm.Job
		for job, err := range view.Jobs() {
			if err != nil {
				return client.Jobs{}, err
			}
			if !sees(ctx, job.Namespace) {
				continue
			}
			if reads, err := readsOnly(view, job.ID); err != nil || reads {
				if err != nil {
					return client.Jobs{}, err
				}
				continue // they are listed at /v1/scans, and with their dataset
			}
			jobs = append(jobs, job)
		}
		out := client.Jobs{Jobs: make([]client.Job, len(jobs))}
		// Each reads all of its slices, which is what takes time here.
		var all errgroup.Group
		all.SetLimit(runtime.GOMAXPROCS(0))
		for i, job := range jobs {
			all.Go(func() (err error) {
				out.Jobs[i], err = s.describeJob(view, job)
				return err
			})
		}
		if err := all.Wait(); err != nil {
			return client.Jobs{}, err
		}
		slices.SortFunc(out.Jobs, func(a, b client.Job) int { return cmp.Compare(b.CreateIndex, a.CreateIndex) })
		return out, nil
	})
}

func (s *Server) showJob(ctx context.Context, in *struct {
	JobPath
	Blocking
}) (*indexed[client.Job], error) {
	if err := s.await(ctx, in.Blocking); err != nil {
		return nil, s.failed(err)
	}
	return reading(s, func(view *fsm.View) (client.Job, error) {
		job, err := findJob(view, in.ID)
		if err != nil {
			return client.Job{}, err
		}
		return s.describeJob(view, job)
	})
}

func (s *Server) listSlices(ctx context.Context, in *struct {
	JobPath
	Blocking
}) (*indexed[client.SliceStates], error) {
	if err := s.await(ctx, in.Blocking); err != nil {
		return nil, s.failed(err)
	}
	return reading(s, func(view *fsm.View) (client.SliceStates, error) {
		out := client.SliceStates{Slices: []client.SliceState{}}
		job, err := findJob(view, in.ID)
		if err != nil {
			return out, err
		}
		names, err := memberNames(view)
		if err != nil {
			return out, err
		}
		plans := map[uint32]partition.Slice{}
		for slice, err := range view.Slices(job.ID) {
			if err != nil {
				return out, err
			}
			plans[slice.ID.N] = slice
		}
		for state, err := range view.SliceStates(job.ID) {
			if err != nil {
				return out, err
			}
			out.Slices = append(out.Slices, describeSlice(state, plans[state.ID.N], names))
		}
		return out, nil
	})
}

func (s *Server) showRecipe(_ context.Context, in *JobPath) (*indexed[client.Work], error) {
	return reading(s, func(view *fsm.View) (client.Work, error) {
		job, err := findJob(view, in.ID)
		if err != nil {
			return client.Work{}, err
		}
		out := client.Work{Job: string(job.ID), PlanHash: fmt.Sprintf("%x", job.PlanHash), Recipe: job.Recipe, Slices: []client.Slice{}}
		for slice, err := range view.Slices(job.ID) {
			if err != nil {
				return out, err
			}
			out.Slices = append(out.Slices, client.NewSlice(slice))
		}
		return out, nil
	})
}

// action is a request that changes the state of a job.
type action struct {
	JobPath
	Keyed
	Body client.Action
}

// act makes the handler of one such request.
func (s *Server) act(verb string, command func(partition.JobID) fsm.Command) func(context.Context, *action) (*indexed[client.Job], error) {
	return func(ctx context.Context, in *action) (*indexed[client.Job], error) {
		id, err := s.jobID(in.ID)
		if err != nil {
			return nil, err
		}
		result, err := s.propose(ctx, s.envelope(ctx, in.Keyed, verb, in.Body.Reason), command(id), string(id))
		if err != nil {
			return nil, err
		}
		return s.jobAfter(ctx, id, result.Index)
	}
}

// jobAfter answers with a job as of index or later, whichever node applied it first.
func (s *Server) jobAfter(ctx context.Context, id partition.JobID, index uint64) (*indexed[client.Job], error) {
	if err := s.applied(ctx, index); err != nil {
		return nil, s.failed(err)
	}
	return s.showJob(ctx, &struct {
		JobPath
		Blocking
	}{JobPath: JobPath{ID: string(id)}})
}

// jobID resolves an id or a name. An id that this node does not know is left to the book to refuse: the job may have been
// submitted through another node a moment ago.
func (s *Server) jobID(ref string) (partition.JobID, error) {
	view, err := s.node.View()
	if err != nil {
		return "", s.failed(err)
	}
	defer view.Close()
	job, err := findJob(view, ref)
	var p *problem
	if errors.As(err, &p) && p.Code == client.CodeNotFound {
		if id, notID := partition.ParseJobID(ref); notID == nil {
			return id, nil
		}
	}
	if err != nil {
		return "", s.failed(err)
	}
	return job.ID, nil
}

// readsOnly reports whether a job is a scan, or makes a plan.
func readsOnly(view *fsm.View, id partition.JobID) (bool, error) {
	_, scan, err := view.Scan(id)
	if err != nil || scan {
		return scan, err
	}
	_, plan, err := view.Plan(id)
	return plan, err
}

// findJob resolves an id, or a name to the newest job of that name.
func findJob(view *fsm.View, ref string) (fsm.Job, error) {
	if id, err := partition.ParseJobID(ref); err == nil {
		job, ok, err := view.Job(id)
		if err != nil {
			return fsm.Job{}, err
		}
		if ok {
			return job, nil
		}
	}
	var newest fsm.Job
	for job, err := range view.Jobs() {
		if err != nil {
			return fsm.Job{}, err
		}
		if job.Name != ref || job.CreateIndex <= newest.CreateIndex {
			continue
		}
		if reads, err := readsOnly(view, job.ID); err != nil {
			return fsm.Job{}, err
		} else if !reads { // a scan is called as the job that would mend what it finds
			newest = job
		}
	}
	if newest.ID == "" {
		return fsm.Job{}, notFound("job", ref, "backstitch status")
	}
	return newest, nil
}

func (s *Server) describeJob(view *fsm.View, job fsm.Job) (client.Job, error) {
	out := client.Job{
		ID: string(job.ID), Name: job.Name, Namespace: job.Namespace, State: job.State.String(), Why: job.Why,
		PlanHash: fmt.Sprintf("%x", job.PlanHash), Locks: job.Locks, Priority: job.Priority, Records: job.Records, Bytes: job.Bytes,
		Slices: job.Slices, FillSlices: job.FillSlices, FillDone: job.FillDone, VerifySlices: job.VerifySlices,
		VerifyDone: job.VerifyDone, FailedSlices: job.FailedSlices, CreatedBy: job.CreatedBy,
		CreatedAt: time.Unix(0, job.CreatedUnixNanos).UTC(), StartedAt: instant(job.StartedUnixNanos),
		FinishedAt: instant(job.FinishedUnixNanos), CreateIndex: job.CreateIndex, ModifyIndex: job.ModifyIndex,
		Proof: string(job.Proof),
	}
	if out.Locks == nil {
		out.Locks = []string{}
	}
	if job.ResumeState != 0 {
		out.ResumeState = job.ResumeState.String()
	}
	for state, err := range view.SliceStates(job.ID) {
		if err != nil {
			return out, err
		}
		if state.Kind == partition.SliceFill {
			p := describeProgress(state.Checkpoint)
			out.Progress.Written += p.Written
			out.Progress.Bytes += p.Bytes
			out.Progress.Suppressed += p.Suppressed
			out.Progress.Quarantined += p.Quarantined
		}
	}
	if job.Proof != "" {
		proof, ok, err := view.Proof(job.Proof)
		if err != nil {
			return out, err
		}
		if ok {
			out.Verdict = proof.Verdict.String()
		}
	}
	if err := s.describeTerms(view, &out, job); err != nil {
		return out, err
	}
	return out, describeAfterlife(view, &out, job)
}

func describeSlice(state fsm.SliceState, plan partition.Slice, names map[partition.NodeID]string) client.SliceState {
	out := client.SliceState{
		ID: state.ID.String(), Kind: state.Kind.String(), Partition: state.Partition, Status: state.Status.String(),
		Owner: string(state.Owner), OwnerName: names[state.Owner], Epoch: uint64(state.Epoch), Records: plan.Records,
		Bytes: plan.Bytes, Cursor: state.Checkpoint.Cursor, Progress: describeProgress(state.Checkpoint),
		SeenAt: instant(state.Checkpoint.UnixNanos), Attempts: state.Attempts, NotBefore: instant(state.NotBeforeUnixNanos),
		Error: state.Err, Index: state.ModifyIndex,
	}
	for _, q := range state.Quarantine {
		out.Quarantine = append(out.Quarantine, client.Poison{
			Partition: q.Partition, Offset: q.Offset, Object: q.Object, Code: q.Code, Reason: q.Reason,
		})
	}
	return out
}

func describeProgress(c fsm.Checkpoint) client.Progress {
	return client.Progress{Written: c.Records, Bytes: c.Bytes, Suppressed: c.Suppressed, Quarantined: c.Quarantined}
}

// instant is nil for "never".
func instant(unixNanos int64) *time.Time {
	if unixNanos == 0 {
		return nil
	}
	t := time.Unix(0, unixNanos).UTC()
	return &t
}
