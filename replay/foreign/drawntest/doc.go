// Package drawntest draws records at random, and asks whether an archive of another program gives them back. Each layout's own test lays them
// out, with a writer of its own that knows nothing of the reader. rapid prints how to draw a failure again.
//
// Invariants:
//   - What is drawn is what the parts of a record may be: null and empty are two things, text has every character that needs an escape, JSON has
//     numbers that no float64 holds, members that stand twice, blanks, and depth.
//   - Nothing is compared as text or as a number that is equal: bytes are compared, and nil is not empty.
//   - No record and no damage is never a pass.
//
// What is not here: losses of records, and their ground truth (replay/synth, chaos/detect); archives that the tests of other packages need
// (replay/foreign/foreigntest).
//
// Reading order: draw.go, bucket.go, back.go.
package drawntest
