// Package verify proves, partition by partition, that a job did what it was for: everything that the reference has is in the
// target, once, with the same bytes, and what the job wrote is in the reference's order. It reads both sides and writes nothing.
//
// The records of one partition are of two classes, which lie in different parts of the target and are compared apart: survivors,
// which were there when the plan was made, below Slice.TargetTo; and refilled ones, which came after. Inside a class both sides
// come in nearly the same order, so a comparison holds little more than the difference.
//
// Invariants:
//   - A pass needs at least one record on each side, no record missing, none twice because of the job, and refilled records in
//     the reference's order.
//   - What the target holds is read from the target. Its sum and chain are computed from those bytes, never taken over from the
//     reference or from a checkpoint.
//   - Records that were there twice, or out of order, before the job are counted, and not held against it.
//   - Headers of our own are in no comparison, so how late a record says that it is has one of its own: against the watermark that the
//     reference gives when it is read in order once more.
//   - Nothing compared is indeterminate. A reference that can not be read any more is, too; a target that can not is an error.
//
// What is not here: how streams are matched (replay/gap/match), how comparisons add up to a verdict (fsm.Judge), what a report
// looks like (replay/report).
//
// Reading order: verify.go, class.go, ledger.go, order.go, pairs.go, repeat.go, late.go, job.go.
package verify
