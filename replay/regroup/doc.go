// Package regroup moves a consumer group: to the topic that its own was copied, restored or reprocessed into, at the right place, or back
// in time. A plan says per partition where the group stands, where it will stand, and what that means in records; applying it writes
// exactly that; and what applying wrote can be undone exactly.
//
// Invariants:
//   - Nothing is written while the group has members, and nothing at all when one position is not what the plan saw, when a topic was
//     deleted and made anew, or on another cluster. The refusal comes before the first write.
//   - A plan never moves a group past a record that it has not seen, unless it says so and was asked to (offsetmap.Resume, Options.Missing).
//   - What is told of a partition was read back. An answer to a commit is not believed, and a lost one is no failure.
//   - Before the first write the receipt is on disk, with what was there before. So whatever dies, either nothing was written or there is
//     a receipt that undoes it.
//   - Applying a plan again, or undoing a receipt again, goes on where it stopped, and does nothing when all is done.
//
// What is not here: which offset is which (replay/offsetmap), and what a group never saw (replay/gap/group).
//
// Reading order: plan.go, look.go, build.go, file.go, move.go, apply.go, render.go.
package regroup
