// Package partition holds the vocabulary of where work lies: jobs, slices, ranges of a reference, objects, nodes.
//
// Its types are plain values. They have no I/O, no clock, no goroutines, and they know neither Raft nor pebble, so every
// other room may speak in them. The arithmetic on them lives in two sub-packages, both pure: plan cuts a recovery into
// slices, assign decides which node should own which slice.
//
// Words:
//   - A reference position (Offset) orders the records of one partition of the reference. For a Kafka topic and for our
//     own archive it is the Kafka offset. For an archive whose files carry only a start offset it is Object.Base plus the
//     line number. It is unique inside a partition and never decreases; it need not be dense.
//   - A Range is half-open, [From, To).
//   - A lane is the sequence of slices that must be written one after the other: all slices of one target partition of
//     one job. Lanes run in parallel, slices inside a lane never do; that is what keeps refilled records in order.
//
// Reading order: id.go, offset.go, slice.go, member.go.
package partition
