// Package gap finds what a target lacks: it compares the records of a reference with those of a target, partition by partition
// and by content, and says which records are missing, which are there too often, and what could not be compared.
//
// Invariants:
//   - Loss is shown by content. Offsets that jump, counts that differ and times without records are never a finding.
//   - A missing record is named by its exact position in the reference; joining neighbours never takes in a record that is there.
//   - What may be absent for another reason is not called missing: a compacted topic is not comparable, records that are newer
//     than the archive are not extra, damage in the archive is reported under the object's name and the scan goes on. An object
//     in a format that is not read makes what it may hold not comparable.
//   - A record that was delivered to the archive twice is not called missing once the target has it; an object that lies in the
//     directory of another time is misplaced, and its records are compared like all others.
//   - The same data gives the same findings with the same ids, whatever the machine, the order or the number of workers.
//   - Nothing is written, neither into the reference nor into the target.
//
// What is not here: how two streams are compared (replay/gap/match), what is done about a finding (replay/recovery).
//
// Reading order: input.go, finding.go, scan.go, partition.go, lost.go, window.go, grid.go, classify.go, copies.go, redelivered.go, repeated.go, unread.go,
// misplaced.go, cause.go, held.go, heatmap.go, list.go, explain.go.
package gap
