// Package plan cuts a recovery into slices, and orders jobs. It is arithmetic only: no I/O, no clock, no randomness, and the
// same input gives the same output on every machine.
//
// Invariants, each with a property test:
//   - The fill slices of one partition are disjoint, ascending, and together cover exactly Part.Fill.
//   - Every position lies in one fill slice whole: a cut falls between two positions, never inside a record.
//   - No slice is beyond a limit, unless it is a single position (or a single stretch of overlapping objects) that can not
//     be cut any further.
//   - A slice carries every object that may hold one of its positions, and no other.
//   - The estimates of all fill slices of a partition add up to the estimate of Part.Fill; rounding loses nothing.
//   - Slices are numbered from 0: first the fill slices by partition and position, then one verify slice per partition. So
//     inside a lane the numbers ascend with the ranges and verify comes last.
//
// Not here: what is missing (replay/gap), the frozen plan document (replay/recovery), who runs a slice (partition/assign
// proposes, cluster/leader decides).
//
// Reading order: part.go, limits.go, cut.go, meter.go, objects.go, order.go.
package plan
