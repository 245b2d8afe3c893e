// Package revise shows what another version of a spec's steps and rules makes of the same records, member by member.
//
// Invariants:
//   - Each record that was looked at is in exactly one count of Diff: the same, respelt, changed, or refused by one side or by both.
//   - Numbers are compared by their digits. Values that say the same and are spelt otherwise are respelt and not changed: who reads them
//     sees no difference, who hashes them does.
//   - Memory is bounded by the number of paths, and what is beyond it is counted.
//
// What is not here: what steps and rules do (replay/transform, replay/rule), where records come from (replay/recovery).
//
// Reading order: version.go, diff.go, values.go.
package revise
