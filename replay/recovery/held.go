package recovery

import (
	"context"
	"fmt"
	"slices"

	"backstitch/replay/gap"
)

// hold notes on what is missing that the reference has it, and until when that is sure. An archive has no end that anybody here knows:
// rules of a store's lifecycle are not read.
func (b *builder) hold(ctx context.Context, ref Reference) error {
	var keepsMs int64
	if l, ok := ref.(DescribedLog); ok {
		s, err := l.Describe(ctx)
		if err != nil {
			return fmt.Errorf("ask how long the reference keeps records: %w", err)
		}
		keepsMs = s.Limits.keepsMs()
	}
	b.report.Hold(sourceName(b.recipe.Source), keepsMs)
	return nil
}

// keepsMs is how long a record is kept for sure, counted from its timestamp; 0 where that does not go by age alone, or is not known. A
// segment goes when its newest record is old enough, so none of its records goes earlier.
func (l Limits) keepsMs() int64 {
	if l.CleanupPolicy != "delete" || l.RetentionBytes > 0 {
		return 0
	}
	return l.RetentionMs
}

// unheld are findings as a plan freezes them: who has the records the recipe says, and a retention that somebody changes meanwhile must
// not make another job of the same plan.
func unheld(fs []gap.Finding) []gap.Finding {
	out := slices.Clone(fs)
	for i := range out {
		out[i].HeldBy, out[i].UntilMs = "", 0
	}
	return out
}
