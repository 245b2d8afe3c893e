// Package flow is the arithmetic of flows: which step of a graph may begin, which is skipped, when the whole has ended. Pure.
//
// Invariants:
//   - A decision is a function of the steps, their states and the time that the caller hands in. No I/O, no clock, no map is walked.
//   - A step begins once all that it needs have ended well, and once what its gate names is proved. A step that may fail ends well for
//     those that need it even when it failed; it never opens a gate.
//   - A step that failed for good, and may not, blocks what needs it and nothing else: the other branches go on to their end, so that a
//     retry has as little left to do as possible.
//   - Each attempt has a number that is never used again. Its token is a function of the states alone: a new one after what is known to have
//     failed, the same as before after what may have been done.
//   - A step that undoes another one begins once all that goes forward has ended, and something that builds upon the other one has failed. One
//     undoes at a time, what ended last first, and never what is built upon before what builds upon it; a failure stops them.
//   - Every flow ends, if its effects do: attempts are counted, and nothing but a new attempt leaves an ended state.
//
// What is not here: facts and commands (fsm), who acts on a decision (cluster/conductor), what a person writes (replay/spec).
//
// Reading order: step.go, check.go, undo.go, decide.go.
package flow
