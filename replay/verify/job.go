package verify

import (
	"context"
	"errors"
	"fmt"

	"backstitch/partition"
	"backstitch/replay/open"

	"golang.org/x/sync/errgroup"
)

// ErrNoSlices says that a job has nothing to verify.
var ErrNoSlices = errors.New("job has no verify slices")

// Job compares all partitions of a job, parallel at a time, in the order of its slices. Slices of other kinds are passed over.
// quarantined is by partition what the job has set aside. Nothing is written; fsm.Judge adds the result up.
func (v *Verifier) Job(ctx context.Context, slices []partition.Slice, quarantined map[int32]partition.Ranges, ends *open.Ends, parallel int) ([]Result, error) {
	var todo []partition.Slice
	for _, s := range slices {
		if s.Kind == partition.SliceVerify {
			todo = append(todo, s)
		}
	}
	if len(todo) == 0 {
		return nil, ErrNoSlices
	}
	out := make([]Result, len(todo))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, parallel))
	for i, s := range todo {
		g.Go(func() error {
			c, err := v.Compare(gctx, Work{
				Slice: s, Quarantined: quarantined[s.Partition], Recipe: ends.Recipe, Reference: ends.Source, Target: ends.Targets,
			})
			if err != nil {
				return fmt.Errorf("verify partition %d: %w", s.Partition, err)
			}
			out[i] = c
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return out, nil
}
