// Package repeat tells which records of a reference are events that came before, so that a job that reprocesses does not hand them on a
// second time.
//
// A record is a repetition when an earlier one of the same partition and the same key lies less than a window away from it, by the
// timestamps of the two, on either side.
//
// Invariants:
//   - Earlier is by position, and near by timestamp on either side: order in time is not assumed, and a clock that was years ahead
//     once hides nothing but records that are as far ahead.
//   - It does not matter whether the earlier one is a repetition itself. So the answer for a record hangs on records, not on answers, and
//     the first of a chain is always kept.
//   - Only records that the job is about count, so each repetition has one before it in the same job that is none: a key is never left out
//     altogether.
//   - A record whose key can not be read is kept, and hides no other. It is counted by its reason.
//   - The answer is exact: keys are compared by 128 bits, and what does not fit in memory goes to disk (spill.Times).
//
// Whoever asks for a record has to have seen all that come before. A job's slices are read anywhere and again, so they do not ask: the plan
// reads once in order (Over) and freezes the positions, and the proof reads once in order and finds them anew (Finder).
//
// What is not here: what others have written into the target already (replay/dedupe); how keys are written (replay/spec).
//
// Reading order: key.go, finder.go, over.go, book.go.
package repeat
