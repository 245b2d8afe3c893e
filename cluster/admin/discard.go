package admin

import (
	"context"
	"time"

	"backstitch/cluster/client"
	"backstitch/fsm"
	"backstitch/partition"
)

// Records of a job's quarantine that are given up, and taken back.

func (s *Server) listDiscarded(_ context.Context, in *JobPath) (*indexed[client.DiscardedRecords], error) {
	return reading(s, func(view *fsm.View) (client.DiscardedRecords, error) {
		job, err := findJob(view, in.ID)
		if err != nil {
			return client.DiscardedRecords{}, err
		}
		return describeDiscarded(view, job.ID)
	})
}

func describeDiscarded(view *fsm.View, job partition.JobID) (client.DiscardedRecords, error) {
	out := client.DiscardedRecords{Job: string(job), Records: []client.Discarded{}}
	for d, err := range view.Discarded(job) {
		if err != nil {
			return out, err
		}
		out.Records = append(out.Records, client.Discarded{
			Partition: d.Position.Partition, Offset: int64(d.Position.Offset), By: d.By, Reason: d.Why, At: time.Unix(0, d.UnixNanos).UTC(),
		})
	}
	return out, nil
}

// discarding is a request that gives records up or takes them back.
type discarding struct {
	JobPath
	Keyed
	Body client.Discard
}

func (s *Server) discard(ctx context.Context, in *discarding) (*indexed[client.DiscardedRecords], error) {
	return s.changeDiscarded(ctx, in, "discard", func(job partition.JobID, at []fsm.Position) fsm.Command {
		c := fsm.DiscardRecords{Job: job, Positions: at}
		for _, r := range in.Body.Records {
			c.Planned = append(c.Planned, r.Planned)
		}
		return c
	})
}

func (s *Server) restoreDiscarded(ctx context.Context, in *discarding) (*indexed[client.DiscardedRecords], error) {
	return s.changeDiscarded(ctx, in, "restore discarded", func(job partition.JobID, at []fsm.Position) fsm.Command {
		return fsm.RestoreRecords{Job: job, Positions: at}
	})
}

func (s *Server) changeDiscarded(ctx context.Context, in *discarding, verb string, command func(partition.JobID, []fsm.Position) fsm.Command) (*indexed[client.DiscardedRecords], error) {
	id, err := s.jobID(in.ID)
	if err != nil {
		return nil, err
	}
	var at []fsm.Position
	for _, r := range in.Body.Records {
		at = append(at, fsm.Position{Partition: r.Partition, Offset: partition.Offset(r.Offset)})
	}
	cmd := command(id, at)
	if err := s.allows(cmd); err != nil {
		return nil, err
	}
	result, err := s.propose(ctx, s.envelope(ctx, in.Keyed, verb, in.Body.Reason), cmd, string(id))
	if err != nil {
		return nil, err
	}
	if err := s.applied(ctx, result.Index); err != nil {
		return nil, s.failed(err)
	}
	return reading(s, func(view *fsm.View) (client.DiscardedRecords, error) { return describeDiscarded(view, id) })
}
