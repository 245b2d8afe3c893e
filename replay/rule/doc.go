// Package rule judges records on their way out of a source, behind the steps of a transform: what breaks a rule is never written, and
// never dropped without a word.
//
// Invariants:
//   - A record that breaks a rule is a *source.DamagedError for its position, with the number of the rule. One that a rule can not
//     judge has broken it.
//   - Records that keep all rules pass as they are, byte by byte.
//   - A tombstone has no value: only expressions that do not look at the value judge it.
//   - A Tally counts each position once, however often it is read.
//
// What is not here: how rules are written (replay/spec), what expressions mean (replay/expr), who sets records aside (replay/engine),
// and who refuses a plan (replay/recovery).
//
// Reading order: set.go, kinds.go, over.go, tally.go.
package rule
