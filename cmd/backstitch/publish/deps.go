package publish

import (
	"context"

	"backstitch/cluster/client"
	"backstitch/partition"
	"backstitch/replay/sink"
)

// Book is what the cluster remembers. client.Client is one.
type Book interface {
	Aliases(ctx context.Context) ([]client.Alias, error)
	AliasMoves(ctx context.Context, name string, version uint32) ([]client.GroupMove, error)
	PutAlias(ctx context.Context, name string, p client.PutAlias) (client.Alias, error)
	RevertAlias(ctx context.Context, name string, r client.RevertAlias) (client.Alias, error)
	VoidJob(ctx context.Context, id string, v client.VoidJob) (client.Job, error)
}

// Groups moves consumer groups as their plans say: the text of a regroup.Plan.
type Groups interface {
	// Plan says how groups, in order, go from one topic to another, which may be in another Kafka. It refuses a group that can not go whole.
	Plan(ctx context.Context, groups []string, from, to Place) ([]client.GroupMove, error)
	// Movable refuses a plan that could not be followed now. It writes nothing, as Returnable does for the way back.
	Movable(ctx context.Context, plan []byte) error
	Move(ctx context.Context, plan []byte) error
	Returnable(ctx context.Context, plan []byte) error
	// Return puts a group back, and says of what it had to leave.
	Return(ctx context.Context, plan []byte) (notes []string, err error)
}

// Files are where a job wrote, if it wrote files: the partitions that it may have written.
type Files struct {
	Sink       sink.Reverter
	Partitions []int32
}

// names are the groups of plans, in order.
func names(moves []client.GroupMove) (out []string) {
	for _, m := range moves {
		out = append(out, m.Group)
	}
	return out
}

func (f *Files) plan(ctx context.Context, job partition.JobID) (records int64, err error) {
	var later []partition.JobID
	for _, part := range f.Partitions {
		v, err := f.Sink.PlanRevert(ctx, part, job)
		if err != nil {
			return 0, err
		}
		records += v.Records
		if !v.Done {
			later = append(later, v.Later...)
		}
	}
	if len(later) > 0 {
		return 0, builtUpon(job, later)
	}
	return records, nil
}
