// Package spec is the job spec: what a person writes to say what was lost, where the truth is, and how to write it back.
//
// Invariants:
//   - One Go struct tree, Recovery, is the source. The JSON Schema is generated from it and checked in; a test fails when they
//     drift apart.
//   - Nothing is accepted and ignored: an unknown key is an error, and every field there is does something.
//   - All errors of a file are reported at once, each with line, column, a stable code and what to write instead.
//   - A magnitude has a unit. A bare number is refused, and the message says what to write.
//   - A spec holds no secrets and no addresses that need them; connections name what the agents are configured with.
//
// What is not here: what the spec means for data that exists (replay/recovery), connections and their secrets (cmd and
// replay/connect).
//
// Reading order: recovery.go, units.go, parse.go, semantics.go, files.go, dedupe.go, flow.go, problem.go, explain.go, initial.go.
package spec
