// Package transform changes the JSON values of records by a chain of small pure steps, on their way out of a source: everything
// behind it (scan, plan, dedupe, write, verify) works on the changed records.
//
// Invariants:
//   - Nothing is changed that no step has asked for. What lies beside the paths of the steps keeps its bytes: blanks, the spelling
//     of numbers and escapes, order, and members of one name. A value that no step changes keeps all of its bytes.
//   - A value is changed by all steps or by none. One that can not be changed is a *source.DamagedError for its position, with the
//     reason: it is never dropped, and never passed on as it was.
//   - Casts are exact or refused, and go by the digits as they stand. There is no float64.
//   - Keys, headers, timestamps and null values pass. Order and cursors are those of the source.
//   - The same value and the same steps give the same bytes.
//
// What is not here: how steps are written (replay/spec); the codes of what is refused (replay/source); who quarantines (replay/engine).
//
// Reading order: chain.go, step.go, object.go, cast.go, over.go, example.go.
package transform
