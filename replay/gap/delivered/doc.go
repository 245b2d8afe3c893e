// Package delivered answers what a sink left out: which committed records of a topic are in no object of the archive that the
// sink makes of it. The topic is the reference, the archive is only read, and gap.Scan compares them.
//
// Invariants:
//   - Loss is shown by content. A hole between the offsets of two objects is none: transactions, aborted batches and compaction
//     leave such holes. A record that lies in an object of another name or directory of its partition is not lost.
//   - A record that the sink need not have written yet is not missing: one behind the partition's last in the archive that is not
//     older than the archive's newest record of any partition, less the grace; without times, any behind the last.
//   - What the topic has no more can not be compared. Where names tell offsets, holes below the topic's start are findings of
//     kind not comparable.
//   - What an object that can not be read held is not called missing; it is a finding of its own, and the topic still has it.
//
// What is not here: opening both ends (recovery.ScanSink), the comparison (replay/gap).
//
// Reading order: input.go, archive.go, scan.go, loss.go, damage.go, render.go.
package delivered
