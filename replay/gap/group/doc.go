// Package group finds what a consumer group never saw: records that were gone before it read them, and records that it jumped
// over. It needs only Kafka; with an archive it can decide more and counts exactly.
//
// What is asked is where the group stands now, and the history of its commits. A commit says "everything before this was read",
// and a step from one to the next is reading, unless there is evidence that it can not have been:
//
//   - a commit that somebody made while the group had no members: its position was set by hand;
//   - a position whose record was gone for sure when the group came back (the archive knows how old it was, the topic how long
//     it keeps): the group had to begin anew, and auto.offset.reset says where;
//   - a position that had expired, or that is of a topic of the same name that is gone.
//
// Invariants:
//   - A range is called missing only where reading is ruled out. What looks like a jump and could have been reading is "not
//     comparable", with what would decide it.
//   - A position behind the log start is loss only of what lies between the two. A log start that moved up behind the group,
//     as Streams does with its own topics, is none, and neither is a hole.
//   - What the group reads later, after a step back, was not lost; nor is what it has yet to read.
//   - Nothing is written, no group is joined.
//
// What is not here: reading groups (replay/kgroup), what will be lost (replay/sentinel).
//
// Reading order: input.go, walk.go, comeback.go, look.go, pieces.go, render.go.
package group
