// Package match compares two streams of records as multisets, by the 128-bit hash of their canonical form, in one pass and in
// memory that grows with their difference and not with their size.
//
// Invariants:
//   - A record of one side stands for one record of the other. Of three equal records in the reference two of which are in the
//     target, one is missing.
//   - Equal records pair in the order in which each side has them: the oldest with the oldest.
//   - Nothing is concluded from offsets, counts or timestamps. Offsets only name what content has shown.
//   - The side with fewer unmatched records is read on, so a run that only one side has costs its own length and no more.
//   - No probabilistic structure: what is called missing is missing.
//
// What is not here: what a difference means (replay/gap, replay/verify), where unmatched records lie when there are many
// (storage/spill).
//
// Reading order: run.go, bag.go, positions.go.
package match
