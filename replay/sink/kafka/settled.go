package kafka

import "context"

// settled waits until readers of committed data see everything that is in the partition now. A lane that is found at its end was
// brought there by a commit whose owner did not wait until it was visible: the owner died, or never heard of its commit. Where the
// last records of that commit lie is not known any more, so it waits for all. While somebody else's transaction is open below
// them, whoever compares the target would find them missing and call a complete repair failed.
func (w *writer) settled(ctx context.Context) {
	if mark, err := w.s.watermark(ctx, w.slice.Partition); err == nil {
		w.visible(ctx, mark.End-1)
	}
}
