// Package scenario has the stories that the system is put through: what there is, what is lost, what is done to whom while it is
// put back, and what has to come out.
//
// Invariants:
//   - One file is one story with one promise in one sentence. The same file is run in every layer that it names.
//   - Nothing is accepted and ignored: an unknown key is an error, a fault that a layer can not inject keeps the scenario out of
//     that layer, and Expects.Set lists what a runner has to check, so that one that can not check it refuses.
//   - All errors of a file come at once, each with line and column.
//   - The same scenario and the same seed give the same faults.
//
// Not here: running it (sim, bubble, matrix, staging), judging it (check), the faults' own grammar (fault).
//
// Reading order: scenario.go, expects.go, file.go, validate.go, library.go, matrix.go.
package scenario
