package objects

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"backstitch/partition"
	"backstitch/replay/bucket"
	"backstitch/replay/sink"
)

// Taking back what a job wrote: one commit that says so. It has a number like any other, so of it and a writer's commit one is first, and the
// other learns of it.

// maxVoid bounds the jobs that a partition's commits name, so that a commit stays below maxEntryBytes.
const maxVoid = 1000

// PlanRevert reads every commit of the partition.
func (s *Sink) PlanRevert(ctx context.Context, part int32, job partition.JobID) (sink.Void, error) {
	l := s.log(part)
	last, err := l.last(ctx)
	if err != nil {
		return sink.Void{}, classify(err)
	}
	v, err := l.wrote(ctx, last, job)
	return v, classify(err)
}

// Revert appends the commit that makes job void, if there is none yet.
func (s *Sink) Revert(ctx context.Context, part int32, job partition.JobID) (sink.Void, error) {
	l := s.log(part)
	fail := func(err error) (sink.Void, error) {
		return sink.Void{}, fmt.Errorf("make what job %s wrote into %s void: %w", job, l.dir, classify(err))
	}
	if err := s.probe(ctx); err != nil {
		return fail(err)
	}
	last, err := l.last(ctx)
	if err != nil {
		return fail(err)
	}
	for range maxRaces {
		v, err := l.wrote(ctx, last, job)
		switch {
		case err != nil:
			return fail(err)
		case v.Done:
			return v, nil
		case len(v.Later) > 0:
			return fail(fmt.Errorf("%s: %w", names(v.Later), sink.ErrBuiltUpon))
		case len(last.Void) >= maxVoid:
			return fail(fmt.Errorf("%d jobs are void there already, and no more can be: %w", maxVoid, sink.ErrProgress))
		}
		e := entry{Number: last.Number + 1, Job: job, From: last.To, To: last.To}
		e.inherit(append(slices.Clone(last.Void), job))
		err = l.append(ctx, e)
		if err == nil {
			return v, nil
		}
		if !errors.Is(err, bucket.ErrExists) {
			return fail(err)
		}
		// Somebody committed meanwhile: perhaps records behind those of job.
		if last, err = l.newest(ctx, last); err != nil {
			return fail(err)
		}
	}
	return fail(fmt.Errorf("others commit all the time: %w", sink.ErrFenced))
}

// wrote is what job has written up to last.
func (l log) wrote(ctx context.Context, last entry, job partition.JobID) (v sink.Void, err error) {
	v.Done = slices.Contains(last.Void, job)
	for n := int64(1); n <= last.Number; n++ {
		e, err := l.must(ctx, n)
		switch {
		case err != nil:
			return sink.Void{}, err
		case e.Data == "":
		case e.Job == job:
			v.Records += e.To - e.From
		case v.Records > 0 && !slices.Contains(last.Void, e.Job) && !slices.Contains(v.Later, e.Job):
			v.Later = append(v.Later, e.Job)
		}
	}
	return v, nil
}

func names(jobs []partition.JobID) string {
	var out []string
	for _, j := range jobs {
		out = append(out, "job "+string(j))
	}
	return strings.Join(out, ", ")
}
