// Package offsetmap tells which offset of one log holds the record that another log has at some offset: a topic and its mirror, an
// archive and the topic that a job refilled, a topic and the one that it was reprocessed into.
//
// Invariants:
//   - An offset is paired with another because the two records are equal, or, where that is asked for (ByHeaders), because a job's
//     headers say so. Nothing is concluded from arithmetic: not over a hole, not from neighbours, not from timestamps.
//   - Of equal records the oldest pairs with the oldest, as in every other comparison. It does not matter to a reader which of them pairs
//     with which: what lies behind the place where it goes on, and what is said to be lacking there, is of each content as much as it has
//     not seen, or more.
//   - What has no partner is kept by offset, on both sides, and counts in every answer.
//   - What is held grows with the number of times that the two logs fall out of step, and is bounded: ErrFragmented beyond that. Of a topic
//     in other partitions (Cross) it is a bit for each record that a reader has not seen, at most.
//
// What is not here: the comparison itself (replay/gap/match), and groups (replay/regroup).
//
// Reading order: runs.go, builder.go, build.go, land.go, render.go; across.go, passing.go.
package offsetmap
