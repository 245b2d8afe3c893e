package sink

import (
	"context"
	"runtime/pprof"
)

// Profile labels, so that the share of CPU that safety costs can be read off a profile. What is labelled does not wait for
// data on its way: a goroutine that moves data and is started in there would carry the label from then on.
const (
	LabelKey        = "backstitch"
	LabelCheckpoint = "checkpoint" // keeping progress in the target
	LabelProof      = "proof"      // hashing what is written, and what others wrote
)

// Labelled calls do under a profile label.
func Labelled(ctx context.Context, what string, do func(context.Context)) {
	pprof.Do(ctx, pprof.Labels(LabelKey, what), do)
}
