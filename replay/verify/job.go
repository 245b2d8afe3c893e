package verify

import (
	"context"
	"errors"
	"fmt"

	"backstitch/fsm"
	"backstitch/partition"
	"backstitch/replay/open"

	"golang.org/x/sync/errgroup"
)

// ErrNoSlices says that a job has nothing to verify.
var ErrNoSlices = errors.New("job has no verify slices")

// Job compares all partitions of a job, parallel at a time, in the order of its slices. Slices of other kinds are passed over.
// quarantined is by partition what the job has set aside. Nothing is written; fsm.Judge adds the result up.
func (v *Verifier) Job(ctx context.Context, slices []partition.Slice, quarantined map[int32]partition.Ranges, ends *open.Ends, parallel int) ([]fsm.Comparison, error) {
	var todo []partition.Slice
	for _, s := range slices {
		if s.Kind == partition.SliceVerify {
			todo = append(todo, s)
		}
	}
	if len(todo) == 0 {
		return nil, ErrNoSlices
	}
	out := make([]fsm.Comparison, len(todo))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, parallel))
	for i, s := range todo {
		g.Go(func() error {
			c, err := v.Verify(gctx, s, quarantined[s.Partition], ends)
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
