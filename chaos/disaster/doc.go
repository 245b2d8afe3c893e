// Package disaster loses what a cluster can not do without, for good, and does what docs/recover.md says.
//
// Invariants:
//   - The commands are those of the document, in its order, and nothing is known but what they print.
//   - What the snapshot held is there again: jobs, proofs, and reports that are still checked.
//   - What was written after the snapshot is found by a new plan and written no second time: an independent reader finds in each partition
//     exactly what was produced, in that order.
package disaster
