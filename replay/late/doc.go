// Package late tells which records come later than a watermark allows, so that whoever reads what a job writes knows them for what they are.
//
// The watermark of a partition at a record is the highest event time before it, less what is allowed. A record whose event time lies below it is
// late, by the distance. Before it is what the target's partition had when the plan was made, and what the job writes in front of it, in the
// order of the reference.
//
// Invariants:
//   - What a record says hangs on the records before it alone: not on slices, owners, crashes or the clock.
//   - A late record is written like any other, and has sink.LateHeader. One that is not late has none, also where the reference gave it one.
//   - A record without an event time is not late, and moves no watermark. It is counted by its reason.
//   - What the target will not take moves the watermark all the same: its event came before.
//
// Slices are read anywhere and again, so a plan reads what a job will write once in order, and freezes the highest event time before each slice
// (Begins). Inside a slice Over counts on from there; one that goes on in the middle reads its beginning again. The proof believes none of it and
// counts through the whole partition (Watermark).
//
// What is not here: what late records mean to a reader, who may have a grace of its own; how event times are named (replay/spec).
//
// Reading order: clock.go, watermark.go, over.go, heard.go.
package late
