package kafka

import "context"

// settled waits until readers of committed data see everything that is in the partition now. A lane that is found at its end was
// brought there by a commit whose owner did not wait until it was visible: the owner died, or never heard of its commit. Where the
// last records of that commit lie is not known any more, so it waits for all. While somebody else's transaction is open below
// them, whoever compares the target would find them missing and call a complete repair failed.
func (w *writer) settled(ctx context.Context) {
	t, err := w.s.watermarks(ctx)
	if err != nil {
		return
	}
	last := map[int32]int64{}
	for part, mark := range t.Partitions {
		if part == w.slice.Partition || w.s.cfg.Rule != nil {
			last[part] = mark.End - 1
		}
	}
	w.reached(ctx, last)
}
