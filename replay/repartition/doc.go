// Package repartition gives records another partition than they had: a topic of n partitions is copied into a new one of m.
//
// Invariants:
//   - The partition of a record is a function of the record and of where it came from, so a job that goes on after a crash, and the
//     proof, come to the same one.
//   - Records of one partition of the reference keep their order inside each partition of the target, so the records of a key keep theirs.
//   - What a partition of the reference has in the target is known by origin headers alone, over all partitions of the target.
//
// Everything else goes by partitions of the reference, as it does without this package: slices, lanes, progress, comparisons. A View
// shows the target the way they want it, as if each partition of the reference had one of its own there.
//
// What is not here: writing (replay/sink/kafka asks a Rule), comparing (replay/gap, replay/verify), what a plan refuses
// (replay/recovery).
//
// Reading order: rule.go, numbers.go, view.go, merge.go, keys.go.
package repartition
